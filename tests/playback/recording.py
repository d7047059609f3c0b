"""Footage made for tests: numbered clips as a camera's packets, muxed into segment files as the recorder does, with their rows.

Wall time is chosen by the test; picture n of a clip is shown at `start` + n / fps, and says so in its bar code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from redshank.clock import US_PER_S
from redshank.disk import Disk
from redshank.disk_os import OsDisk
from redshank.media.pyav import open_file
from redshank.media.segment import Made, Muxer, SegmentHead
from redshank.media.segment_read import inspect
from redshank.model import Packet, Segment, StreamFormat
from redshank.playback.footage import Footage
from redshank.playback.plan import Plan, plan
from tests.harness.footage import cached_clip

NOON = 1_763_726_400 * US_PER_S
"""2025-11-21T12:00:00Z."""


@dataclass
class Recording:
    """A volume with footage; `segments` are its rows."""

    root: Path
    segments: list[Segment] = field(default_factory=list)
    running: list[Segment] = field(default_factory=list)
    lost: list[tuple[Segment, str]] = field(default_factory=list)
    seq: int = 1 << 20

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.disk: Disk = OsDisk(self.root)

    @property
    def footage(self) -> Footage:
        return Footage(lambda: {"vol": self.disk}, lambda segment, why: self.lost.append((segment, why)))

    def plan(self, start: int, end: int, stream: str = "main") -> Plan:
        known = [one for one in [*self.segments, *self.running] if one.stream == stream]
        return plan([one for one in known if one.end > start and one.start < end], start, end)

    def file(self, segment: Segment) -> Path:
        return self.root / segment.path

    def add(
        self, clip: Path, start: int, segment_s: float = 3, stream: str = "main", camera: str = "yard"
    ) -> list[Segment]:
        """Record a clip that begins at `start`, as files of about so many seconds."""
        packets, formats = packets_of(clip, start, camera, stream)
        made = [self._write(run, formats, end) for run, end in _runs(packets, segment_s)]
        self.segments += made
        return made

    def run(self, clip: Path, start: int, until_s: float, stream: str = "main") -> Segment:
        """One file that is still being written: its whole fragments of the first `until_s` seconds, and half of one more."""
        packets, formats = packets_of(clip, start, "yard", stream)
        early = [packet for packet in packets if packet.time < start + until_s * US_PER_S]
        muxer, made = self._mux(early, formats)
        path = self._path(start, stream).replace(".mp4", ".part")
        self._put(path, muxer.head_bytes + b"".join(one.data for one in made) + made[-1].data[:700])
        media_from = len(muxer.head_bytes)
        media_to = media_from + sum(len(one.data) for one in made)
        row = replace(
            _row(muxer, path, self.file_bytes(path)[:media_to], media_to),
            end=made[-1].end,
        )
        self.running.append(row)
        return row

    def forget_running(self) -> None:
        """Take the running file back: the next one has its number."""
        self.file(self.running.pop()).unlink()
        self.seq -= 1

    def file_bytes(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def _write(self, packets: Sequence[Packet], formats: Sequence[StreamFormat], end: int | None) -> Segment:
        muxer, made = self._mux(packets, formats)
        last, tail = muxer.finish(end)
        media = muxer.head_bytes + b"".join(one.data for one in [*made, *last])
        path = self._path(packets[0].time, packets[0].stream)
        self._put(path, media + tail)
        return _row(muxer, path, media + tail, len(media))

    def _mux(self, packets: Sequence[Packet], formats: Sequence[StreamFormat]) -> tuple[Muxer, list[Made]]:
        first = packets[0]
        self.seq += 1
        head = SegmentHead("default", first.camera, first.stream, self.seq, 1, "vol", first.time, first.mono_ns, "boot")
        muxer = Muxer(head, formats, first)
        return muxer, [one for packet in packets for one in muxer.add(packet)]

    def _path(self, time: int, stream: str) -> str:
        return (
            f"yard/{stream}/2025-11-21/12/{time // US_PER_S % 3600 // 60:02}.{time // US_PER_S % 60:02}-{self.seq}.mp4"
        )

    def _put(self, path: str, data: bytes) -> None:
        file = self.disk.create(path)
        self.disk.append(file, data)
        self.disk.close(file)


def _row(muxer: Muxer, path: str, data: bytes, media_to: int) -> Segment:
    file = inspect(lambda at, size: data[at : at + size], len(data), deep=True)
    assert file.media_to == media_to, "the muxer's fragments are not what the reader finds"
    return file.row(path, len(data), "")


def packets_of(clip: Path, start: int, camera: str, stream: str) -> tuple[list[Packet], list[StreamFormat]]:
    """Every packet, in the order a camera would send them; the first picture is shown at `start`."""
    source = open_file(clip, audio=True)
    formats = list(source.formats)
    raws = [raw for raw in source.packets() if raw.dts is not None and raw.pts is not None]
    first = min(raw.pts * raw.format.time_base for raw in raws if raw.format.kind == "video" and raw.pts is not None)
    raws.sort(key=lambda raw: (raw.dts or 0) * raw.format.time_base)
    source.close()
    packets = []
    for seq, raw in enumerate(raws):
        assert raw.pts is not None
        assert raw.dts is not None
        since = round((raw.pts * raw.format.time_base - first) * US_PER_S)
        packets.append(
            Packet(
                camera, stream, 1, seq, raw.format, start + since, since * 1000, raw.pts, raw.dts, raw.duration,
                raw.keyframe, raw.data,
            )
        )  # fmt: skip
    begin = next(n for n, packet in enumerate(packets) if packet.format.kind == "video")
    return packets[begin:], formats


def _runs(packets: Sequence[Packet], segment_s: float) -> Iterator[tuple[list[Packet], int | None]]:
    """Cut at the first keyframe from `segment_s` on; with each run when the next one begins."""
    run: list[Packet] = []
    for packet in packets:
        key = packet.keyframe and packet.format.kind == "video"
        if run and key and packet.time - run[0].time >= segment_s * US_PER_S:
            yield run, packet.time
            run = []
        run.append(packet)
    yield run, None


def numbered(seconds: float, **encoding: object) -> Path:
    """A clip from the cache of the test run."""
    options: Mapping[str, object] = {"width": 320, "height": 192, **encoding}
    return cached_clip(seconds, **options)
