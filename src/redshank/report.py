"""The status of a running site, as `redshank status --json` prints it and the live view draws it. Times RFC 3339 UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from redshank.alert.message import local_time
from redshank.bus.messages import encode
from redshank.clock import US_PER_S, Clock, rfc3339
from redshank.config.load import Loaded, check_labels
from redshank.config.schema import Config
from redshank.hub import Hub
from redshank.judge import Judge
from redshank.model import Alert, CameraState, CameraStatus, Observation, TrackState
from redshank.notify import Notifier
from redshank.notify_lane import ChannelHealth
from redshank.recordings import Recordings
from redshank.supervisor import Worker

RATE_S = 5.0


@dataclass(frozen=True, slots=True)
class Subject:
    """What is reported on."""

    config: Config
    data: str
    hub: Hub
    judge: Judge
    notifier: Notifier
    workers: Sequence[Worker]
    problems: Callable[[], Sequence[str]]
    """Of the configuration."""
    loaded: Loaded
    recordings: Recordings
    pending: Callable[[], Sequence[str]] = tuple
    """Keys of the configuration whose new value waits for a restart."""


class Reporter:
    """Makes the status from what everybody knows of themselves."""

    def __init__(self, subject: Subject, clock: Clock) -> None:
        self._subject = subject
        self._clock = clock
        self._started = clock.now()
        self._notes: dict[str, str] = {}
        self.on_demand: Callable[[], Sequence[Worker]] = tuple
        """Processes that run only while somebody needs them: those there are now."""

    def change(self, subject: Subject) -> None:
        """From the next report on."""
        self._subject = subject

    def note(self, who: str, trouble: str) -> None:
        """Trouble of a part that nobody else reports; empty = well again."""
        self._notes[who] = trouble

    def report(self) -> dict[str, Any]:
        s, now = self._subject, self._clock.now()
        problems = list(self._problems())
        channels = {name: _channel(health) for name, health in s.notifier.health().items()}
        return {
            "ok": not problems and s.hub.online() and all(c["state"] == "ok" for c in channels.values()),
            "setup": not s.hub.analysed,
            "pending": list(s.pending()),
            "time": rfc3339(now),
            "started": rfc3339(self._started),
            "site": s.config.site,
            "data": s.data,
            "problems": problems,
            "cameras": self._cameras(now),
            "detector": self._detector(),
            "detections": sum(a.detections for a in s.hub.analysed.values()),
            "alerts": self._alerts(),
            "channels": channels,
            "recordings": {"waiting": s.recordings.library.waiting, "volumes": self._volumes()},
            "storage": s.recordings.keeper.status,
            "bus": {"url": s.config.bus.url, "unsent": s.hub.unsent, **s.hub.bus_stats()},
            "processes": {w.name: {"pid": w.pid, "starts": w.starts} for w in (*s.workers, *self.on_demand())},
        }

    def _problems(self) -> Sequence[str]:
        s = self._subject
        found = [*s.problems(), *(f"{who}: {why}" for who, why in s.hub.trouble.items())]
        found += s.recordings.troubles()
        found += [
            f"{name}: its picture has not changed at all for half a minute: the camera hangs, restart it"
            for name, analysed in s.hub.analysed.items()
            if analysed.recent and analysed.recent[-1].health == "frozen"
        ]
        found += [
            f"{w.name}: {w.failing}; it is started again"
            for w in s.workers
            if w.failing and w.name not in s.hub.trouble
        ]
        if known := s.hub.model.get("labels"):
            found += [str(problem) for problem in check_labels(s.loaded, known)]
        found += [f"database: {s.judge.trouble}"] if s.judge.trouble else []
        found += (
            [f"judge: {s.judge.parked} observations could not be stored, the log says why"] if s.judge.parked else []
        )
        for worker in s.workers:
            found += [
                f"{name}: {one['trouble']}" for name, one in worker.stats.get("cameras", {}).items() if one["trouble"]
            ]
        return [*found, *(f"{who}: {why}" for who, why in self._notes.items() if why)]

    def _cameras(self, now: int) -> list[dict[str, Any]]:
        """One entry per stream, in the user's order; the analysed one says what was seen."""
        s = self._subject
        found = []
        for name in s.hub.analysed:
            camera = s.config.cameras[name]
            for stream in camera.streams:
                state = s.hub.states.get((name, stream)) or CameraState(name, stream, CameraStatus.CONNECTING, now, now)
                entry = {**encode(state), "friendly_name": camera.friendly_name or name}
                if recording := s.recordings.library.state(name, stream):
                    entry["recording"] = recording
                if camera.detect.enabled and stream == camera.detect_stream:
                    entry["analysed"] = self._analysed(name, now)
                found.append(entry)
        return found

    def _analysed(self, name: str, now: int) -> dict[str, Any]:
        hub = self._subject.hub
        analysed = hub.analysed[name]
        recent = [o for o in analysed.recent if now - RATE_S * US_PER_S < o.time]
        stats = hub.vision[name].stats.get("cameras", {}).get(name, {})
        return {
            "fps": round(len(recent) / RATE_S, 2),
            "motion": round(recent[-1].motion, 4) if recent else 0.0,
            "now": _now(recent[-1]) if recent else "",
            "looks": analysed.looks,
            "dropped": stats.get("dropped", 0),
            "failed": stats.get("failed", 0),
            "unreadable": stats.get("unreadable", 0),
            "stages": stats.get("stages", {}),
        }

    def _volumes(self) -> dict[str, Any]:
        s = self._subject
        return {
            name: {"path": str(s.recordings.volumes.open[id].root), "buffer": s.recordings.library.buffers.get(id, {})}
            for name, id in s.recordings.volumes.ids.items()
        }

    def _detector(self) -> dict[str, Any]:
        s = self._subject
        stats = [w.stats["detector"] for w in s.workers if "detector" in w.stats]
        return {
            "model": s.hub.model.get("model", ""),
            "device": s.hub.model.get("device", ""),
            "ms": max((one["ms"] for one in stats), default=0.0),
            "calls": sum(one["calls"] for one in stats),
            "waiting": sum(one["queue"] for one in stats),
        }

    def _alerts(self) -> dict[str, Any]:
        hub = self._subject.hub
        zone = ZoneInfo(self._subject.config.timezone)
        return {
            "open": sum(alert.state == "open" for alert in hub.alerts.values()),
            "total": hub.alerts_opened,
            "suppressed": hub.suppressed,
            "latest": [_alert(alert, zone) for alert in reversed(hub.alerts.values())],
        }


def _now(seen: Observation) -> str:
    """ "2 person, 1 car": what is in the picture."""
    counts: dict[str, int] = {}
    for track in seen.tracks:
        if track.state in (TrackState.ACTIVE, TrackState.STATIONARY):
            counts[track.label] = counts.get(track.label, 0) + 1
    return ", ".join(f"{count} {label}" for label, count in counts.items())


def _alert(alert: Alert, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": alert.id,
        "rule": alert.rule,
        "camera": alert.camera,
        "label": alert.label,
        "score": round(alert.score, 3),
        "state": alert.state,
        "opened": rfc3339(alert.opened),
        "time": local_time(alert.opened, zone),
    }


def _channel(health: ChannelHealth) -> Mapping[str, Any]:
    times = {
        name: rfc3339(value) for name in ("failing_since", "last_sent") if (value := getattr(health, name)) is not None
    }
    return {**asdict(health), "failing_since": None, "last_sent": None, **times}
