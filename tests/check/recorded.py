"""A site with footage, made quickly: real segment files of tiny pictures three seconds apart, and their rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from redshank.check.rows import Rows
from redshank.clock import NS_PER_S, US_PER_S
from redshank.disk_os import OsDisk
from redshank.media.pyav import open_file
from redshank.media.segment import Muxer, SegmentHead
from redshank.media.segment_read import inspect
from redshank.model import SITE, Gap, GapReason, Packet, Segment, StreamFormat
from redshank.record_file import name_of
from redshank.store import gaps, recordings
from redshank.store.base import Store
from tests.harness.clocks import START, FakeClock
from tests.harness.footage import cached_clip

VOLUME = "volume-1"
LENGTH_S = 30
PICTURES = 10
FIRST = 1 << 20


class Recorded:
    """`store`, one volume `disk` at `root`, and a clock that stands an hour after the newest footage."""

    def __init__(self, folder: Path, volume: str = VOLUME) -> None:
        self.folder = folder
        self.volume = volume
        self.root = folder / "recordings"
        self.root.mkdir(exist_ok=True)
        self.disk = OsDisk(self.root)
        self.clock = FakeClock(START, autojump=True)
        self.store = self._opened("redshank.db")
        self.segments: list[Segment] = []

    def close(self) -> None:
        self.store.close()
        self.disk.shut()

    def _opened(self, name: str) -> Store:
        return Store(f"sqlite:///{self.folder / name}", self.clock)

    def new_database(self) -> None:
        """The old one is lost."""
        self.store.close()
        self.store = self._opened("second.db")

    @property
    def rows_of(self) -> Rows:
        return Rows(self.store)

    @property
    def disks(self) -> Mapping[str, OsDisk]:
        return {self.volume: self.disk}

    def record(self, count: int, camera: str = "porch", stream: str = "main", rows: bool = True) -> list[Segment]:
        """So many files one after the other, ending an hour before now."""
        start = START - (3600 + count * LENGTH_S) * US_PER_S
        made = [
            self.file(
                SegmentHead(
                    SITE,
                    camera,
                    stream,
                    FIRST + n,
                    1,
                    self.volume,
                    start + n * LENGTH_S * US_PER_S,
                    (n + 1) * LENGTH_S * NS_PER_S,
                    "boot-1",
                )
            )
            for n in range(count)
        ]
        if rows:
            self.add(made)
        self.segments += made
        return made

    def add(self, segments: Sequence[Segment]) -> None:
        for begin in range(0, len(segments), 200):
            batch = segments[begin : begin + 200]
            self.store.write(lambda conn: [recordings.add(conn, one) for one in batch]).result()  # type: ignore[func-returns-value]  # noqa: B023

    def file(self, head: SegmentHead, suffix: str = "mp4") -> Segment:
        """One finished file."""
        data = segment_bytes(head)
        path = name_of(head, suffix)
        self.put(path, data)
        found = inspect(lambda at, size: data[at : at + size], len(data))
        return found.row(path, len(data), hashlib.sha256(data).hexdigest())

    def put(self, path: str, data: bytes) -> None:
        file = self.disk.create(path)
        self.disk.append(file, data)
        self.disk.close(file)

    def path(self, segment: Segment) -> Path:
        return self.root / segment.path

    def files(self) -> dict[str, bytes]:
        """Everything on the volume."""
        return {str(f.relative_to(self.root)): f.read_bytes() for f in sorted(self.root.rglob("*")) if f.is_file()}

    def rows(self) -> list[Segment]:
        return self.store.read(partial(recordings.page, volume=self.volume, limit=100_000))

    def gaps(self, camera: str = "porch", stream: str = "main") -> list[tuple[int, int | None, GapReason]]:
        found: list[Gap] = self.store.read(lambda conn: gaps.span(conn, camera, stream, 0, 1 << 60))
        return [(gap.start, gap.end, gap.reason) for gap in found]


def segment_bytes(head: SegmentHead, pictures: int = PICTURES, length_s: int = LENGTH_S) -> bytes:
    """A whole file: every picture is a fragment, every fifth a keyframe."""
    packets = _packets()
    format = packets[0].format
    step = length_s * US_PER_S // pictures
    ticks = round(step * format.time_base.denominator / format.time_base.numerator / US_PER_S)
    timed = [
        replace(
            packets[n % 5],
            camera=head.camera,
            stream=head.stream,
            seq=n,
            time=head.start + n * step,
            pts=n * ticks,
            dts=n * ticks,
            duration=ticks,
        )
        for n in range(pictures)
    ]
    muxer = Muxer(head, [format], timed[0])
    made = [one for packet in timed for one in muxer.add(packet)]
    rest, tail = muxer.finish(head.start + length_s * US_PER_S)
    return muxer.head_bytes + b"".join(one.data for one in [*made, *rest]) + tail


@cache
def _packets() -> Sequence[Packet]:
    """A keyframe and four pictures after it."""
    source = open_file(cached_clip(1, width=128, height=96, fps=5, gop_s=1), audio=False)
    format: StreamFormat = source.formats[0]
    found = [
        Packet("", "", 1, n, format, 0, 0, 0, 0, 0, raw.keyframe, raw.data) for n, raw in enumerate(source.packets())
    ]
    source.close()
    assert [packet.keyframe for packet in found] == [True, False, False, False, False]
    return found
