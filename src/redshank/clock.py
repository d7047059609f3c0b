"""Time, as an argument.

Nothing else in Redshank reads the system clock, sleeps on a timer of its own, or makes ids: a test enforces it. Wall time is
int64 UTC microseconds; monotonic time is int nanoseconds and only ever compared with itself.
"""

from __future__ import annotations

import asyncio
import os
import re
import time as _time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

US_PER_S = 1_000_000
NS_PER_S = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z")
_BOOTTIME: int | None = getattr(_time, "CLOCK_BOOTTIME", None)
"""Linux; elsewhere there is none."""


class Clock(Protocol):
    """What everything that needs time is given. Safe to call from any thread."""

    def now(self) -> int:
        """Wall time, UTC microseconds. May step in either direction."""
        ...

    def mono_ns(self) -> int:
        """Monotonic nanoseconds. Never steps back; its zero means nothing."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        ...

    def wait(self, seconds: float) -> None:
        """Block the calling thread. Never called on the event loop."""
        ...


class SystemClock:
    """The machine's clocks. Monotonic time goes on while the machine is suspended, where it has such a clock: wall time does, and only
    if both do a difference between them means that the wall clock was set."""

    def now(self) -> int:
        return _time.time_ns() // 1000

    def mono_ns(self) -> int:
        return _time.monotonic_ns() if _BOOTTIME is None else _time.clock_gettime_ns(_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def wait(self, seconds: float) -> None:
        _time.sleep(seconds)


def new_id(now_us: int) -> str:
    """A UUIDv7 (RFC 9562 §5.7) as text: 48 bits of milliseconds, then random; sorts by time."""
    value = (now_us // 1000 & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def rfc3339(time_us: int) -> str:
    """UTC with six digits and `Z`, the one form used in JSON."""
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> int:
    """The inverse of `rfc3339`. Raises ValueError on anything that is not UTC with `Z`."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 UTC time: {text!r}")
    whole = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    return (whole - _EPOCH) // timedelta(microseconds=1) + int((match[2] or "").ljust(6, "0"))


def cpu_ns() -> int:
    """CPU time of the calling thread, for the per-stage statistics."""
    return _time.thread_time_ns()


def boot_id() -> str:
    """Of the running kernel: monotonic times compare within one. Empty where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
