"""A picture of somebody's, held before the model: decoded and looked at once, on a thread of its own, and forgotten.

Part of the vision process: it has the model, and no network or file. One picture at a time; a decoder that does not end has the process
replaced, as any other.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from redshank.clock import NS_PER_S
from redshank.errors import ModelError
from redshank.pipe import Note
from redshank.process.worker import Worker
from redshank.vision.detect import Detector
from redshank.vision.device import DetectorThread
from redshank.vision.trial import picture_of, smaller

log = logging.getLogger(__name__)

FLOOR = 0.2
"""What the model is less sure of is noise."""
MOST = 100
WIDTH = 1920
DEADLINE_S = 8.0
NOBODY = ""
"""Its place in the detector's line, beside those of the cameras."""


class Tries:
    """Notes `try` in, notes `tried` out. `ask` on the event loop, `busy_s` anywhere."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._since: int | None = None

    @property
    def busy_s(self) -> float:
        since = self._since
        return 0.0 if since is None else (self._worker.clock.mono_ns() - since) / NS_PER_S

    def ask(self, note: Note, detector: Detector, device: DetectorThread) -> None:
        """The answer comes later; at once, when another picture is being looked at."""
        number = note.header["number"]
        if self._since is not None:
            self._worker.pipe.write(Note("tried", {"number": number, "reason": "another picture is being tried"}))
            return
        self._since = self._worker.clock.mono_ns()
        job = threading.Thread(target=self._work, args=(number, note.body, detector, device), name="try", daemon=True)
        job.start()

    def _work(self, number: int, data: bytes, detector: Detector, device: DetectorThread) -> None:
        try:
            said = self._look(data, device)
        except ModelError as error:
            said = {"reason": str(error)}
        finally:
            self._since = None
        known = {"model": detector.model_id, "labels": list(detector.labels)}
        self._worker.tell_soon(Note("tried", {"number": number, **known, **said}))

    def _look(self, data: bytes, device: DetectorThread) -> dict[str, Any]:
        """Raises ModelError."""
        picture = picture_of(data)
        if picture is None:
            raise ModelError("the picture is damaged: it cannot be decoded")
        height, width = picture.shape[:2]
        begun = self._worker.clock.mono_ns()
        found = device.detect(NOBODY, [smaller(picture, WIDTH)], FLOOR, DEADLINE_S)
        if found is None:
            raise ModelError("the detector has too much to do: try again in a moment")
        ms = round((self._worker.clock.mono_ns() - begun) / 1e6, 1)
        seen = [[one.label, one.score, one.box.x1, one.box.y1, one.box.x2, one.box.y2] for one in found[0][:MOST]]
        return {"width": width, "height": height, "ms": ms, "seen": seen}
