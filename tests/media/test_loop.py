"""A clip repeats for ever with time that never goes back, at the pace of the clock."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import pytest

from redshank.errors import SourceMissing, SourceUnusable
from redshank.media.loop import Played, endless, play, read_clip
from redshank.media.source import RawPacket
from tests.harness.clocks import FakeClock
from tests.harness.footage import cached_clip


def rounds(path: Path, count: int) -> list[Played]:
    clip = read_clip(path)
    return list(islice(endless(clip), len(clip.units) * count))


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("audio", ["aac", "pcm_alaw", None])
def test_time_goes_on_evenly_across_the_loop_point(bframes: int, audio: str | None) -> None:
    played = rounds(cached_clip(2, bframes=bframes, audio=audio), 3)
    video = [one.unit for one in played if one.unit.format.kind == "video"]
    sound = [one.unit for one in played if one.unit.format.kind == "audio"]
    assert len(video) == 60
    assert {(b.dts or 0) - (a.dts or 0) for a, b in pairwise(video)} == {1024}
    shown = sorted(unit.pts or 0 for unit in video)
    assert {b - a for a, b in pairwise(shown)} == {1024}
    assert all((a.dts or 0) < (b.dts or 0) for a, b in pairwise(sound))
    assert all(a.due_s <= b.due_s for a, b in pairwise(played))
    longest = Fraction(sound[0].duration) * sound[0].format.time_base if sound else Fraction(0)
    gaps = [((b.dts or 0) - (a.dts or 0)) * b.format.time_base for a, b in pairwise(sound)]
    assert all(gap <= longest for gap in gaps)


def test_sound_stays_with_its_picture_in_every_round() -> None:
    clip = read_clip(cached_clip(2, bframes=2, audio="aac"))
    shown = min(unit.pts or 0 for unit in clip.units if unit.format.kind == "video") * clip.formats[0].time_base
    heard = [(unit.pts or 0) * unit.format.time_base for unit in clip.units if unit.format.kind == "audio"]
    assert shown == Fraction(2, 10)
    assert min(abs(at - shown) for at in heard) < Fraction(1024, 48_000)
    assert len(heard) in (93, 94)


async def test_units_are_offered_when_they_are_due() -> None:
    clock = FakeClock(autojump=True)
    got: list[tuple[float, RawPacket]] = []
    done = asyncio.Event()

    def offer(unit: RawPacket) -> None:
        got.append((clock.mono_ns() / 1e9, unit))
        if len(got) == 50:
            done.set()

    task = asyncio.create_task(play(read_clip(cached_clip(2)), offer, clock))
    async with asyncio.timeout(5):
        await done.wait()
    task.cancel()
    assert [at for at, _ in got[:50]] == pytest.approx([n / 10 for n in range(50)], abs=1e-6)
    assert [unit.keyframe for _, unit in got[:21]] == [n % 10 == 0 for n in range(21)]


async def test_after_a_long_stall_it_goes_on_from_now_without_a_burst() -> None:
    clock = FakeClock()
    times: list[float] = []
    task = asyncio.create_task(play(read_clip(cached_clip(2)), lambda unit: times.append(clock.mono_ns() / 1e9), clock))
    for seconds in (0, 0.1, 60, 0.1, 0.1):
        clock.advance(seconds)
        for _ in range(5):
            await asyncio.sleep(0)
    task.cancel()
    assert times == pytest.approx([0, 0.1, 60.1, 60.1, 60.2, 60.3], abs=1e-6)


def test_missing_broken_and_silent_files_are_named(tmp_path: Path) -> None:
    broken, empty, whole = tmp_path / "broken.mp4", tmp_path / "empty.mp4", cached_clip(2).read_bytes()
    broken.write_bytes(whole[: len(whole) // 3])
    empty.write_bytes(b"")
    with pytest.raises(SourceMissing, match=r"gone\.mp4"):
        read_clip(tmp_path / "gone.mp4")
    for path in (broken, empty):
        with pytest.raises(SourceUnusable, match=path.name):
            read_clip(path)
