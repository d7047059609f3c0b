"""Is this machine fit for the job? Disk, clock, accelerators, and how many cameras it can watch.

Each check is one line: what was tried, what was found, what to do about it. Blocking; for the command line.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from redshank.clock import NS_PER_S, US_PER_S, Clock
from redshank.errors import ModelError

BLOCK = bytes(1 << 20)
DISK_MB = 64
FSYNCS = 20
SLOW_DISK_MB_S = 20.0
SLOW_FSYNC_MS = 50.0
BUILT = 1_767_225_600 * US_PER_S
"""2026-01-01: a clock before this was never set."""
LOOKS_PER_S = 5.0
BUSY_SHARE = 0.2
"""Of the day something moves in front of a usual camera; capacity assumes it."""
HEADROOM = 0.7


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    verdict: Literal["ok", "warn", "bad"]
    found: str
    advice: str = ""


def machine(folder: Path, clock: Clock) -> Iterator[Check]:
    """Everything about this machine but the model."""
    yield from disk(folder, clock)
    yield set_clock(clock)
    yield cpus()
    yield accelerators()


def disk(folder: Path, clock: Clock) -> Iterator[Check]:
    """Write DISK_MB into the data folder, then small writes with fsync, as a recorder does."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        free_gb = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize / 1e9
        mb_s, fsync_ms = _measure_disk(folder / ".doctor", clock)
    except OSError as error:
        yield Check("disk", "bad", f"{folder}: {error.strerror}", "choose another folder with --data, or make room")
        return
    advice = "use a faster disk for recordings; an SD card wears out and stalls"
    yield Check("disk write", "ok" if mb_s > SLOW_DISK_MB_S else "warn", f"{mb_s:.0f} MB/s", advice)
    yield Check("disk fsync", "ok" if fsync_ms < SLOW_FSYNC_MS else "warn", f"{fsync_ms:.1f} ms (median)", advice)
    yield Check(
        "disk free", "ok" if free_gb > 5 else "warn", f"{free_gb:.0f} GB", "less than 5 GB is little for recordings"
    )


def _measure_disk(path: Path, clock: Clock) -> tuple[float, float]:
    """MB per second, and median ms of a 4 kB write with fdatasync."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        start = clock.mono_ns()
        for _ in range(DISK_MB):
            os.write(fd, BLOCK)
        os.fdatasync(fd)
        seconds = (clock.mono_ns() - start) / NS_PER_S
        times = sorted(_timed(lambda: (os.write(fd, BLOCK[:4096]), os.fdatasync(fd)), clock) for _ in range(FSYNCS))
        return DISK_MB / seconds, times[FSYNCS // 2]
    finally:
        os.close(fd)
        path.unlink()


def _timed(call: Callable[[], object], clock: Clock) -> float:
    start = clock.mono_ns()
    call()
    return (clock.mono_ns() - start) / 1e6


def set_clock(clock: Clock) -> Check:
    """Whether the wall clock was ever set, and whether something keeps it right."""
    if clock.now() < BUILT:
        return Check("clock", "bad", "before 2026: it was never set", "set it, or switch on network time (NTP)")
    kept = any(Path(p).exists() for p in ("/run/systemd/timesync/synchronized", "/run/chrony", "/run/ntpd.pid"))
    if kept:
        return Check("clock", "ok", "set and kept by network time")
    return Check(
        "clock", "warn", "set; no network time service was found", "recordings are named by this clock: switch NTP on"
    )


def cpus() -> Check:
    return Check("processors", "ok", f"{len(os.sched_getaffinity(0))} usable")


def accelerators() -> Check:
    """What the installed runtimes can use, the fastest first."""
    found = []
    with contextlib.suppress(ImportError):
        import onnxruntime

        known = {
            "TensorrtExecutionProvider": "TensorRT",
            "CUDAExecutionProvider": "CUDA",
            "CoreMLExecutionProvider": "CoreML",
        }
        found += [known[name] for name in onnxruntime.get_available_providers() if name in known]
    with contextlib.suppress(ImportError):
        import openvino

        found += [f"OpenVINO {device}" for device in openvino.Core().available_devices]
    return Check("accelerators", "ok", ", ".join([*found, "CPU (ONNX Runtime)"]))


def capacity(measure: Callable[[], float]) -> Check:
    """How many cameras this machine can watch with a model. `measure` gives ms per picture."""
    try:
        ms = measure()
    except ModelError as error:
        return Check("capacity", "bad", str(error), "redshank models pull yolov4-tiny")
    cameras = HEADROOM * 1000 / (ms * LOOKS_PER_S * BUSY_SHARE)
    found = (
        f"{ms:.0f} ms a picture: about {cameras:.0f} cameras at {LOOKS_PER_S:.0f} looks a second "
        f"while something moves, {BUSY_SHARE:.0%} of the time; {HEADROOM * 1000 / (ms * LOOKS_PER_S):.0f} if all move always"
    )
    advice = "a sub stream, detect.fps: 2 or an accelerator makes room for more"
    return Check("capacity", "ok" if cameras >= 1 else "warn", found, advice)
