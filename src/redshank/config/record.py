"""What is recorded, where it lies, how long it stays, what is saved of it. Sections of the configuration; see `schema`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from redshank.config.fields import Name, Seconds, Section, Words, named
from redshank.schedule import Span, parse_all

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?", re.IGNORECASE)
_DAYS = re.compile(r"(\d+(?:\.\d+)?)\s*([hdwmy]?)", re.IGNORECASE)
_DAYS_IN = {"h": 1 / 24, "d": 1.0, "": 1.0, "w": 7.0, "m": 30.0, "y": 365.0}
FOREVER: Final = "forever"
DEFAULT_VOLUME: Final = "default"


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError("expected a size such as 500GB, 1.5TB or 800MiB")
    unit = (match[2] or "").lower()
    base = 1024 if unit.endswith("i") else 1000
    return round(float(match[1]) * base ** ("kmgt".index(unit[0]) + 1 if unit else 0))


def _days(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip().lower() == FOREVER:
        return FOREVER
    match = _DAYS.fullmatch(value.strip())
    if match is None:
        raise ValueError("expected days such as 7, 12h, 2w, 6m or forever")
    return float(match[1]) * _DAYS_IN[match[2].lower()]


def _schedule(value: object) -> object:
    """`always`, one text or a list of texts → spans."""
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list | tuple) or not all(isinstance(item, str | Span) for item in value):
        raise ValueError("expected `always`, or times such as `mon-fri 08:00-18:00`")
    if any(isinstance(item, str) and item.strip().lower() == "always" for item in value):
        return ()
    return tuple(span for item in value for span in ((item,) if isinstance(item, Span) else parse_all(item)))


def _some_stream(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or not set(value) <= {"main", "sub"}:
        raise ValueError("expected main, sub or both")
    return value


Size = Annotated[int, BeforeValidator(_bytes), Field(ge=0, lt=1 << 60)]
Days = Annotated[float | Literal["forever"], BeforeValidator(_days)]
Schedule = Annotated[tuple[Span, ...], BeforeValidator(_schedule)]
Mode = Literal["continuous", "motion", "alert", "off"]


class Kept(Section):
    days: Days = 7.0
    """Days it stays: `7`, `12h`, `2w`, `forever`."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        """`motion: 7` and Frigate's `alerts: {retain: {days: 7}}` too."""
        if isinstance(data, int | float | str) and not isinstance(data, bool):
            return {"days": data}
        retain = data.get("retain") if isinstance(data, dict) else None
        if isinstance(retain, dict) and "days" in retain:
            return {**{k: v for k, v in data.items() if k != "retain"}, "days": retain["days"]}
        return data


class Record(Section):
    enabled: bool = True
    """Record at all."""
    mode: Mode = "continuous"
    """`continuous`: every second; `motion`: while something moves; `alert`: around alerts; `off`: nothing. The last three leave gaps
    that say so."""
    streams: Annotated[Words, AfterValidator(_some_stream)] = ("main", "sub")
    """Which streams are recorded, where the camera has them. The sub stream is what plays where a browser cannot play the main one."""
    sound: bool = True
    """Keep the sound."""
    schedule: Schedule = ()
    """When to record: `always`, or times such as `mon-fri 08:00-12:00 13:00-18:00`, one or a list, in `timezone`;
    outside them a gap (off)."""
    segment: Annotated[Seconds, Field(ge=4, le=120)] = 30.0
    """Length of one file."""
    pre_capture: Annotated[Seconds, Field(le=60)] = 5.0
    """Kept before motion or an alert began."""
    post_capture: Annotated[Seconds, Field(le=600)] = 5.0
    """Kept after it ended."""
    continuous: Kept = Kept(days=7.0)
    """Plain footage: it goes first."""
    motion: Kept = Kept(days=14.0)
    """Footage in which something moved."""
    detections: Kept = Kept(days=30.0)
    """Footage with a tracked object."""
    alerts: Kept = Kept(days=90.0)
    """Footage of an alert: it goes last."""
    max_days: Days = FOREVER
    """Nothing stays longer, whatever the lines above say; holds do."""
    quota: Size | None = None
    """Most bytes of this camera, such as `500GB`; none: as much as there is room for."""
    volume: Name = DEFAULT_VOLUME
    """Where it goes: a name under `storage.volumes`."""


class Volume(Section):
    path: Path
    """A folder on a disk of its own, or anywhere."""
    reserve: Size | None = None
    """Free space never used; default: 1 GiB or five minutes of what comes in, whichever is more."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        """`nas: /mnt/nas`."""
        return {"path": data} if isinstance(data, str) else data


class Storage(Section):
    volumes: Annotated[Mapping[Name, Volume], named] = Field(default_factory=dict)
    """Where recordings lie: `name: /path`, or with more keys. Without `default` that one is `recordings` in the data folder."""
    buffer: Size = 120_000_000
    """Memory per volume for what a slow disk has not taken yet."""


class Backup(Section):
    enabled: bool = True
    """Copies of the database, each checked, beside it."""
    every: Annotated[Seconds, Field(ge=60)] = 300.0
    """How often, when something changed."""
    keep: int = Field(default=3, ge=1, le=100)
    """Of the newest."""
    keep_daily: int = Field(default=7, ge=0, le=400)
    """And one a day."""
