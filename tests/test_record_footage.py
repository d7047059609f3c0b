"""Real streams on a real disk: a camera over RTSP, the reader, the recorder with its thread, and files as they then lie there."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from redshank.clock import US_PER_S
from redshank.disk_os import OsDisk
from redshank.media.reader import StreamSettings
from redshank.media.segment_read import inspect
from redshank.media.settings import SourceSettings
from redshank.media.spool import Spool
from redshank.pipe import Note
from redshank.record import Recorder
from redshank.record_settings import RecordSettings
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip, luma_of, read_number
from tests.harness.oracle import between, judge, stamps_of
from tests.harness.stamp import read_sei
from tests.media.watch import Watch
from tests.recorder import Bench

FPS = 50


def quick(**encoding: object) -> Path:
    """Four seconds with a keyframe every 0.2 s."""
    return cached_clip(4, fps=FPS, gop_s=0.2, **encoding)


class Recording:
    """A camera that is recorded below a folder."""

    def __init__(self, folder: Path, camera: FakeCamera, segment_s: float) -> None:
        self.folder = folder
        self.notes: list[Note] = []
        self.watch = Watch(SourceSettings(camera.url), [camera.port], StreamSettings("yard", "main", 1))
        spool = Spool(120_000_000)
        self.watch.fanout.attach(spool.sink("yard", "main"))
        settings = RecordSettings("yard", "main", "v1", segment_s=segment_s)
        numbers = count(1 << 20)
        folder.mkdir(exist_ok=True)
        self.recorder = Recorder(
            "v1", OsDisk(folder), [settings], spool, self.watch.clock, self.notes.append, lambda: next(numbers)
        )

    def rows(self) -> list[dict[str, Any]]:
        told = [dict(note.header) for note in self.notes if note.kind == "segment"]
        return sorted(told, key=lambda row: int(row["seq"]))

    def files(self) -> list[Path]:
        return [self.folder / row["path"] for row in self.rows()]


@contextmanager
def recording(folder: Path, camera: FakeCamera, segment_s: float = 1.0) -> Iterator[Recording]:
    made = Recording(folder, camera, segment_s)
    made.recorder.start()
    made.watch.reader.start()
    try:
        yield made
    finally:
        made.watch.reader.stop(10)
        assert made.recorder.stop(20)


def shown(path: Path) -> tuple[list[int | None], int]:
    """What the pictures of a file show, in order, and how many of them the decoder says are damaged."""
    with av.open(str(path)) as opened:
        frames = list(opened.decode(video=0))
    return [read_number(luma_of(frame)) for frame in frames], sum(frame.is_corrupt for frame in frames)


@pytest.mark.parametrize(
    ("codec", "bframes"),
    [
        ("libx264", 2),
        ("libx265", 0),
        pytest.param("libx264", 0, marks=pytest.mark.slow),
        pytest.param("libx265", 2, marks=pytest.mark.slow),
    ],
)
def test_what_a_camera_sent_is_in_the_files_frame_by_frame(tmp_path: Path, codec: str, bframes: int) -> None:
    with FakeCamera(quick(codec=codec, bframes=bframes, audio="aac")) as camera:
        with recording(tmp_path, camera, segment_s=0.5) as made:
            made.watch.until_packets(100)
        stamps = [stamp for path in made.files() for stamp in stamps_of(path)]
        owed = between(camera.journal, stamps[0], stamps[-1])
    verdict = judge(owed, stamps)
    assert verdict.clean, str(verdict)
    assert verdict.seen >= 95
    assert len(made.rows()) >= 3
    for path, row in zip(made.files(), made.rows(), strict=True):
        data = path.read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (row["size"], row["sha256"])
        numbers, damaged = shown(path)
        assert numbers == sorted({stamp.number for stamp in stamps_of(path)}, key=numbers.index)
        assert None not in numbers
        assert (len(numbers), damaged) == (row["frames"], 0)
    assert all(before["end"] == after["start"] for before, after in pairwise(made.rows()))
    assert {row["video"] for row in made.rows()} == {"h264" if codec == "libx264" else "hevc"}
    assert {row["audio"] for row in made.rows()} == {"aac"}
    assert [note for note in made.notes if note.kind == "gap"] == []


@pytest.mark.slow
def test_a_camera_that_comes_back_goes_on_in_a_new_file(tmp_path: Path) -> None:
    with FakeCamera(quick()) as camera:
        with recording(tmp_path, camera, segment_s=30) as made:
            made.watch.until_packets(50)
            camera.reset()
            made.watch.until_packets(50)
        stamps = [stamp for path in made.files() for stamp in stamps_of(path)]
        first, second = made.rows()
        assert judge(camera.journal, stamps).duplicated == ()
    (gap,) = [dict(note.header) for note in made.notes if note.kind == "gap"]
    assert (gap["start"], gap["end"], gap["reason"]) == (first["end"], second["start"], "offline")
    assert gap["end"] - gap["start"] < 4 * US_PER_S


def test_a_camera_that_changes_its_resolution_loses_a_gop_at_most(tmp_path: Path) -> None:
    """rel:T23."""
    with FakeCamera(quick()) as camera, recording(tmp_path, camera, segment_s=30) as made:
        made.watch.until_packets(50)
        camera.switch(quick(width=320, height=192))
        made.watch.until(lambda: {p.format.width for p in made.watch.video} == {640, 320})
        made.watch.until_packets(50)
    before, after = made.rows()
    assert (before["width"], after["width"]) == (640, 320)
    assert 0 <= after["start"] - before["end"] <= 0.2 * US_PER_S + 2 * US_PER_S / FPS, "a GOP"
    for path in made.files():
        numbers = [stamp.round * 200 + stamp.number for stamp in stamps_of(path)]
        assert all(b == a + 1 for a, b in pairwise(numbers))
        assert None not in shown(path)[0]


DAMAGE = (("flip", 0.001), ("flip", 0.01), ("flip", 0.05), ("drop", 0.01), ("drop", 0.05), ("reorder", 0.05))


def test_whatever_a_network_does_files_are_whole_and_begin_with_a_keyframe(tmp_path: Path) -> None:
    """rel:T18, all damages at once, each to a camera of its own: before, while and after it lasts."""
    with ExitStack() as running:
        made: list[Recording] = []
        cameras = [running.enter_context(FakeCamera(quick())) for _ in DAMAGE]
        for camera, (what, share) in zip(cameras, DAMAGE, strict=True):
            made.append(running.enter_context(recording(tmp_path / f"{what}-{share}", camera)))
        for each in made:
            each.watch.until_packets(20)
        for camera, (what, share) in zip(cameras, DAMAGE, strict=True):
            setattr(camera.faults, what, share)
        cameras[0].wait_sent(len(cameras[0].journal) + 50)
        for camera, (what, _) in zip(cameras, DAMAGE, strict=True):
            setattr(camera.faults, what, 0)
        for camera, each in zip(cameras, made, strict=True):
            each.watch.until(partial(arrived, each, len(camera.journal) + 30))
    for each, (what, share) in zip(made, DAMAGE, strict=True):
        assert not each.recorder.dead
        assert len(each.rows()) >= 2
        for path, row in zip(each.files(), each.rows(), strict=True):
            pictures, first = decoded(path)
            assert pictures == row["frames"]
            if (what, share) in {("drop", 0.01), ("reorder", 0.05), ("flip", 0.001)}:
                assert first is not None
                assert first <= 10, "a keyframe that was hit costs its GOP"
        assert None not in shown_at_all(each.files()[-1])[-15:], "when the damage ends, so do its marks"


def arrived(made: Recording, number: int) -> bool:
    """Whether this picture of the camera, counted over all rounds, has come."""
    stamp = read_sei(made.watch.video[-1].data)
    return stamp is not None and stamp.round * 200 + stamp.number >= number


def decoded(path: Path) -> tuple[int, int | None]:
    """Packets of pictures in the file, and which of them the first picture comes from; the first must be a keyframe."""
    first = None
    with av.open(str(path)) as opened:
        packets = [packet for packet in opened.demux(video=0) if packet.size]
        assert packets[0].is_keyframe
        for place, packet in enumerate(packets):
            with suppress(av.FFmpegError):
                if packet.decode() and first is None:
                    first = place
    return len(packets), first


def shown_at_all(path: Path) -> list[int | None]:
    """As `shown`, passing over what cannot be decoded."""
    frames: list[av.VideoFrame] = []
    with av.open(str(path)) as opened:
        for packet in opened.demux(video=0):
            with suppress(av.FFmpegError):
                frames += [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
    return [read_number(luma_of(frame)) for frame in frames]


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: this is about names, not about the speed of a sync."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


def test_a_thousand_files_are_there_and_whole_the_moment_they_are_told(memory: Path) -> None:
    """rel:T07, against somebody who opens every path that is told, and then deletes the mark as the hub does."""
    disk = OsDisk(memory)
    bench = Bench(RecordSettings("yard", "main", "v1", segment_s=0.2), real=disk)
    bench.yard.gop = 2
    wrong: list[str] = []
    over = threading.Event()

    def look() -> None:
        seen = 0
        while not over.is_set() or seen < len(bench.notes):
            for note in bench.notes[seen:]:
                seen += 1
                if note.kind == "segment":
                    wrong.extend(problems(disk, dict(note.header)))
                    disk.unlink(str(note.header["path"])[:-3] + "part")
            over.wait(0.001)

    thread = threading.Thread(target=look)
    thread.start()
    bench.run(200.3)
    bench.stop()
    over.set()
    thread.join(20)
    assert wrong == []
    assert len(bench.told("segment")) >= 1000
    assert list(memory.rglob("*.part")) == []


def problems(disk: OsDisk, row: dict[str, Any]) -> list[str]:
    path = row["path"]
    try:
        data = disk.read(path, 0, 1 << 30)
    except FileNotFoundError:
        return [f"{path} is not there"]
    file = inspect(lambda offset, size: data[offset : offset + size], len(data), deep=True)
    if len(data) != row["size"] or hashlib.sha256(data).hexdigest() != row["sha256"] or not file.tail:
        return [f"{path} is not whole"]
    return []
