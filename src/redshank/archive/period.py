"""From when to when, as people write it, and how files are called. Pure.

Times without a zone are local to the configured one. An hour that happens twice when clocks are set back, or never when they are set
forward, is not guessed at: the message has both ways of writing it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from redshank.errors import ConfigError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
LAST_YEAR = 9999
"""Half a day beyond it there are no dates any more."""
EXPECTED = "expected 2026-11-21T14:30:00+01:00, 2026-11-21 14:30, 14:30 (today) or now"


def moment(text: str, zone: ZoneInfo, now: int) -> int:
    """UTC µs. Raises ConfigError."""
    if text == "now":
        return now
    written = f"{local(now, zone):%Y-%m-%d} {text}" if _HOUR.fullmatch(text) else text
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise ConfigError(f"{text!r} is no time: {EXPECTED}") from None
    if not 1970 <= found.year < LAST_YEAR:
        raise ConfigError(f"{text!r} is no time there is footage of: {EXPECTED}")
    if found.tzinfo is not None:
        return _us(found)
    first, second = found.replace(tzinfo=zone, fold=0), found.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return _us(first)
    if local(_us(first), zone).replace(tzinfo=None) == found:
        raise ConfigError(
            f"{text!r} happens twice in {zone.key}, where clocks are set back: "
            f"write {first.isoformat()} for the first time or {second.isoformat()} for the second"
        )
    before, after = local(_us(second), zone), local(_us(first), zone)
    raise ConfigError(
        f"{text!r} never happens in {zone.key}, where clocks are set forward: write {before.isoformat()} or {after.isoformat()}"
    )


def local(time: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=time)).astimezone(zone)


def file_stem(camera: str, stream: str, start: int, zone: ZoneInfo) -> str:
    """`porch_2026-11-21_14-30-00+0100`, sortable and fit for every file system; main needs no name."""
    whose = camera if stream == "main" else f"{camera}-{stream}"
    return f"{whose}_{local(start, zone):%Y-%m-%d_%H-%M-%S%z}"


def _us(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)
