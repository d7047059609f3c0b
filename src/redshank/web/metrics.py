"""Prometheus metrics of the running site: names and base units as the field uses them, `camera` as the label everywhere.

Made from the status when somebody asks; no address, user or path is in a label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from redshank.access.who import Verb
from redshank.web.guard import needs
from redshank.web.site import Site

routes = APIRouter()
State = Mapping[str, Any]


class Gathered:
    """What one answer says; a collector, as the library calls it."""

    def __init__(self, status: State, storage: State) -> None:
        self._status = status
        self._storage = storage

    def collect(self) -> Iterator[Metric]:
        yield from cameras(self._status.get("cameras", ()))
        yield from site(self._status)
        yield from volumes(self._storage.get("volumes", ()))


@routes.get("/metrics")
@needs(Verb.CONFIGURE)
async def metrics(site: Site) -> Response:
    """For Prometheus. On the event loop, where the status is made."""
    registry = CollectorRegistry()
    registry.register(Gathered(site.status(), site.storage()))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def cameras(states: Any) -> Iterator[Metric]:
    """Per stream."""
    labels = ["camera", "stream"]
    up = GaugeMetricFamily("redshank_camera_up", "1 while packets come", labels=labels)
    fps = GaugeMetricFamily("redshank_camera_fps", "Pictures that come, per second", labels=labels)
    bitrate = GaugeMetricFamily("redshank_camera_bitrate_bits", "Bits that come, per second", labels=labels)
    recording = GaugeMetricFamily("redshank_camera_recording", "1 while a file is written", labels=labels)
    analysed = GaugeMetricFamily("redshank_camera_analysed_fps", "Pictures looked at, per second", labels=labels)
    motion = GaugeMetricFamily("redshank_camera_motion_ratio", "Share of the picture that moves", labels=labels)
    connects = CounterMetricFamily("redshank_camera_connects", "Connections since the start", labels=labels)
    dropped = CounterMetricFamily("redshank_camera_dropped", "Packets nobody took in time", labels=[*labels, "reader"])
    for one in states:
        of = [one["camera"], one["stream"]]
        up.add_metric(of, one["status"] == "online")
        fps.add_metric(of, one["fps"])
        bitrate.add_metric(of, one["bitrate"])
        connects.add_metric(of, one["connects"])
        recording.add_metric(of, bool((one.get("recording") or {}).get("recording")))
        for reader, count in one["dropped"].items():
            dropped.add_metric([*of, reader], count)
        if seen := one.get("analysed"):
            analysed.add_metric(of, seen["fps"])
            motion.add_metric(of, seen["motion"])
    yield from (up, fps, bitrate, recording, analysed, motion, connects, dropped)


def site(status: State) -> Iterator[Metric]:
    """Of all of it."""
    detector, alerts = status.get("detector", {}), status.get("alerts", {})
    yield GaugeMetricFamily("redshank_ok", "1 when everything is well", value=bool(status.get("ok")))
    yield GaugeMetricFamily("redshank_problems", "Lines that ask for somebody", value=len(status.get("problems", ())))
    yield GaugeMetricFamily("redshank_detector_seconds", "Of one look", value=detector.get("ms", 0.0) / 1000)
    yield GaugeMetricFamily("redshank_detector_queue", "Looks that wait", value=detector.get("waiting", 0))
    yield CounterMetricFamily("redshank_detector_calls", "Since the start", value=detector.get("calls", 0))
    yield CounterMetricFamily("redshank_detections", "Since the start", value=status.get("detections", 0))
    yield CounterMetricFamily("redshank_alerts", "Opened since the start", value=alerts.get("total", 0))
    yield GaugeMetricFamily("redshank_alerts_open", "Open now", value=alerts.get("open", 0))
    yield CounterMetricFamily("redshank_suppressed", "Notifications held back", value=alerts.get("suppressed", 0))
    channels = GaugeMetricFamily("redshank_channel_up", "1 while a channel works", labels=["channel"])
    waiting = GaugeMetricFamily("redshank_channel_waiting", "Notifications that wait", labels=["channel"])
    for name, health in status.get("channels", {}).items():
        channels.add_metric([name], health["state"] == "ok")
        waiting.add_metric([name], health["queued"])
    starts = CounterMetricFamily("redshank_process_starts", "Of a worker, since the start", labels=["process"])
    for name, process in status.get("processes", {}).items():
        starts.add_metric([name], process["starts"])
    yield from (channels, waiting, starts)


def volumes(found: Any) -> Iterator[Metric]:
    """Disks."""
    size = GaugeMetricFamily("redshank_storage_size_bytes", "Of the volume", labels=["volume"])
    free = GaugeMetricFamily("redshank_storage_free_bytes", "Of the volume", labels=["volume"])
    footage = GaugeMetricFamily("redshank_storage_footage_bytes", "Recordings on it", labels=["volume"])
    for one in found:
        size.add_metric([one["volume"]], one["total"])
        free.add_metric([one["volume"]], one["free"])
        footage.add_metric([one["volume"]], one["bytes"])
    yield from (size, free, footage)
