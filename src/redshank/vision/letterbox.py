"""A picture of any size into a model's input: scaled evenly, centred on grey, and boxes back again.

On devices where a free input size costs nothing (CPU), the grey border is cut down to the next multiple of the model's stride: a
16:9 picture at 416 px is 416×256 instead of 416×416, 0.6 of the work for the same objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

GREY = 114
"""What YOLO models are trained with around the picture."""

cv2.setNumThreads(1)  # many cameras share few cores: spinning OpenCV threads cost more than they give


@dataclass(frozen=True, slots=True)
class Fit:
    """Where the picture lies in the input, in the input's pixels."""

    width: int
    height: int
    """Of the input."""
    left: int
    top: int
    inner_width: int
    inner_height: int
    """Of the picture in it."""

    def unit(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes x1, y1, x2, y2 in the input's pixels, (n, 4), to 0–1 of the picture, cut at its edges."""
        offset = np.array([self.left, self.top] * 2, np.float32)
        size = np.array([self.inner_width, self.inner_height] * 2, np.float32)
        placed: NDArray[np.float32] = np.clip((boxes - offset) / size, 0.0, 1.0)
        return placed


def fit(picture_width: int, picture_height: int, width: int, height: int, stride: int = 0) -> Fit:
    """The largest even scaling into width × height. `stride` > 0: the input shrinks to the multiples of it that are needed."""
    scale = min(width / picture_width, height / picture_height)
    inner_width = min(width, max(1, round(picture_width * scale)))
    inner_height = min(height, max(1, round(picture_height * scale)))
    if stride:
        width, height = (-(-side // stride) * stride for side in (inner_width, inner_height))
    return Fit(width, height, (width - inner_width) // 2, (height - inner_height) // 2, inner_width, inner_height)


class Letterbox:
    """Reuses one buffer: the picture returned is overwritten by the next call. Owned by one thread."""

    def __init__(self, width: int, height: int, stride: int = 0) -> None:
        self._width, self._height, self._stride = width, height, stride
        self._bytes: NDArray[np.uint8] = np.empty(3 * (width + stride) * (height + stride), np.uint8)

    def place(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Fit]:
        """The input's pixels, (height, width, 3) in the picture's channel order, and where the picture is in them."""
        where = fit(picture.shape[1], picture.shape[0], self._width, self._height, self._stride)
        pixels = self._bytes[: 3 * where.width * where.height].reshape(where.height, where.width, 3)
        if (where.inner_width, where.inner_height) != (where.width, where.height):
            pixels.fill(GREY)
        inner = pixels[where.top : where.top + where.inner_height, where.left : where.left + where.inner_width]
        if picture.shape == inner.shape:
            np.copyto(inner, picture)
        else:
            cv2.resize(picture, (where.inner_width, where.inner_height), dst=inner, interpolation=cv2.INTER_LINEAR)
        return pixels, where
