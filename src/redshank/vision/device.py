"""One thread per device that runs a detector, fed by any number of cameras.

A camera submits the pictures of one frame and waits with a deadline. Each camera has one place in the line: a newer request replaces
the one that still waits there (newest wins, counted). A batch is whatever already waits, at most the detector's `max_batch`; nothing
ever waits for a batch to fill. `last_progress_mono_ns` lets the supervisor see a model that hangs.
"""

from __future__ import annotations

import logging
import resource
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redshank.clock import NS_PER_S, Clock
from redshank.errors import ModelError
from redshank.model import Detection
from redshank.vision.detect import Detector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Answers = list[list[Detection]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceStatistics:
    """Counts since start."""

    queue: int
    """Requests that wait now."""
    calls: int
    """Runs of the model."""
    pictures: int
    wall_ns: int
    cpu_ns: int
    """Of the detector thread; a runtime with N threads burns about N times this."""
    replaced: int
    """Requests a newer one of the same camera pushed out."""
    late: int
    """Requests given up at their deadline."""
    failed: int
    """Requests the model failed on."""

    @property
    def ms_per_picture(self) -> float:
        return self.wall_ns / self.pictures / 1e6 if self.pictures else 0.0


@dataclass(slots=True)
class _Request:
    pictures: Sequence[NDArray[np.uint8]]
    min_score: float
    answer: Future[Answers]


class DetectorThread:
    """Owns the detector from `start` to `close`. All methods may be called from any thread."""

    def __init__(self, detector: Detector, clock: Clock) -> None:
        self._detector = detector
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: dict[str, _Request] = {}
        self._closing = False
        self._broken = False
        self._busy_since_ns: int | None = None
        self._calls = self._pictures = self._wall_ns = self._cpu_ns = 0
        self._replaced = self._late = self._failed = 0
        self._thread = threading.Thread(target=self._run, name="detector", daemon=True)

    @property
    def model_id(self) -> str:
        return self._detector.model_id

    @property
    def labels(self) -> tuple[str, ...]:
        return self._detector.labels

    @property
    def input_size(self) -> tuple[int, int]:
        return self._detector.input_size

    @property
    def alive(self) -> bool:
        """False once the thread ended, by `close` or by a fault."""
        return self._thread.is_alive()

    @property
    def last_progress_mono_ns(self) -> int:
        """When the model last showed life: now while idle, else the start of the call it is in."""
        busy = self._busy_since_ns
        return self._clock.mono_ns() if busy is None else busy

    @property
    def statistics(self) -> DeviceStatistics:
        with self._changed:
            return DeviceStatistics(
                queue=len(self._waiting),
                calls=self._calls,
                pictures=self._pictures,
                wall_ns=self._wall_ns,
                cpu_ns=self._cpu_ns,
                replaced=self._replaced,
                late=self._late,
                failed=self._failed,
            )

    def start(self) -> None:
        self._thread.start()

    def submit(self, camera: str, pictures: Sequence[NDArray[np.uint8]], min_score: float) -> Future[Answers]:
        """The camera's place in the line. Pictures are not copied: leave them alone until the answer is there.

        The future is cancelled when a newer request of this camera takes its place; it raises ModelError when the model failed.
        """
        request = _Request(pictures, min_score, Future())
        with self._changed:
            if self._closing or self._broken:
                raise ModelError("the detector has stopped")
            older = self._waiting.get(camera)
            self._waiting[camera] = request  # keeps the older one's place: a camera that hurries does not starve
            if older is not None:
                older.answer.cancel()
                self._replaced += 1
            self._changed.notify()
        return request.answer

    def detect(
        self, camera: str, pictures: Sequence[NDArray[np.uint8]], min_score: float, timeout_s: float
    ) -> Answers | None:
        """Submit and wait. None when the answer is not there in time or a newer request took the place. Raises ModelError."""
        answer = self.submit(camera, pictures, min_score)
        try:
            return answer.result(timeout_s)
        except TimeoutError:
            answer.cancel()
            with self._changed:
                self._late += 1
            return None
        except CancelledError:
            return None

    def close(self, timeout_s: float = 5.0) -> None:
        """Ends after the call in flight; whoever waits gets ModelError. Idempotent. A model that hangs is left behind."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        batch: list[_Request] = []
        try:
            while batch := self._next():
                self._serve(batch)
        finally:  # also when the detector raised what it should not: nobody waits for ever
            with self._changed:
                self._broken = True
                self._busy_since_ns = None
                left, self._waiting = [*batch, *self._waiting.values()], {}
            for request in left:
                if request.answer.running() or (
                    not request.answer.done() and request.answer.set_running_or_notify_cancel()
                ):
                    request.answer.set_exception(ModelError("the detector has stopped"))
            self._detector.close()

    def _next(self) -> list[_Request]:
        """Waits for work; takes whole requests in order until a batch is full. Empty: time to end."""
        taken: list[_Request] = []
        with self._changed:
            self._busy_since_ns = None
            while not taken:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if self._closing:
                    return []
                taken = self._take()
            self._busy_since_ns = self._clock.mono_ns()
        return taken

    def _take(self) -> list[_Request]:
        """Under the lock. Requests whose camera gave up are passed over."""
        taken: list[_Request] = []
        pictures = 0
        for camera, request in list(self._waiting.items()):
            if taken and pictures + len(request.pictures) > self._detector.max_batch:
                break
            del self._waiting[camera]
            if request.answer.set_running_or_notify_cancel():
                taken.append(request)
                pictures += len(request.pictures)
        return taken

    def _serve(self, batch: Sequence[_Request]) -> None:
        pictures = [picture for request in batch for picture in request.pictures]
        floor = min(request.min_score for request in batch)
        try:
            found = self._look(pictures, floor)
        except ModelError as error:
            log.warning("detector failed", extra={"model": self.model_id, "error": str(error)})
            self._failed += len(batch)
            for request in batch:
                request.answer.set_exception(error)
            return
        at = 0
        for request in batch:
            mine = found[at : at + len(request.pictures)]
            at += len(request.pictures)
            request.answer.set_result([[d for d in each if d.score >= request.min_score] for each in mine])

    def _look(self, pictures: Sequence[NDArray[np.uint8]], floor: float) -> Answers:
        found: Answers = []
        size = self._detector.max_batch
        for at in range(0, len(pictures), size):
            part = pictures[at : at + size]
            start, cpu = self._clock.mono_ns(), _thread_cpu_ns()
            self._busy_since_ns = start
            found += self._detector.detect(part, floor)
            self._wall_ns += self._clock.mono_ns() - start
            self._cpu_ns += _thread_cpu_ns() - cpu
            self._calls += 1
            self._pictures += len(part)
        return found


def _thread_cpu_ns() -> int:
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return round((used.ru_utime + used.ru_stime) * NS_PER_S)
