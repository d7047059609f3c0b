"""A file as a camera, on a fake clock; and one that vanishes."""

from __future__ import annotations

import os
import resource
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from redshank.clock import NS_PER_S, US_PER_S
from redshank.errors import SourceMissing, SourceUnusable
from redshank.media.playback import FileSource, Playing
from redshank.media.settings import SourceSettings
from redshank.media.source import RawPacket
from redshank.model import CameraStatus
from tests.harness.clocks import FakeClock
from tests.harness.footage import cached_clip
from tests.media.watch import watching


def played(source: FileSource, count: int) -> list[RawPacket]:
    packets = source.packets()
    return [next(packets) for _ in range(count)]


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("audio", [None, "aac"])
def test_a_loop_has_no_seam(bframes: int, audio: str | None) -> None:
    clock = FakeClock(autojump=True)
    source = FileSource(cached_clip(2, bframes=bframes, audio=audio), clock)
    packets = played(source, 400 if audio else 100)
    source.close()
    for format in source.formats:
        own = [p for p in packets if p.format is format]
        assert len(own) > 60
        steps = {(b.dts or 0) - (a.dts or 0) for a, b in pairwise(own)}
        assert min(steps) > 0
        assert max(steps) * format.time_base < 0.15
    assert len({id(p.format) for p in packets}) == len(source.formats)


def test_it_is_played_at_its_own_speed() -> None:
    clock = FakeClock(autojump=True)
    source = FileSource(cached_clip(2), clock)
    begun_ns = clock.mono_ns()
    packets = source.packets()
    for n in range(55):
        next(packets)
        assert (clock.mono_ns() - begun_ns) / NS_PER_S == pytest.approx(n / 10, abs=0.001)


def test_unpaced_and_once_it_is_read_to_its_end_without_waiting() -> None:
    clock = FakeClock()
    source = FileSource(cached_clip(2), clock, Playing(loop=False, paced=False))
    assert len(list(source.packets())) == 20
    assert clock.slept == []


def test_closing_ends_it_between_two_packets() -> None:
    source = FileSource(cached_clip(2), FakeClock(autojump=True))
    packets = source.packets()
    next(packets)
    source.close()
    source.close()
    assert list(packets) == []


def test_a_file_that_vanishes_and_returns_under_another_node_is_found(tmp_path: Path) -> None:
    """rel:T26, with a looped file behind a symbolic link: resumes <= 10 s, < 5 % CPU while it is away."""
    link, first, second = tmp_path / "camera", tmp_path / "node0.mp4", tmp_path / "node1.mp4"
    shutil.copy(cached_clip(2), first)
    link.symlink_to(first)
    with watching(SourceSettings(str(link))) as watch:
        watch.until_packets(5)
        link.unlink()
        first.unlink()
        watch.until_status(CameraStatus.OFFLINE)
        assert "removed or replaced" in watch.reader.state.reason
        before, begun_us = cpu_s(), watch.clock.now()
        watch.until(lambda: watch.clock.now() - begun_us > 1.5 * US_PER_S)
        assert (cpu_s() - before) / ((watch.clock.now() - begun_us) / US_PER_S) < 0.05
        assert watch.reader.state.reason == f"no such file: {link}"
        shutil.copy(cached_clip(2), second)
        link.symlink_to(second)
        back_us = watch.clock.now()
        watch.until_packets(3)
        assert watch.clock.now() - back_us < 10 * US_PER_S
        assert watch.reader.state.status is CameraStatus.ONLINE


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def test_a_file_that_cannot_be_played_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    for path, error, text in [
        (tmp_path / "none.mp4", SourceMissing, "no such file"),
        (tmp_path / "empty.mp4", SourceUnusable, "is empty"),
        (tmp_path, SourceUnusable, "is not a file"),
    ]:
        with pytest.raises(error, match=text):
            FileSource(path, FakeClock())


def test_rounds_leave_no_descriptor_behind() -> None:
    clock = FakeClock(autojump=True)
    source = FileSource(cached_clip(2), clock)
    packets = source.packets()
    next(packets)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(200):
        next(packets)
    assert len(os.listdir("/proc/self/fd")) == before
    source.close()
