"""The detector thread with a detector the test steers: order, bounds, deadlines, faults (rel:T43, the part inside the process)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from redshank.errors import ModelError
from redshank.model import Box, Detection
from redshank.vision.device import DetectorThread
from tests.harness.clocks import FakeClock

Picture = NDArray[np.uint8]
LIMIT_S = 5.0


def picture(mark: int) -> Picture:
    """Its top left pixel says which it is."""
    return np.full((4, 4, 3), mark, np.uint8)


class SteeredDetector:
    """Answers with one detection whose label is the picture's mark; waits at the gate while it is closed."""

    model_id, labels, input_size = "steered@0", ("any",), (32, 32)

    def __init__(self, clock: FakeClock, max_batch: int = 1) -> None:
        self.max_batch = max_batch
        self.clock = clock
        self.calls: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.fault: Exception | None = None
        self.closed = False

    def detect(self, pictures: Sequence[Picture], min_score: float) -> list[list[Detection]]:
        marks = [int(p[0, 0, 0]) for p in pictures]
        self.calls.append(marks)
        self.entered.release()
        assert self.gate.wait(LIMIT_S)
        if self.fault is not None:
            raise self.fault
        self.clock.advance(0.01)
        return [
            [Detection(str(mark), 0.9, Box(0, 0, 1, 1)), Detection(str(mark), 0.2, Box(0, 0, 1, 1))] for mark in marks
        ]

    def close(self) -> None:
        self.closed = True

    def wait_for_call(self) -> None:
        assert self.entered.acquire(timeout=LIMIT_S)


@pytest.fixture
def detector(clock: FakeClock) -> SteeredDetector:
    return SteeredDetector(clock)


@pytest.fixture
def device(detector: SteeredDetector, clock: FakeClock) -> Iterator[DetectorThread]:
    thread = DetectorThread(detector, clock)
    thread.start()
    yield thread
    detector.gate.set()
    thread.close()


def labels(answers: Sequence[Sequence[Detection]] | None) -> list[list[str]]:
    assert answers is not None
    return [[d.label for d in each] for each in answers]


def test_answers_come_per_picture_and_above_the_asked_score(device: DetectorThread) -> None:
    assert labels(device.detect("a", [picture(1), picture(2)], 0.5, LIMIT_S)) == [["1"], ["2"]]
    assert labels(device.detect("a", [picture(3)], 0.1, LIMIT_S)) == [["3", "3"]]
    counts = device.statistics
    assert (counts.calls, counts.pictures, counts.queue, counts.ms_per_picture) == (3, 3, 0, 10.0)


def test_a_camera_has_one_place_and_its_newest_request_wins(device: DetectorThread, detector: SteeredDetector) -> None:
    detector.gate.clear()
    first = device.submit("a", [picture(1)], 0.5)
    detector.wait_for_call()
    old = device.submit("a", [picture(2)], 0.5)
    other = device.submit("b", [picture(3)], 0.5)
    new = device.submit("a", [picture(4)], 0.5)
    assert old.cancelled()
    assert device.statistics.queue == 2
    detector.gate.set()
    assert labels(first.result(LIMIT_S)) == [["1"]]
    assert labels(new.result(LIMIT_S)) == [["4"]]
    assert labels(other.result(LIMIT_S)) == [["3"]]
    assert detector.calls == [[1], [4], [3]]  # the newer one took the older one's place in the line
    assert device.statistics.replaced == 1


def test_a_batch_is_whatever_already_waits_and_never_more_than_the_device_takes(clock: FakeClock) -> None:
    detector = SteeredDetector(clock, max_batch=4)
    device = DetectorThread(detector, clock)
    device.start()
    detector.gate.clear()
    first = device.submit("a", [picture(1)], 0.5)  # nothing waits: it goes alone
    detector.wait_for_call()
    later = [device.submit(name, [picture(10 * n), picture(10 * n + 1)], 0.5) for n, name in enumerate("bcd", start=2)]
    detector.gate.set()
    assert [labels(answer.result(LIMIT_S)) for answer in later] == [
        [["20"], ["21"]],
        [["30"], ["31"]],
        [["40"], ["41"]],
    ]
    assert first.done()
    assert detector.calls == [[1], [20, 21, 30, 31], [40, 41]]
    device.close()


def test_one_request_larger_than_the_batch_is_cut_into_calls(clock: FakeClock) -> None:
    detector = SteeredDetector(clock, max_batch=2)
    device = DetectorThread(detector, clock)
    device.start()
    assert labels(device.detect("a", [picture(n) for n in range(5)], 0.5, LIMIT_S)) == [
        ["0"],
        ["1"],
        ["2"],
        ["3"],
        ["4"],
    ]
    assert detector.calls == [[0, 1], [2, 3], [4]]
    device.close()


def test_a_look_past_its_deadline_is_none_and_is_counted(device: DetectorThread, detector: SteeredDetector) -> None:
    detector.gate.clear()
    busy = device.submit("a", [picture(1)], 0.5)
    detector.wait_for_call()
    assert device.detect("b", [picture(2)], 0.5, timeout_s=0.01) is None
    assert device.statistics.late == 1
    detector.gate.set()
    assert busy.result(LIMIT_S)
    assert labels(device.detect("c", [picture(3)], 0.5, LIMIT_S)) == [["3"]]
    assert detector.calls == [[1], [3]]  # nobody waited for 2 any more: it was not computed


def test_a_hanging_model_shows_in_the_time_of_last_progress(
    device: DetectorThread, detector: SteeredDetector, clock: FakeClock
) -> None:
    clock.advance(100)
    assert device.last_progress_mono_ns == clock.mono_ns()  # idle is no hang
    detector.gate.clear()
    answer = device.submit("a", [picture(1)], 0.5)
    detector.wait_for_call()
    clock.advance(5)
    assert clock.mono_ns() - device.last_progress_mono_ns == 5_000_000_000
    detector.gate.set()
    answer.result(LIMIT_S)


def test_a_failing_model_fails_its_requests_and_the_next_one_may_work(
    device: DetectorThread, detector: SteeredDetector
) -> None:
    detector.fault = ModelError("the model failed on cpu: out of memory")
    with pytest.raises(ModelError, match="out of memory"):
        device.detect("a", [picture(1)], 0.5, LIMIT_S)
    detector.fault = None
    assert labels(device.detect("a", [picture(2)], 0.5, LIMIT_S)) == [["2"]]
    assert device.statistics.failed == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_the_detector_leaves_nobody_waiting(device: DetectorThread, detector: SteeredDetector) -> None:
    detector.fault = ZeroDivisionError()
    detector.gate.clear()
    serving = device.submit("a", [picture(1)], 0.5)
    detector.wait_for_call()
    waiting = device.submit("b", [picture(2)], 0.5)
    detector.gate.set()
    for answer in (serving, waiting):
        with pytest.raises(ModelError, match="has stopped"):
            answer.result(LIMIT_S)
    with pytest.raises(ModelError, match="has stopped"):
        device.submit("a", [picture(3)], 0.5)


def test_close_lets_the_call_in_flight_end_and_refuses_the_rest(
    device: DetectorThread, detector: SteeredDetector
) -> None:
    detector.gate.clear()
    serving = device.submit("a", [picture(1)], 0.5)
    detector.wait_for_call()
    waiting = device.submit("b", [picture(2)], 0.5)
    device.close(timeout_s=0)  # says so and does not wait
    detector.gate.set()
    assert labels(serving.result(LIMIT_S)) == [["1"]]
    with pytest.raises(ModelError, match="has stopped"):
        waiting.result(LIMIT_S)
    device.close()
    assert detector.closed
    assert not device.alive
