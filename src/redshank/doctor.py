"""What is wrong with a camera; and is this machine fit for the job: disk, clock, accelerators, how many cameras it can watch?

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
from redshank.errors import RedshankError
from redshank.media.probe import Probe, Step, probe
from redshank.media.settings import SourceSettings
from redshank.targets import Targets
from redshank.vision.detect import Detector
from redshank.vision.models import DEFAULT, default_store, find
from redshank.vision.trial import read_picture

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
ROUNDS = 5
STEPS = {"name": "resolves", "port": "reachable", "login": "opens", "order": "B-frames", "clock": "stream clock"}
"""Steps of `media.probe` in a user's words, where those differ."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    verdict: Literal["ok", "warn", "bad"]
    found: str
    advice: str = ""


def camera_checks(name: str, source: SourceSettings, targets: Targets, clock: Clock, seconds: float) -> Iterator[Check]:
    """One stream step by step, up to the first thing that stops it. `name` goes before each check where there are several streams."""
    seen = probe(source, targets, clock, seconds)
    before = f"{name} " if name else ""
    for step in seen.steps:
        yield Check(before + STEPS.get(step.name, step.name), step.verdict, _found(step, source), step.advice)
    if seen.codec:
        yield _plays(before, seen)


def _found(step: Step, source: SourceSettings) -> str:
    match step.name, step.verdict:
        case "login", "ok":
            return "login accepted" if source.user else "yes, without a login"
        case "order", verdict:
            return "none" if verdict == "ok" else "yes"
    return step.found


def _plays(before: str, seen: Probe) -> Check:
    """Whether a browser can show what the camera sends."""
    if seen.codec != "hevc":
        return Check(f"{before}browsers", "ok", f"play {seen.codec}")
    advice = "choose H.264 in the camera, at least for the sub stream, if you watch in a browser; alerts do not mind"
    return Check(f"{before}browsers", "warn", "H.265: not every browser plays it", advice)


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
        times = sorted(_timed(lambda: _small_write(fd), clock) for _ in range(FSYNCS))
        return DISK_MB / seconds, times[FSYNCS // 2]
    finally:
        os.close(fd)
        path.unlink()


def _small_write(fd: int) -> None:
    os.write(fd, BLOCK[:4096])
    os.fdatasync(fd)


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


def ms_per_picture(detector: Detector, clock: Clock, sample: Path | None = None) -> float:
    """The median of some looks at the model's sample picture, after one to warm up. Raises ModelError."""
    picture = read_picture(sample or _sample(detector.model_id.partition("@")[0]))
    detector.detect([picture], 0.4)
    return sorted(_timed(lambda: detector.detect([picture], 0.4), clock) for _ in range(ROUNDS))[ROUNDS // 2]


def _sample(name: str) -> Path:
    """The model's, else that of the default one: what is in the picture hardly matters to the time."""
    store = default_store()
    own = store / f"{name}.jpg"
    return own if own.exists() else find(DEFAULT, store).sample


def capacity(measure: Callable[[], float]) -> Check:
    """How many cameras this machine can watch with a model. `measure` gives ms per picture."""
    try:
        ms = measure()
    except RedshankError as error:
        return Check("capacity", "bad", str(error))
    cameras = HEADROOM * 1000 / (ms * LOOKS_PER_S * BUSY_SHARE)
    found = (
        f"{ms:.0f} ms a picture: the detector keeps up with about {cameras:.0f} cameras at {LOOKS_PER_S:.0f} looks a second "
        f"while something moves, {BUSY_SHARE:.0%} of the time; {cameras * BUSY_SHARE:.1f} if everything always moves"
    )
    advice = "a sub stream, detect.fps: 2 or an accelerator makes room for more"
    return Check("capacity", "ok" if cameras >= 1 else "warn", found, advice)
