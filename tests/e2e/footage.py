"""A person in a grey yard, made by code from the sample picture that comes with the default model: short, the same every time.

Nothing is shipped: the picture lies in the model store. Without it `person_clip` skips the test and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from redshank.errors import ModelError
from redshank.vision.models import DEFAULT, default_store, pull
from tests.harness.footage import Encoding, Luma, encode, luma_of

PERSON = (0.02, 0.35, 0.30, 0.85)
"""Left, top, right, bottom of the man in the sample, with some street around him."""
TALL = 0.72
"""His height in our picture."""
FEATHER = 12
"""Pixels over which he melts into the ground."""
Place = Callable[[float], float | None]
"""Seconds → the centre of the person, 0–1 of the width; None: nobody is there."""


def walks_in(enters_s: float, walks_s: float = 3.0, leaves_s: float = 1e9) -> Place:
    """Comes from the left edge, walks to the middle, stands there."""

    def place(at_s: float) -> float | None:
        if not enters_s <= at_s < leaves_s:
            return None
        return 0.1 + 0.4 * min(1.0, (at_s - enters_s) / walks_s)

    return place


def stands(at: float = 0.5) -> Place:
    """Has always been there."""
    return lambda _at_s: at


def nobody(_at_s: float) -> float | None:
    return None


def person_clip(path: Path, seconds: float, place: Place, encoding: Encoding = Encoding()) -> Path:
    """A clip of a grey yard. Skips the test where the model and its sample cannot be had."""
    person = _person(round(TALL * encoding.height)) if place is not nobody else None
    ground = _ground(encoding)

    def draw(number: int) -> Luma:
        picture = ground.copy()
        centre = place(number / encoding.fps)
        if centre is not None and person is not None:
            _paste(picture, person, round(centre * encoding.width))
        return picture

    return encode(path, draw, round(seconds * encoding.fps), encoding)


def need_model() -> None:
    """Fetch the default model once; skip the test with the reason where it cannot be had."""
    try:
        pull(DEFAULT, default_store())
    except ModelError as error:
        pytest.skip(f"the model cannot be had: {error}")


def _person(height: int) -> Luma:
    need_model()
    with av.open(str(default_store() / f"{DEFAULT}.jpg")) as file:
        whole = luma_of(next(file.decode(video=0)))
    high, wide = whole.shape
    left, top, right, bottom = PERSON
    cut = whole[round(top * high) : round(bottom * high), round(left * wide) : round(right * wide)]
    width = round(cut.shape[1] * height / cut.shape[0])
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(cut), format="gray")
    return luma_of(frame.reformat(width=width, height=height, interpolation="AREA"))


def _ground(encoding: Encoding) -> Luma:
    """A soft pattern, so that the picture is not flat."""
    across, down = np.arange(encoding.width), np.arange(encoding.height)
    pattern = 105 + 18 * np.sin(across / 70)[None, :] + 12 * np.cos(down / 45)[:, None]
    ground: Luma = pattern.astype(np.uint8)
    return ground


def _paste(picture: Luma, person: Luma, centre: int) -> None:
    """He stands near the bottom; what is outside the picture is cut off."""
    high, wide = person.shape
    top, left = round(picture.shape[0] * 0.95) - high, centre - wide // 2
    x1, x2 = max(0, left), min(picture.shape[1], left + wide)
    if x1 >= x2:
        return
    part, blend = (side[:, x1 - left : x2 - left] for side in (person, _feather(high, wide)))
    there = picture[top : top + high, x1:x2]
    there[:] = (there * (1 - blend) + part * blend).astype(np.uint8)


def _feather(high: int, wide: int) -> NDArray[np.float64]:
    """1 inside, falling to 0 at the border."""

    def ramp(length: int) -> NDArray[np.float64]:
        steps = np.minimum(np.arange(length), np.arange(length)[::-1])
        return np.clip(steps / FEATHER, 0, 1)

    return ramp(high)[:, None] * ramp(wide)[None, :]
