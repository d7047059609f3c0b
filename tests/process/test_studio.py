"""The studio: a process that is there only while somebody looks, and whose end costs one picture."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from redshank.clock import SystemClock
from redshank.errors import SourceUnusable
from redshank.pipe import Note
from redshank.playback.instant import instant
from redshank.playback.studio import TRANSCODE, Busy, Refused, StudioProcess
from redshank.process.sandbox import STUDIO_BYTES
from redshank.process.studio import work
from redshank.supervisor import Supervisor, Worker
from tests.harness.footage import read_number
from tests.playback.decoding import luma_of_jpeg
from tests.playback.recording import NOON, Recording, numbered

CLOCK = SystemClock()


class Kept:
    """A studio, its worker and how often it was started."""

    def __init__(self, idle_s: float) -> None:
        self.studio = StudioProcess(self._tell, self._keep, CLOCK, idle_s)
        self.worker = Worker(
            "studio-0", self._settings, self.studio.on_note, self.studio.on_change, "tests.process.studio_child"
        )

    def _tell(self, note: Note) -> bool:
        return self.worker.tell(note)

    async def _keep(self) -> None:
        await Supervisor(CLOCK).keep(self.worker)

    async def _settings(self) -> bytes:
        return b"{}"


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    made = Kept(60)
    yield made
    await made.studio.stop()


def job(folder: Path, time: int = NOON + 1_250_000) -> tuple[dict[str, Any], bytes]:
    recording = Recording(folder)
    recording.add(numbered(3), NOON, segment_s=60)
    found = instant(recording.segments, time, recording.footage)
    header = {**found.coded.header(), "until": 1 << 40, "width": 320, "masks": []}
    return header, found.coded.data


async def until(condition: Any, timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await CLOCK.sleep(0.02)


async def test_it_starts_when_it_is_asked_and_makes_the_picture(kept: Kept, tmp_path: Path) -> None:
    assert kept.worker.starts == 0
    answers = await asyncio.gather(*(kept.studio.ask("picture", *job(tmp_path / str(n))) for n in range(4)))
    assert [read_number(luma_of_jpeg(answer.body)) for answer in answers] == [12] * 4
    assert kept.worker.starts == 1


async def test_it_ends_when_nobody_asks_any_more_and_comes_back(tmp_path: Path) -> None:
    kept = Kept(0.2)
    await kept.studio.ask("picture", *job(tmp_path / "a"))
    await until(lambda: kept.worker.pid is None)
    answer = await kept.studio.ask("picture", *job(tmp_path / "b"))
    assert answer.body
    assert kept.worker.starts == 2
    await kept.studio.stop()


async def test_what_it_cannot_decode_is_refused_and_it_goes_on(kept: Kept, tmp_path: Path) -> None:
    header, data = job(tmp_path)
    with pytest.raises(Refused, match="damaged"):
        await kept.studio.ask("picture", header, b"\x55" * len(data))
    with pytest.raises(Refused, match="does not know"):
        await kept.studio.ask("nonsense", {}, b"")
    assert (await kept.studio.ask("picture", header, data)).body
    assert kept.worker.starts == 1


async def test_what_a_library_stumbles_over_is_refused_at_once(kept: Kept, tmp_path: Path) -> None:
    """Else the asker waits until the job is given up, and others with him."""
    header, data = job(tmp_path)
    await kept.studio.ask("picture", header, data)
    async with asyncio.timeout(5):
        for wrong in ({"format": ["h264", "zz", 320, 192]}, {"masks": [[["a", 1]]]}, {"until": None}):
            with pytest.raises(Refused, match="damaged"):
                await kept.studio.ask("picture", {**header, **wrong}, data)
        with pytest.raises(Refused, match="damaged"):
            await kept.studio.ask("picture", {}, data)
    assert kept.worker.starts == 1


async def test_its_memory_is_limited_and_it_is_the_first_to_go(kept: Kept, tmp_path: Path) -> None:
    await kept.studio.ask("picture", *job(tmp_path))
    assert kept.worker.pid is not None
    assert resource.prlimit(kept.worker.pid, resource.RLIMIT_DATA) == (STUDIO_BYTES, STUDIO_BYTES)
    adjusted = await asyncio.to_thread(Path(f"/proc/{kept.worker.pid}/oom_score_adj").read_text)
    assert adjusted == "1000\n"


async def test_when_it_is_killed_the_job_fails_and_the_next_one_works(kept: Kept, tmp_path: Path) -> None:
    header, data = job(tmp_path)
    await kept.studio.ask("picture", header, data)
    assert kept.worker.pid is not None
    os.kill(kept.worker.pid, signal.SIGKILL)
    await until(lambda: kept.worker.pid is None)
    assert (await kept.studio.ask("picture", header, data)).body
    assert kept.worker.starts == 2


async def test_more_than_it_can_take_is_busy() -> None:
    never = asyncio.Event()

    async def keep() -> None:
        await never.wait()

    studio = StudioProcess(lambda _note: True, keep, CLOCK)
    studio.on_change(True)
    waiting = [asyncio.ensure_future(studio.ask(TRANSCODE, {}, b"")) for _ in range(2)]
    await CLOCK.sleep(0.01)
    with pytest.raises(Busy):
        await studio.ask(TRANSCODE, {}, b"")
    waiting += [asyncio.ensure_future(studio.ask("picture", {}, b"")) for _ in range(14)]
    await CLOCK.sleep(0.01)
    with pytest.raises(Busy):
        await studio.ask("picture", {}, b"")
    studio.on_change(False)
    assert all(isinstance(one, Refused) for one in await asyncio.gather(*waiting, return_exceptions=True))
    await studio.stop()


async def test_more_bytes_than_it_can_hold_are_busy() -> None:
    studio = StudioProcess(lambda _note: True, lambda: CLOCK.sleep(60), CLOCK)
    studio.on_change(True)
    waiting = [asyncio.ensure_future(studio.ask("picture", {}, bytes(31 << 20))) for _ in range(3)]
    await CLOCK.sleep(0.01)
    with pytest.raises(Busy):
        await studio.ask("picture", {}, bytes(31 << 20))
    studio.on_change(False)
    await asyncio.gather(*waiting, return_exceptions=True)
    again = asyncio.ensure_future(studio.ask("picture", {}, bytes(31 << 20)))
    await CLOCK.sleep(0.01)
    assert not again.done()
    again.cancel()
    await studio.stop()


async def test_pictures_too_large_for_a_message_are_refused() -> None:
    studio = StudioProcess(lambda _note: True, lambda: CLOCK.sleep(60), CLOCK)
    with pytest.raises(Refused, match="too large"):
        await studio.ask("picture", {}, bytes(33 << 20))


def test_a_job_it_does_not_know_is_an_error() -> None:
    with pytest.raises(SourceUnusable):
        work(Note("paint", {}))
