"""Workers are watched, ended and started again; what they write reaches our log. Their processes are `tests.process.child`."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from redshank import logs, supervisor
from redshank.clock import NS_PER_S, SystemClock
from redshank.errors import StoreError
from redshank.pipe import Note
from redshank.process.wire import take_over
from redshank.supervisor import Supervisor, Worker, connect, guard
from tests.e2e.program import alive
from tests.harness.clocks import FakeClock

CLOCK = SystemClock()


@dataclass
class Heard:
    """What a worker did, as its owner sees it."""

    notes: list[Note] = field(default_factory=list)
    changes: list[bool] = field(default_factory=list)
    asked: int = 0

    async def settings(self) -> bytes:
        self.asked += 1
        return b"settings %d" % self.asked

    async def on_note(self, note: Note) -> None:
        self.notes.append(note)

    def worker(self, name: str) -> Worker:
        return Worker(name, self.settings, self.on_note, self.changes.append, module="tests.process.child")


@asynccontextmanager
async def kept(worker: Worker) -> AsyncIterator[None]:
    """The worker is kept alive inside, and gone after."""
    task = asyncio.ensure_future(Supervisor(CLOCK).keep(worker))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def shown_of(pid: int | None) -> bytes:
    """What every user of the machine, and every child, can see of a process."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline"))


async def until(look: Callable[[], object], within_s: float = 15) -> None:
    async with asyncio.timeout(within_s):
        while not look():
            await CLOCK.sleep(0.02)


async def test_a_worker_gets_its_settings_and_is_ended_with_its_keeper() -> None:
    heard = Heard()
    worker = heard.worker("good-0")
    async with kept(worker):
        await until(lambda: heard.notes and worker.stats)
        pid = worker.pid
        assert pid is not None
        assert heard.notes[0].header == {"settings": "settings 1"}
        assert worker.stats["well"] is True
        assert heard.changes == [True]
    assert not alive(pid)
    assert (worker.pid, worker.tell(Note("anything")), heard.changes) == (None, False, [True, False])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("crash-0", "it ended by itself"),
        ("garbage-0", "it ended by itself"),
        ("stuck-0", "the detector does not answer"),
    ],
)
async def test_a_worker_that_fails_is_started_again_with_new_settings(name: str, why: str) -> None:
    heard = Heard()
    worker = heard.worker(name)
    async with kept(worker):
        await until(lambda: worker.starts == 2)
        assert worker.failing == why
        assert heard.asked == 2
        assert worker.blamed == ("yard" if name == "stuck-0" else "")


async def test_a_silent_worker_is_killed_and_back_in_time() -> None:
    """rel:T43: noticed <= 5 s, started again <= 10 s, though it ignores SIGTERM."""
    heard = Heard()
    worker = heard.worker("silent-0")
    async with kept(worker):
        await until(lambda: heard.notes)
        begun, pid = CLOCK.mono_ns(), worker.pid
        assert pid is not None
        await until(lambda: worker.pid is None)
        noticed_s = (CLOCK.mono_ns() - begun) / NS_PER_S
        await until(lambda: worker.starts == 2)
        back_s = (CLOCK.mono_ns() - begun) / NS_PER_S
    assert worker.failing == f"silent for {supervisor.SILENT_S:.0f} s"
    assert noticed_s <= 5
    assert back_s <= 10.5
    assert not alive(pid)


async def test_a_note_that_cannot_be_handled_costs_its_sender() -> None:
    heard = Heard()

    async def refuse(note: Note) -> None:
        raise KeyError(note.kind)

    worker = heard.worker("good-0")
    worker.on_note = refuse
    async with kept(worker):
        await until(lambda: worker.failing)
        assert "'hello' could not be handled" in worker.failing


async def test_what_cannot_be_started_now_is_tried_again() -> None:
    """A full disk: the settings need a new epoch, which cannot be written."""
    heard = Heard()
    worker = heard.worker("good-0")

    async def settings() -> bytes:
        heard.asked += 1
        if heard.asked == 1:
            raise StoreError("the disk is full")
        return b""

    worker.settings = settings
    async with kept(worker):
        await until(lambda: worker.failing)
        assert worker.failing == "the disk is full"
        await until(lambda: worker.stats)
        assert worker.failing == ""


async def test_the_wait_between_starts_grows_to_ten_seconds() -> None:
    heard, clock = Heard(), FakeClock(autojump=True)
    worker = heard.worker("crash-0")

    async def settings() -> bytes:
        raise OSError("no more processes")

    worker.settings = settings
    task = asyncio.ensure_future(Supervisor(clock).keep(worker))
    await until(lambda: len(clock.slept) >= 6)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert clock.slept[:6] == [1, 2, 4, 8, 10, 10]


async def test_both_ends_are_handed_one_socket() -> None:
    heard = Heard()
    workers = [heard.worker("good-0"), heard.worker("good-1")]
    theirs = []
    for worker in workers:
        worker.hand, their = socket.socketpair()
        theirs.append(their)
    connect(*workers)
    left, right = (take_over(their) for their in theirs)
    assert left is not None
    assert right is not None
    left.sendall(b"packet")
    assert right.recv(10) == b"packet"
    for one in (left, right, *theirs, *(w.hand for w in workers if w.hand)):
        one.close()


async def test_nothing_of_the_environment_that_may_be_secret_reaches_a_worker() -> None:
    heard = Heard()
    os.environ["CAMERA_PASSWORD"] = "canary"
    worker = heard.worker("good-0")
    try:
        async with kept(worker):
            await until(lambda: worker.stats)
            shown = await asyncio.to_thread(shown_of, worker.pid)
            assert b"good-0" in shown
            assert b"canary" not in shown
    finally:
        del os.environ["CAMERA_PASSWORD"]


async def test_a_part_of_the_hub_that_fails_is_started_again() -> None:
    clock, runs = FakeClock(autojump=True), []

    async def part() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise ValueError("a bug")

    await guard("judge", part, clock)
    assert (len(runs), clock.slept) == (3, [1, 1])


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


async def test_what_a_worker_writes_for_people_reaches_our_log(heard: pytest.LogCaptureFixture) -> None:
    worker = Heard().worker("talker-0")
    async with kept(worker):
        await until(lambda: sum(len(r.getMessage()) for r in heard.records if r.name == "redshank.vision") > 200_000)
    said = [record for record in heard.records if record.name == "redshank.vision"]
    assert [record.getMessage() for record in said[:2]] == ["something odd", "Traceback"]
    assert {(record.levelname, vars(record)["worker"]) for record in said} == {("WARNING", "talker-0")}
    assert "".join(record.getMessage() for record in said[2:]) == "x" * 200_000


def test_a_workers_line_is_logged_under_its_own_name_and_level(heard: pytest.LogCaptureFixture) -> None:
    logs.repeat("vision-0", "WARNING redshank.vision.onnx: slow device=cpu")
    (record,) = heard.records
    assert (record.name, record.levelname, record.getMessage()) == (
        "redshank.vision.onnx",
        "WARNING",
        "slow device=cpu",
    )
    assert vars(record)["worker"] == "vision-0"


def test_a_traceback_belongs_to_the_line_before_it(heard: pytest.LogCaptureFixture) -> None:
    before = logs.repeat("vision-0", "ERROR redshank.camera: broken")
    for line in ("Traceback (most recent call last):", '  File "x.py", line 1', "IndexError: 100% of it"):
        before = logs.repeat("vision-0", line, before)
    assert [(record.name, record.levelname) for record in heard.records] == [("redshank.camera", "ERROR")] * 4
    assert heard.records[-1].getMessage() == "IndexError: 100% of it"


async def test_what_a_worker_says_while_it_ends_is_heard_before_it_counts_as_gone() -> None:
    heard = Heard()
    async with kept(heard.worker("parting")):
        async with asyncio.timeout(10):
            while not heard.notes:
                await CLOCK.sleep(0.02)
        heard.changes.clear()
    assert [note.kind for note in heard.notes] == ["hello", "bye"]
    assert heard.changes == [False]
