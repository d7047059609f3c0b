"""The recorder under whatever happens in any order: modes, privacy, pauses, a disk that comes and goes. Repeatable."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from redshank.errors import DiskFull, StoreError
from redshank.record_settings import RecordSettings
from tests.recorder import Bench, MemoryDisk


class Story:
    """What was done to a recorder in mode continuous, and which pictures it owes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.bench = Bench(RecordSettings("yard", "main", "v1", segment_s=self.rng.choice([0.5, 4, 30])))
        self.bench.yard.gop = self.rng.choice([3, 10, 25])
        self.bench.yard.sound = self.rng.random() < 0.5
        self.owed: set[int] = set()
        self.forbidden: set[int] = set()
        self.on = True
        self.begun = False
        """Whether a keyframe came since it could go on."""

    def watch(self, seconds: float) -> None:
        first = self.bench.yard.number
        self.bench.run(seconds)
        for number in range(first, self.bench.yard.number):
            self.begun = self.begun or number % self.bench.yard.gop == 0
            if not self.on:
                self.forbidden.add(number)
            elif self.begun:
                self.owed.add(number)

    def pause(self) -> None:
        seconds = self.rng.choice([0.4, 1.5, 3, 12])
        self.bench.run(seconds, sending=False)
        self.begun = self.begun and seconds < 2

    def reconnect(self) -> None:
        self.bench.yard.connect()
        self.begun = False

    def switch(self) -> None:
        mode, private = self.rng.choice([("continuous", False), ("off", False), ("continuous", True), ("off", True)])
        was, self.on = self.on, mode == "continuous" and not private
        if private:
            self.bench.yard.fanout.silence(True)
        self.bench.recorder.set_mode("yard", "continuous" if mode == "continuous" else "off", private)
        if not private:
            self.bench.yard.fanout.silence(False)
        self.begun = self.begun and was and self.on

    def disk(self) -> None:
        kind = self.rng.choice(["well", "well", "away", "full", "flaky", "hangs"])
        self.bench.stepping = kind != "hangs"
        rng, error = self.rng, DiskFull("full") if kind == "full" else StoreError("broken")
        share = {"well": 0.0, "hangs": 0.0, "flaky": 0.2}.get(kind, 1.0)
        self.bench.disk.fault = lambda operation, name: error if rng.random() < share else None

    def play(self, acts: int) -> None:
        for _ in range(acts):
            self.watch(self.rng.choice([0.3, 1, 5, 20]))
            self.rng.choice([self.pause, self.reconnect, self.switch, self.disk, self.disk])()
        self.bench.stepping = True
        self.bench.disk.fault = MemoryDisk().fault
        self.watch(5)
        self.bench.stop()


@pytest.mark.parametrize("seed", range(6))
def test_what_is_owed_is_kept_and_what_is_private_is_not(seed: int) -> None:
    told(seed)


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_what_is_owed_is_kept_whatever_happens() -> None:
    """rel:T06 in any order; 85 s."""
    for seed in range(6, 400):
        told(seed)


def told(seed: int) -> None:
    story = Story(seed)
    story.play(25)
    kept = Counter(story.bench.numbers())
    assert story.owed - set(kept) == set()
    assert story.forbidden & set(kept) == set()
    assert story.bench.spool.dropped()["yard", "main"] == 0
    assert story.bench.spool.waiting == 0
    assert not [name for name in story.bench.disk.files if story.bench.disk.busy(name)]
    rows = story.bench.rows()
    assert len(rows) == len({row.seq for row in rows}), "a segment is told once"
