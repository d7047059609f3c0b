"""A street drawn by code, with sensor noise and people who walk through it: footage whose truth is known to the pixel.

Luma only (chroma stays neutral but for a tint): motion and bitrate live there. Everything comes from a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, log, sin, tau

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]

WIDTH, HEIGHT, FPS = 1280, 720, 15
NOISE = 2.0
"""Standard deviation of the sensor noise, levels: white, gaussian, new in every picture."""


@dataclass(frozen=True, slots=True)
class Walker:
    """One person's visit. Sizes are pixels of the 1280x720 picture."""

    first: int
    """Number of the first picture in which a pixel of them shows."""
    count: int
    """Pictures they are in view."""
    height: int
    contrast: float
    """Mean difference to what is behind, levels, with its sign."""
    x: float
    """Where the edge is that they come from behind: a side of the picture or of something that hides them."""
    foot: int
    right: bool
    """Direction."""
    step: float
    """Pixels per picture."""
    seed: int

    def box(self, number: int) -> tuple[int, int, int, int] | None:
        """Left, top, right, bottom of what shows in this picture."""
        age = number - self.first
        if not 0 <= age < self.count:
            return None
        width = _wide(self.height)
        reach = (age + 1) * self.step
        near, far = max(0.0, reach - width), reach
        left, right = (self.x + near, self.x + far) if self.right else (self.x - far, self.x - near)
        left, right = max(0.0, left), min(float(WIDTH), right)
        if right - left < 1:
            return None
        return int(left), self.foot - self.height, int(right), self.foot

    def quarter(self) -> int:
        """Pictures from the first pixel to the first with a quarter of their width (and at least 4 pixels)."""
        return max(0, ceil(max(4.0, 0.25 * _wide(self.height)) / self.step) - 1)


def _wide(height: int) -> int:
    return max(6, round(0.42 * height))


def street(seed: int) -> Gray:
    """The empty scene: a lit ground, texture at three scales, some hard edges."""
    random = np.random.default_rng(seed)
    picture = np.linspace(150, 90, HEIGHT, dtype=np.float32)[:, None] * np.ones((1, WIDTH), np.float32)
    for size, strength in ((4, 3.0), (16, 8.0), (64, 11.0)):
        coarse = random.normal(0, strength, (HEIGHT // size + 2, WIDTH // size + 2)).astype(np.float32)
        picture += cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for index in range(14):
        left, top = int(random.integers(0, WIDTH - 200)), int(random.integers(60, HEIGHT - 150))
        right, bottom = left + int(random.integers(40, 200)), top + int(random.integers(40, 150))
        cv2.rectangle(picture, (left, top), (right, bottom), float(random.uniform(45, 195)), -1 if index % 2 else 3)
    return picture.clip(20, 230).astype(np.uint8)


def visits(
    seed: int, count: int, gap_s: tuple[float, float], stay_s: float = 2.5, start_s: float = 12.0
) -> list[Walker]:
    """Walkers one after the other: 3-45 % of the picture's height (log-uniform), 15-80 levels of contrast (log-uniform), 0.6-1 heights
    a second; half of them from a side of the picture, half from behind something in it. The far ones stay longer: 5.6 s at 3 %, 3 s
    at 10 %, 2.5 s from 15 % on (two heights).
    """
    random = np.random.default_rng(seed)
    result: list[Walker] = []
    at = round(start_s * FPS)
    for index in range(count):
        height = round(HEIGHT * exp(random.uniform(log(0.03), log(0.45))))
        contrast = exp(random.uniform(log(15), log(80))) * (1 if random.random() < 0.5 else -1)
        right = bool(random.random() < 0.5)
        inside = float(random.uniform(0.15, 0.85) * WIDTH)
        x = inside if index % 2 else (0.0 if right else float(WIDTH))
        foot = int(random.integers(height + 4, HEIGHT - 2))
        stay = round(FPS * (stay_s or 2.5 * max(1.0, 0.15 * HEIGHT / height) ** 0.5))
        step = float(random.uniform(0.6, 1.0)) * height / FPS
        result.append(Walker(at, stay, height, contrast, x, foot, right, step, int(random.integers(1 << 30))))
        at += stay + round(random.uniform(*gap_s) * FPS)
    return result


class Scene:
    """Pictures of a street in order."""

    def __init__(
        self, seed: int, walkers: Sequence[Walker] = (), noise: float = NOISE, cutouts: Sequence[Gray] = ()
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._street = street(seed)
        self._walkers = walkers
        self._looks: dict[int, Gray] = {}
        self._cutouts = cutouts
        size = (HEIGHT + 64, WIDTH + 64)
        self._noise = [np.rint(self._random.normal(0, noise, size)).astype(np.int8) for _ in range(32)]

    def picture(self, number: int) -> Gray:
        """Luma of one picture, (720, 1280)."""
        scene = self._street
        for walker in self._walkers:
            box = walker.box(number)
            if box is not None:
                scene = scene.copy() if scene is self._street else scene
                self._draw(scene, walker, number, box)
        noise = self._noise[int(self._random.integers(len(self._noise)))]
        top, left = (int(v) for v in self._random.integers(0, 64, 2))
        result: Gray = cv2.add(scene, noise[top : top + HEIGHT, left : left + WIDTH], dtype=cv2.CV_8U)
        return result

    def _draw(self, scene: Gray, walker: Walker, number: int, box: tuple[int, int, int, int]) -> None:
        """The part of the figure that has come out of hiding; its leading side first."""
        left, top, right, bottom = box
        age = number - walker.first
        shape = figure(walker.height, 0.9 * age * walker.step / walker.height)
        cloth = self._looks.setdefault(walker.seed, self._cloth(walker))
        shown = right - left
        columns = slice(shape.shape[1] - shown, None) if (age + 1) * walker.step < shape.shape[1] else slice(0, shown)
        if not walker.right:
            shape, cloth = shape[:, ::-1], cloth[:, ::-1]
            columns = (
                slice(0, shown) if (age + 1) * walker.step < shape.shape[1] else slice(shape.shape[1] - shown, None)
            )
        alpha = shape[:, columns].astype(np.float32) / 255
        behind = scene[top:bottom, left:right].astype(np.float32)
        level = cv2.blur(behind, (2 * walker.height + 1, 2 * walker.height + 1)) + np.float32(walker.contrast)
        body = level + cloth[:, columns].astype(np.float32) - 128
        scene[top:bottom, left:right] = (behind + alpha * (body - behind)).clip(0, 255).astype(np.uint8)

    def _cloth(self, walker: Walker) -> Gray:
        """Texture around 128: from real footage when given, else two tones and folds."""
        random = np.random.default_rng(walker.seed)
        size = (_wide(walker.height), walker.height)
        if self._cutouts:
            cut = cv2.resize(self._cutouts[walker.seed % len(self._cutouts)], size, interpolation=cv2.INTER_AREA)
            detail = (cut.astype(np.float32) - float(cut.mean())) * 0.5
        else:
            coarse = random.normal(0, 9, (12, 6)).astype(np.float32)
            detail = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
            detail[: walker.height // 2] += float(random.uniform(-10, 10))
        cloth: Gray = (128 + detail).clip(0, 255).astype(np.uint8)
        return cloth


def figure(height: int, phase: float) -> Gray:
    """A walking silhouette, 0-255, soft edges."""
    scale = 4 if height < 120 else 1
    rows, columns = height * scale, _wide(height) * scale
    canvas = np.zeros((rows, columns), np.uint8)
    middle = columns // 2

    def part(x: float, y: float, wide: float, tall: float) -> None:
        centre = (int(middle + x * rows), int(y * rows))
        cv2.ellipse(canvas, centre, (max(1, int(wide * rows)), max(1, int(tall * rows))), 0, 0, 360, 255, -1)

    swing = 0.13 * sin(tau * phase)
    part(0, 0.075, 0.055, 0.075)
    part(0, 0.33, 0.115, 0.2)
    thick = max(2, int(0.085 * rows))
    for side in (swing, -swing):
        cv2.line(canvas, (middle, int(0.5 * rows)), (int(middle + side * rows), rows - 1), 255, thick)
        cv2.line(
            canvas, (middle, int(0.2 * rows)), (int(middle - side * rows), int(0.48 * rows)), 255, max(1, thick // 2)
        )
    result: Gray = cv2.resize(canvas, (_wide(height), height), interpolation=cv2.INTER_AREA)
    return result
