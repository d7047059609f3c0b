"""From sections of the configuration to the settings of components. Pure; the composition root (`app`) calls it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from redshank.alert.compose import Site
from redshank.alert.message import Place, Wording
from redshank.clock import US_PER_S
from redshank.config import schema
from redshank.config.record import DEFAULT_VOLUME, Record
from redshank.geometry import Polygon
from redshank.hub import Watched
from redshank.library import Plan
from redshank.media.settings import SourceSettings
from redshank.model import KeepClass
from redshank.process.settings import AnalysisSettings, StreamSettings
from redshank.record_settings import RecordSettings
from redshank.retain import Policy, Rules
from redshank.rules.filter import ObjectFilter
from redshank.rules.rule import Rule

RING_S = 10.0
"""What the ring holds beyond the recorder's pre-capture: so late may the word come that something is worth keeping."""
NEVER_S = 1e9
"""A period that does not come; infinity has no JSON."""


def active(config: schema.Config) -> list[str]:
    """Cameras that are switched on, in the order people see them."""
    return sorted(
        (name for name, camera in config.cameras.items() if camera.enabled),
        key=lambda name: (config.cameras[name].order, name),
    )


def source(stream: schema.Stream) -> SourceSettings:
    kind = stream.kind if stream.kind in ("flv", "mjpeg", "jpeg") else "auto"
    return SourceSettings(
        url=stream.url,
        user=stream.user,
        password=stream.password.reveal() if stream.password else "",
        kind=kind,
        transport=stream.transport,
        tls_verify=stream.tls_verify,
        width=stream.width or 0,
        height=stream.height or 0,
        fps=stream.fps or 0.0,
        interval_s=stream.interval_s,
        loop=stream.loop,
        audio=stream.audio,
    )


def streams(config: schema.Config, name: str) -> list[StreamSettings]:
    """Every stream of a camera, the analysed one marked."""
    camera = config.cameras[name]
    return [
        StreamSettings(
            camera=name,
            stream=stream,
            source=source(settings),
            analysed=camera.detect.enabled and stream == camera.detect_stream,
            sleeps=camera.sleeps,
            ends=_is_file(settings.url) and not settings.loop,
            ring_s=RING_S + (camera.record.pre_capture if camera.record.enabled else 0.0),
        )
        for stream, settings in camera.streams.items()
    ]


def _is_file(url: str) -> bool:
    return url.startswith("file:") or ("://" not in url and not url.startswith(("usb:", "csi:", "v4l2:")))


def plan(config: schema.Config, name: str, volumes: Mapping[str, str], boot: str) -> Plan:
    """How a camera is recorded. volumes: name → id of those that can be used."""
    camera = config.cameras[name]
    record = camera.record
    volume = volumes.get(record.volume) or volumes.get(DEFAULT_VOLUME, "")
    settings = tuple(
        RecordSettings(
            camera=name,
            stream=stream,
            volume=volume,
            mode=record.mode,
            segment_s=record.segment,
            pre_s=record.pre_capture,
            post_s=record.post_capture,
            sound=record.sound,
            boot=boot,
        )
        for stream in camera.streams
        if stream in record.streams and record.enabled and volume
    )
    return Plan(settings, record.schedule, ZoneInfo(config.timezone))


def volume_paths(config: schema.Config, data: Path) -> Mapping[str, Path]:
    """Every volume by name, `default` among them."""
    named = {name: volume.path.expanduser() for name, volume in config.storage.volumes.items()}
    return {DEFAULT_VOLUME: data / "recordings"} | {name: data / path for name, path in named.items()}


def retention(config: schema.Config) -> Rules:
    """How long footage stays; that of a camera no longer configured as the global section says."""
    policies = {name: _policy(camera.record) for name, camera in config.cameras.items()}
    return Rules(policies, _policy(config.record))


def _policy(record: Record) -> Policy:
    kept = {
        KeepClass.CONTINUOUS: record.continuous,
        KeepClass.MOTION: record.motion,
        KeepClass.DETECTION: record.detections,
        KeepClass.ALERT: record.alerts,
    }
    return Policy(
        days={name: _limit(one.days) for name, one in kept.items()},
        max_days=_limit(record.max_days),
        quota=record.quota,
        pre_us=round(record.pre_capture * US_PER_S),
        post_us=round(record.post_capture * US_PER_S),
    )


def picture_days(config: schema.Config) -> float | None:
    """Pictures of alerts stay as long as the longest footage of alerts; None: for ever."""
    days = [_limit(camera.record.alerts.days) for camera in config.cameras.values()]
    return None if None in days else max((one for one in days if one is not None), default=None)


def _limit(days: float | str) -> float | None:
    return None if isinstance(days, str) else days


def reserves(config: schema.Config) -> Mapping[str, int | None]:
    """Bytes that stay free, by volume."""
    return {name: volume.reserve for name, volume in config.storage.volumes.items()}


def analysis(config: schema.Config, name: str) -> AnalysisSettings:
    """How the camera is looked at."""
    camera = config.cameras[name]
    return AnalysisSettings(
        camera=name,
        stream=camera.detect_stream,
        fps=camera.detect.fps,
        min_score=camera.detect.min_score,
        full_every_s=camera.detect.full_every_s or NEVER_S,
        labels=config.labels_of(name),
        filters={label: _filter(f) for label, f in camera.objects.filters.items()},
        privacy=tuple(camera.privacy_masks.values()),
        sensitivity=camera.motion.sensitivity,
        min_area=camera.motion.min_area,
        min_frames=camera.motion.min_frames,
        masks=tuple(camera.motion.mask.values()),
    )


def _filter(f: schema.Filter) -> ObjectFilter:
    return ObjectFilter(f.min_score, f.min_area, f.max_area, f.min_ratio, f.max_ratio)


def watched(config: schema.Config, name: str) -> Watched:
    camera = config.cameras[name]
    return Watched(
        name=name,
        title=camera.friendly_name or name,
        zone=ZoneInfo(config.timezone),
        zones=zones(config)[name],
        privacy=tuple(camera.privacy_masks.values()),
        streams=tuple(camera.streams),
    )


def zones(config: schema.Config) -> Mapping[str, Mapping[str, Polygon]]:
    """Camera → zone → corners."""
    return {
        name: {zone: settings.coordinates for zone, settings in camera.zones.items()}
        for name, camera in config.cameras.items()
    }


def zone_labels(config: schema.Config) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Camera → zone → the only labels it is about."""
    return {
        name: {zone: settings.objects for zone, settings in camera.zones.items() if settings.objects}
        for name, camera in config.cameras.items()
    }


def rules(config: schema.Config) -> list[Rule]:
    """The user's rules; none = the judge's own default. A zone's inertia and loitering time hold for every rule that names it."""
    return [_rule(config, name, rule) for name, rule in config.rules.items()]


def _rule(config: schema.Config, name: str, rule: schema.Rule) -> Rule:
    named = [zone for camera in config.cameras.values() for key, zone in camera.zones.items() if key in rule.zones]
    return Rule(
        name=name,
        on="motion" if rule.on_motion else "object",
        cameras=rule.cameras,
        labels=rule.labels,
        zones=rule.zones,
        min_score=rule.min_score,
        min_time_s=max([rule.min_time, *(zone.loitering_time for zone in named)]),
        inertia=max([1, *(zone.inertia for zone in named)]),
        min_motion=rule.min_motion,
        gap_s=rule.motion_gap,
        max_per_minute=rule.max_per_minute,
        cooldown_s=rule.cooldown,
        severity=rule.severity,
        channels=rule.channels,
        notify_close=rule.notify_close,
        enabled=rule.enabled,
    )


def words(config: schema.Config) -> Site:
    """How messages are worded."""
    places = {
        name: Place(camera.friendly_name or name, camera.location, {zone: zone for zone in camera.zones})
        for name, camera in config.cameras.items()
    }
    return Site(Wording(ZoneInfo(config.timezone), config.public_url), places)


def levels(config: schema.Config) -> Mapping[str, str]:
    """How much each part logs."""
    return {**config.logger.logs, "redshank": config.logger.default}
