"""A model tried on one picture: what it sees and what a look costs here. Caller's thread."""

from __future__ import annotations

import resource
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from redshank.clock import Clock, SystemClock
from redshank.errors import ModelError
from redshank.model import Detection
from redshank.vision.models import DEFAULT, find, load, pull
from redshank.vision.picture import PIXEL_FAILURE, Pixels

LOOKS_PER_S = 5
"""Of one busy camera; an idle one needs hardly any."""
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """One model on one device and picture. One picture a call: wall time is the median of some rounds, CPU time the mean."""

    model_id: str
    device: str
    threads: int
    width: int
    height: int
    """Of the picture."""
    ms: float
    cpu_ms: float
    """All threads of this process."""
    detections: tuple[Detection, ...]

    @property
    def cameras(self) -> int:
        """Busy cameras this device can serve at LOOKS_PER_S."""
        return int(1000 / self.ms / LOOKS_PER_S)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "cameras": self.cameras, "looks_per_s": LOOKS_PER_S}


def read_picture(path: Path) -> Pixels:
    """Raises ModelError when the file is not a picture."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    picture = picture_of(data)
    if picture is None:
        raise ModelError(f"{path} is not a picture we can read: give a JPEG or PNG")
    return picture


def picture_of(data: bytes) -> Pixels | None:
    """The right way up, as its EXIF says; None for what cannot be decoded."""
    try:
        found: Pixels | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except (PIXEL_FAILURE, MemoryError):
        return None
    return found


def smaller(picture: Pixels, width: int) -> Pixels:
    """At most so wide."""
    height, wide = picture.shape[:2]
    if wide <= width:
        return picture
    size = width, max(1, round(height * width / wide))
    made: Pixels = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return made


def _sample(name: str, store: Path) -> Path:
    sample = None if name.endswith(".onnx") else find(name, store).sample
    if sample is None or not sample.exists():
        raise ModelError(f"model {name} has no sample picture: give one with --image FILE")
    return sample


def try_out(
    name: str,
    store: Path,
    image: Path | None = None,
    device: tuple[str, int | None] = ("auto", None),
    min_score: float = 0.3,
    clock: Clock | None = None,
) -> Trial:
    """`device` is a device name and a number of threads. Fetches the default model when it is missing. Raises ModelError."""
    clock = clock or SystemClock()
    if name == DEFAULT:
        pull(name, store)
    detector = load(name, store, device[0], device[1], clock)
    picture = read_picture(image or _sample(name, store))
    found = detector.detect([picture], min_score)[0]
    marks, used = [clock.mono_ns()], resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(_ROUNDS):
        detector.detect([picture], min_score)
        marks.append(clock.mono_ns())
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    detector.close()
    return Trial(
        model_id=detector.model_id,
        device=detector.device,
        threads=detector.threads,
        width=picture.shape[1],
        height=picture.shape[0],
        ms=max(1.0, float(np.median(np.diff(marks)))) / 1e6,
        cpu_ms=cpu_s * 1e3 / _ROUNDS,
        detections=tuple(found),
    )
