"""A detector from two halves: a recipe (how the model is fed and read) and a runner (the runtime that computes it).

One thread owns it. Buffers are reused between calls, so nothing is allocated per picture but the runtime's own outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from redshank.errors import ModelError
from redshank.model import Box, Detection
from redshank.vision.families import FAMILIES, Candidates, Looked, Recipe
from redshank.vision.letterbox import Fit, Letterbox
from redshank.vision.suppress import suppress

MAX_IOU = 0.5
"""Two boxes of one class that overlap more are one object. docs/guide/detector.md has the figures behind it."""
STRIDE = 32
_MEAN = (0.485, 0.456, 0.406)  # ImageNet's, red first
_DEVIATION = (0.229, 0.224, 0.225)


class Runner(Protocol):
    """One loaded model in a runtime. Owned by one thread."""

    @property
    def device(self) -> str:
        """Where it runs, for people: cpu, cuda, tensorrt, coreml, openvino:CPU …"""
        ...

    @property
    def threads(self) -> int:
        """CPU threads it computes with."""
        ...

    @property
    def max_batch(self) -> int: ...

    @property
    def flexible(self) -> bool:
        """Whether another input size from call to call costs nothing here."""
        ...

    def __call__(self, feed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Outputs in the recipe's order. Raises ModelError."""
        ...

    def close(self) -> None: ...


class ModelDetector:
    """The `Detector` contract over any recipe and runner."""

    def __init__(self, model_id: str, recipe: Recipe, runner: Runner) -> None:
        self._model_id = model_id
        self._recipe = recipe
        self._family = FAMILIES[recipe.family]
        self._runner = runner
        flexible = recipe.flexible and runner.flexible
        self._letterbox = Letterbox(recipe.width, recipe.height, STRIDE if flexible else 0)
        room = (recipe.width + STRIDE) * (recipe.height + STRIDE)
        self._buffer: NDArray[Any] = np.empty(3 * room * runner.max_batch, recipe.dtype)
        self._scale, self._shift = _normalisation(recipe)

    @property
    def model_id(self) -> str:
        return self._model_id

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(label for label in self._recipe.labels if label)

    @property
    def input_size(self) -> tuple[int, int]:
        return self._recipe.width, self._recipe.height

    @property
    def max_batch(self) -> int:
        return self._runner.max_batch

    @property
    def device(self) -> str:
        """Where it runs: cpu, cuda, tensorrt, coreml, openvino:CPU …"""
        return self._runner.device

    @property
    def threads(self) -> int:
        return self._runner.threads

    def detect(self, pictures: Sequence[NDArray[np.uint8]], min_score: float) -> list[list[Detection]]:
        if not pictures:
            return []
        if len(pictures) > self.max_batch:
            raise ModelError(
                f"{len(pictures)} pictures at once: {self._model_id} on {self.device} takes {self.max_batch}"
            )
        inputs, fits = self._prepare(pictures)
        feed: dict[str, NDArray[Any]] = {self._recipe.input: inputs}
        if self._recipe.size_input:
            feed[self._recipe.size_input] = np.array([[fits[0].width, fits[0].height]] * len(fits), np.int64)
        looked = Looked(self._runner(feed), fits[0].width, fits[0].height)
        return [
            self._finish(self._family.decode(looked, index, self._recipe, min_score), fit)
            for index, fit in enumerate(fits)
        ]

    def close(self) -> None:
        self._runner.close()

    def _prepare(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[Any], list[Fit]]:
        fits: list[Fit] = []
        inputs: NDArray[Any] | None = None
        for index, picture in enumerate(pictures):
            if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
                raise ModelError(
                    f"not a BGR picture: shape {picture.shape}, {picture.dtype}; wanted (height, width, 3), uint8"
                )
            pixels, where = self._letterbox.place(picture)
            if inputs is None:
                inputs = self._shape(len(pictures), where)
            self._write(pixels, inputs[index])
            fits.append(where)
        assert inputs is not None
        return inputs, fits

    def _shape(self, count: int, where: Fit) -> NDArray[Any]:
        sides = (where.height, where.width)
        shape = (count, 3, *sides) if self._recipe.layout == "nchw" else (count, *sides, 3)
        return self._buffer[: int(np.prod(shape))].reshape(shape)

    def _write(self, pixels: NDArray[np.uint8], target: NDArray[Any]) -> None:
        """BGR pixels into the model's layout, order and range. `cv2.split` is three times as fast as a strided copy."""
        planes = cv2.split(pixels)
        if not self._recipe.bgr:
            planes = planes[::-1]
        for channel, plane in enumerate(planes):
            out = target[channel] if self._recipe.layout == "nchw" else target[..., channel]
            if self._scale[channel] == 1.0 and self._shift[channel] == 0.0:
                out[...] = plane
            else:
                np.multiply(plane, self._scale[channel], out=out, casting="unsafe")
                out += self._shift[channel]

    def _finish(self, found: Candidates, where: Fit) -> list[Detection]:
        if self._family.suppress:
            keep = suppress(found.boxes, found.scores, found.classes, MAX_IOU)
        else:
            keep = np.argsort(-found.scores, kind="stable")
        boxes = where.unit(found.boxes[keep])
        names = self._recipe.labels
        rows = zip(boxes.tolist(), found.scores[keep].tolist(), found.classes[keep].tolist(), strict=True)
        return [
            Detection(names[number], min(1.0, score), Box(*box))
            for box, score, number in rows
            if 0 <= number < len(names) and names[number] and box[0] < box[2] and box[1] < box[3]
        ]


def _normalisation(recipe: Recipe) -> tuple[list[np.float32], list[np.float32]]:
    """Per channel in the model's order: value = pixel · scale + shift."""
    if recipe.input_range == "imagenet":
        order = slice(None, None, -1) if recipe.bgr else slice(None)
        pairs = list(zip(_MEAN, _DEVIATION, strict=True))[order]
        return [np.float32(1 / 255 / d) for _, d in pairs], [np.float32(-m / d) for m, d in pairs]
    scale = 1.0 if recipe.input_range == "0-255" else 1 / 255
    return [np.float32(scale)] * 3, [np.float32(0)] * 3
