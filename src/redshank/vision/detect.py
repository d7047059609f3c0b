"""The contract of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from redshank.model import Detection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Detector(Protocol):
    """A model on a device. Not thread-safe: one thread owns it, and batches what waits (`vision.device`)."""

    @property
    def model_id(self) -> str:
        """Name and the first 12 hex digits of the file's sha256, e.g. `yolov4-tiny@1f3a…`; written on every event."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Every class the model knows, in the order of its outputs."""
        ...

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height in pixels of the model's input; pictures of any size are letterboxed to it."""
        ...

    @property
    def max_batch(self) -> int:
        """Pictures that are worth sending at once on this device; 1 on CPU."""
        ...

    def detect(self, pictures: Sequence[NDArray[np.uint8]], min_score: float) -> list[list[Detection]]:
        """Detections of each picture after suppression of overlaps, best first.

        Pictures are BGR (height, width, 3), at most `max_batch` of them; boxes come back as 0–1 of each picture.
        Raises ModelError when the runtime fails.
        """
        ...

    def close(self) -> None: ...
