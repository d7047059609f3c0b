"""From an alert to the words people read. Pure: no I/O, no clock, no config.

All English is in `TEXTS`, so that a translation is another mapping. Names a user typed (camera, place, zone) are made one plain line
here; each channel escapes for its own format. The time zone changes what is displayed and nothing else (req:P-28).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from redshank.alert.base import Message, Picture
from redshank.clock import US_PER_S
from redshank.errors import ConfigError
from redshank.model import Alert, Box, Condition, Detection, Notification, Verdict

TEXTS: Mapping[str, str] = {
    "title.open": "{label} at {camera}",
    "title.update": "{label} at {camera}",
    "title.close": "{label} at {camera} – over",
    "title.test": "Redshank test at {camera}",
    "seen": "{label} ({score}) at {camera}{place}{zones}, {time}.",
    "close": "Over after {duration}.",
    "test": "This is a test: the channel works. Nothing happened.",
    "place": " ({place})",
    "zones": ", in {zones}",
    "rule": "Rule: {rule}.",
    "anything": "Something",
    "no_picture": "No picture: {reason}.",
    "link": "Open: {link}",
    "table.label": "Seen",
    "table.score": "Score",
    "row.camera": "Camera",
    "row.place": "Place",
    "row.time": "Time",
    "row.zones": "Zones",
    "row.rule": "Rule",
    "footer": "Sent by Redshank.",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """What people call a camera and where it is (req:P-17)."""

    name: str
    place: str = ""
    zones: Mapping[str, str] = field(default_factory=dict)
    """Zone id → friendly name; a zone that is not listed shows its id."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How messages of this site are worded; the same for every channel."""

    zone: ZoneInfo
    public_url: str = ""
    """Where the page is reached from outside, e.g. https://nvr.example.org; empty: no links."""
    texts: Mapping[str, str] = field(default_factory=lambda: TEXTS)


def time_zone(name: str) -> ZoneInfo:
    """Raises ConfigError when there is no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"time zone {name!r} is unknown: write one like Europe/Berlin or America/New_York") from error


def plain(text: str, limit: int = 200) -> str:
    """One printable line: control, bidirectional and line-breaking characters become a space, the end is cut at `limit`."""
    line = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in text)
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def percent(score: float) -> str:
    """A score of 0–1 with one decimal: `87.3 %`."""
    return f"{score * 100:.1f} %"


def local_time(time_us: int, zone: ZoneInfo) -> str:
    """`2026-11-21 08:03:12 CET`."""
    return f"{(_EPOCH + timedelta(microseconds=time_us)).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def duration(us: int) -> str:
    """`42 s`, `3 min 5 s`, `2 h 7 min`."""
    seconds = max(0, us) // US_PER_S
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def picture_name(camera: str, time_us: int) -> str:
    """`front-door-2026-11-21T07-03-12Z.jpg`: safe on every file system, sorts by time (UTC)."""
    stamp = f"{_EPOCH + timedelta(microseconds=time_us):%Y-%m-%dT%H-%M-%SZ}"
    return f"{_UNSAFE_NAME.sub('-', camera).strip('-') or 'camera'}-{stamp}.jpg"


def build(notification: Notification, alert: Alert, place: Place, wording: Wording) -> Message:
    """The message without picture; `with_evidence` adds what the picture shows."""
    kind, texts = notification.kind, wording.texts
    camera = plain(place.name) or alert.camera
    label = plain(alert.label).capitalize() or texts["anything"]
    time_text = local_time(alert.opened, wording.zone)
    zones = [plain(place.zones.get(zone, zone)) for zone in alert.zones]
    sentences = [
        texts["seen"].format(
            label=label,
            score=percent(alert.score),
            camera=camera,
            place=texts["place"].format(place=plain(place.place)) if place.place else "",
            zones=texts["zones"].format(zones=", ".join(zones)) if zones else "",
            time=time_text,
        )
    ]
    if kind == "close" and alert.closed is not None:
        sentences.append(texts["close"].format(duration=duration(alert.closed - alert.opened)))
    if kind == "test":
        sentences = [texts["test"]]
    if alert.rule:
        sentences.append(texts["rule"].format(rule=plain(alert.rule)))
    return Message(
        id=notification.id,
        kind=kind,
        title=texts[f"title.{kind}"].format(label=label, camera=camera),
        text=" ".join(sentences),
        camera=alert.camera,
        camera_name=camera,
        place=plain(place.place),
        time=_time_of(alert, kind),
        time_text=time_text,
        alert=alert,
        detections=(Detection(alert.label, alert.score, alert.box or Box(0, 0, 1, 1)),) if alert.label else (),
        link=f"{wording.public_url.rstrip('/')}/alerts/{alert.id}" if wording.public_url and kind != "test" else "",
    )


def with_evidence(
    message: Message, picture: Picture | None, detections: Sequence[Detection] = (), reason: str = ""
) -> Message:
    """The same message with the picture and everything seen in it, best first; `reason` says why there is no picture."""
    seen = tuple(sorted(detections, key=lambda d: -d.score)) or message.detections
    return replace(message, picture=picture, detections=seen, no_picture="" if picture else plain(reason))


def _time_of(alert: Alert, kind: Literal["open", "update", "close", "test"]) -> int:
    if kind == "close" and alert.closed is not None:
        return alert.closed
    return alert.updated if kind == "update" else alert.opened


def example(notification_id: str, camera: str, now: int) -> tuple[Notification, Alert]:
    """What `redshank notify test` sends: an alert that never happened, of kind `test`."""
    verdict = Verdict(
        "test", camera, now, True, (Condition("label", "person", "person", True),), label="person", score=0.873
    )
    alert = Alert(
        id=notification_id,
        rule="test",
        camera=camera,
        state="open",
        opened=now,
        updated=now,
        closed=None,
        label="person",
        score=0.873,
        box=Box(0.35, 0.3, 0.55, 0.9),
        tracks=(),
        zones=(),
        severity="alert",
        verdict=verdict,
    )
    return Notification(notification_id, alert.id, "", "test", "queued", now, now), alert
