"""Frames to pixels: for the detector (lean), for people (true colours, drawn on), for the wire (JPEG).

Conversion touches only what is asked for: the crop of each plane, shrunk before it is converted. Privacy masks are black before
anything else sees the frame. All pure; the caller's thread.
"""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from redshank.geometry import Polygon
from redshank.model import Box, Detection, Frame, Track

PIXEL_FAILURE = cv2.error
"""What OpenCV raises for pixels that make no sense."""
Pixels = NDArray[np.uint8]
"""BGR, (height, width, 3)."""

_HD_HEIGHT = 720
"""From here on unlabelled video is BT.709, below BT.601: what players assume."""
# BT.709 read as BT.601 gives wrong BGR; M709 · M601⁻¹ (ITU-R BT.709-6 and BT.601-7; rows B, G, R) turns it right.
_CB_CR_601 = np.array([[1, 1.772, 0], [1, -0.344136, -0.714136], [1, 0, 1.402]])
_CB_CR_709 = np.array([[1, 1.8556, 0], [1, -0.187324, -0.468124], [1, 0, 1.5748]])
_TO_709 = (_CB_CR_709 @ np.linalg.inv(_CB_CR_601)).astype(np.float32)
_STEPS = np.arange(256)
_LUMA = np.clip(np.rint(_STEPS * 219 / 255 + 16), 0, 255).astype(np.uint8)
_CHROMA = np.clip(np.rint((_STEPS - 128) * 224 / 255 + 128), 0, 255).astype(np.uint8)
"""Full range to the limited range that OpenCV's conversion expects."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_PX = 22.0
"""Height of a capital with its margin at scale 1."""


def bgr(frame: Frame, region: Box | None = None, max_width: int | None = None) -> Pixels:
    """The region (0–1 of the frame; all of it by default) as BGR, no wider than `max_width`.

    For the detector: reads every matrix as BT.601, whose error (a slight shift of saturated colours) no model notices.
    """
    y, u, v = _crop(frame, region)
    if max_width is not None and y.shape[1] > max_width:
        y, u, v = _shrink(y, u, v, max_width)
    height, width = y.shape
    packed = np.empty((height * 3 // 2, width), np.uint8)
    if frame.full_range:
        y, u, v = _LUMA[y], _CHROMA[u], _CHROMA[v]
    packed[:height] = y
    chroma = packed[height:].reshape(2, height // 2, width // 2)
    chroma[0], chroma[1] = u, v
    pixels: Pixels = cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420)
    return pixels


def still(frame: Frame, region: Box | None = None, max_width: int | None = None) -> Pixels:
    """As `bgr`, for people: BT.709 for 720 lines and more, BT.601 below."""
    pixels = bgr(frame, region, max_width)
    if frame.height < _HD_HEIGHT:
        return pixels
    true: Pixels = cv2.transform(pixels, _TO_709)
    return true


def _crop(frame: Frame, region: Box | None) -> tuple[Pixels, Pixels, Pixels]:
    """Views of the planes, cut at even pixels outside the region."""
    width, height = frame.width & ~1, frame.height & ~1
    if region is None:
        left, top, right, bottom = 0, 0, width, height
    else:
        left, right = _even(region.x1, region.x2, width)
        top, bottom = _even(region.y1, region.y2, height)
    half = slice(top // 2, bottom // 2), slice(left // 2, right // 2)
    return frame.y[top:bottom, left:right], frame.u[half], frame.v[half]


def _even(low: float, high: float, size: int) -> tuple[int, int]:
    """Even pixels around low–high, at least two, inside the picture."""
    start = min(max(0, int(low * size)) & ~1, size - 2)
    end = min(size, -(-int(np.ceil(high * size)) // 2) * 2)
    return start, max(end, start + 2)


def _shrink(y: Pixels, u: Pixels, v: Pixels, max_width: int) -> tuple[Pixels, Pixels, Pixels]:
    """Shrinking three planes and converting a few pixels costs half of converting all and shrinking then."""
    width = max(2, max_width & ~1)
    height = max(2, round(y.shape[0] * width / y.shape[1] / 2) * 2)
    small = (width // 2, height // 2)
    return (
        cv2.resize(y, (width, height), interpolation=cv2.INTER_LINEAR),
        cv2.resize(u, small, interpolation=cv2.INTER_LINEAR),
        cv2.resize(v, small, interpolation=cv2.INTER_LINEAR),
    )


def cover(frame: Frame, polygons: Sequence[Polygon]) -> Frame:
    """A frame with the polygons (0–1) black; the frame itself when there are none. The planes are copied once."""
    if not polygons:
        return frame
    key = tuple(tuple(polygon) for polygon in polygons)
    luma, chroma = _outlines(key, frame.width, frame.height), _outlines(key, frame.u.shape[1], frame.u.shape[0])
    y = _blacken(frame.y, luma, 0 if frame.full_range else 16)
    u, v = _blacken(frame.u, chroma, 128), _blacken(frame.v, chroma, 128)
    return replace(frame, y=y, u=u, v=v)


@functools.lru_cache(maxsize=64)
def _outlines(
    polygons: tuple[tuple[tuple[float, float], ...], ...], width: int, height: int
) -> list[NDArray[np.int32]]:
    """Corners in pixels: computed once per mask and size."""
    size = np.array([width, height])
    return [np.floor(np.array(polygon) * size).astype(np.int32) for polygon in polygons]


def _blacken(plane: Pixels, outlines: Sequence[NDArray[np.int32]], value: int) -> Pixels:
    """Filled, and two pixels wide along the edge: a pixel that is partly covered is covered."""
    copy = plane.copy()
    cv2.fillPoly(copy, outlines, value)
    cv2.polylines(copy, outlines, True, value, 2)
    copy.flags.writeable = False
    return copy


def annotate(
    picture: Pixels,
    found: Iterable[Track | Detection],
    zones: Mapping[str, Polygon] | None = None,
    caption: str = "",
) -> Pixels:
    """A copy with zones outlined and named, a box with label and rounded score for each, and a caption bottom left.

    Text is sized by the picture and stays inside it; it is ASCII (accents are dropped): OpenCV's own font has nothing else.
    """
    drawn = picture.copy()
    height, width = drawn.shape[:2]
    line = max(1, round(height / 360))
    for name, polygon in (zones or {}).items():
        corners = np.rint(np.array(polygon) * (width, height)).astype(np.int32)
        cv2.polylines(drawn, [corners], True, colour(name), line, cv2.LINE_AA)
        _text(drawn, name, (int(corners[:, 0].min()), int(corners[:, 1].min())), colour(name))
    for item in found:
        box = item.box
        corner = round(box.x1 * width), round(box.y1 * height)
        cv2.rectangle(drawn, corner, (round(box.x2 * width), round(box.y2 * height)), colour(item.label), line + 1)
        _text(drawn, f"{item.label} {round(item.score * 100)} %", corner, colour(item.label))
    if caption:
        _text(drawn, caption, (0, height), (32, 32, 32))
    return drawn


def colour(name: str) -> tuple[int, int, int]:
    """One bright BGR colour per name, the same in every picture and process."""
    hue = hashlib.blake2b(name.encode(), digest_size=1).digest()[0] * 180 // 256
    pixel = cv2.cvtColor(np.array([[[hue, 200, 255]]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


def _text(drawn: Pixels, words: str, above: tuple[int, int], background: tuple[int, int, int]) -> None:
    """One line on a filled strip that sits on the point `above`, moved into the picture, made smaller when it is too wide."""
    height, width = drawn.shape[:2]
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    scale = max(12.0, height / 36) / _FONT_PX
    thickness = max(1, round(scale * 1.6))
    (wide, _), _ = cv2.getTextSize(plain, _FONT, scale, thickness)
    if wide + 6 > width:
        scale *= max(0.3, (width - 6) / wide)
        (wide, _), _ = cv2.getTextSize(plain, _FONT, scale, thickness)
    tall = round(_FONT_PX * scale) + 6
    left = max(0, min(above[0], width - wide - 6))
    bottom = min(height, max(above[1], tall))
    cv2.rectangle(drawn, (left, bottom - tall), (left + wide + 6, bottom), background, cv2.FILLED)
    dark = 0.114 * background[0] + 0.587 * background[1] + 0.299 * background[2] < 110
    cv2.putText(
        drawn,
        plain,
        (left + 3, bottom - tall // 4 - 1),
        _FONT,
        scale,
        (255,) * 3 if dark else (0,) * 3,
        thickness,
        cv2.LINE_AA,
    )


def jpeg(picture: Pixels, quality: int = 85) -> bytes:
    """JPEG bytes. Raises ValueError for an empty picture."""
    if not picture.size:
        raise ValueError("an empty picture has no JPEG")
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"no JPEG of a picture of shape {picture.shape}")
    return bytes(data)
