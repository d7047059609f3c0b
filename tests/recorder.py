"""A recorder on the bench: packets made by code, a clock that tests move, a disk in memory that fails when told."""

from __future__ import annotations

import functools
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

from redshank.clock import NS_PER_S, US_PER_S, Clock
from redshank.disk import Disk, Space
from redshank.errors import StoreError
from redshank.media.fanout import Fanout
from redshank.media.loop import read_clip
from redshank.media.segment_read import inspect, packets
from redshank.media.source import RawPacket
from redshank.media.spool import Spool
from redshank.model import Packet, Segment, StreamFormat
from redshank.pipe import Note
from redshank.record import Recorder
from redshank.record_settings import RecordSettings
from tests.harness.clocks import FakeClock
from tests.harness.footage import Encoding, numbered_clip
from tests.harness.stamp import Stamp, add_stamp, read_sei

FPS = 10
SOUND = StreamFormat("audio", "aac", Fraction(1, 48_000), b"\x11\x90", sample_rate=48_000, channels=2)


class MemoryDisk:
    """A Disk. `fault(operation, name)` is asked before each call that changes something: what it returns is raised, after half of the
    data was appended."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.fault: Callable[[str, str], StoreError | None] = lambda operation, name: None
        self.calls: list[tuple[str, str]] = []
        self.synced: dict[str, int] = {}
        """Size of each file at its last sync."""
        self._open: dict[int, str] = {}
        self._handles = count(3)

    def create(self, name: str) -> int:
        self._about("create", name)
        if name in self.files:
            raise StoreError(f"{name} exists already")
        self.files[name] = bytearray()
        handle = next(self._handles)
        self._open[handle] = name
        return handle

    def append(self, file: int, data: bytes) -> None:
        name = self._open[file]
        try:
            self._about("append", name)
        except StoreError:
            self.files[name] += data[: len(data) // 2]
            raise
        self.files[name] += data

    def sync(self, file: int) -> None:
        self._about("sync", self._open[file])
        self.synced[self._open[file]] = len(self.files[self._open[file]])

    def close(self, file: int) -> None:
        del self._open[file]

    def link(self, name: str, new: str) -> None:
        self._about("link", new)
        assert new not in self.files, "a file would have been overwritten"
        self.files[new] = self.files[name]

    def sync_folder(self, name: str) -> None:
        self._about("sync_folder", name)

    def unlink(self, name: str) -> bool:
        self._about("unlink", name)
        return self.files.pop(name, None) is not None

    def truncate(self, name: str, size: int) -> None:
        self._about("truncate", name)
        assert name not in self._open.values()
        assert len(self.files[name]) >= size
        del self.files[name][size:]

    def read(self, name: str, offset: int, size: int) -> bytes:
        return bytes(self.files[name][offset : offset + size])

    def size(self, name: str) -> int | None:
        return len(self.files[name]) if name in self.files else None

    def busy(self, name: str) -> bool:
        return name in self._open.values()

    def names(self, folder: str = "") -> Iterator[str]:
        return (name for name in sorted(self.files, reverse=True) if name.startswith(folder))

    def remove_empty_folders(self, name: str) -> None:
        pass

    def space(self) -> Space:
        return Space(1 << 40, 1 << 41)

    def _about(self, operation: str, name: str) -> None:
        self.calls.append((operation, name))
        error = self.fault(operation, name)
        if error is not None:
            raise error


@functools.cache
def second(codec: str = "libx264", width: int = 320) -> tuple[RawPacket, ...]:
    """A GOP of one second, ten pictures."""
    with tempfile.TemporaryDirectory() as folder:
        encoding = Encoding(width=width, height=192, fps=FPS, codec=codec)
        return tuple(read_clip(numbered_clip(Path(folder) / "clip.mp4", 1, encoding)).units)


@dataclass
class Scripted:
    """A camera: `tick` gives its next picture (and its sound)."""

    name: str
    fanout: Fanout
    clock: Clock
    gop: int = FPS
    sound: bool = False
    number: int = 0
    """Of the next picture."""
    seq: int = 0
    units: Sequence[RawPacket] = ()
    format: StreamFormat = field(init=False)
    base: int = 0
    """Media time 0, µs of wall time."""
    data: bytes = b""
    """Added to each picture."""

    def __post_init__(self) -> None:
        self.units = self.units or second()
        self.connect()

    def connect(self) -> None:
        """A new timeline."""
        self.format = replace(self.units[0].format)
        self.audio = replace(SOUND)
        self.base = self.clock.now()

    def tick(self) -> None:
        keyframe = self.number % self.gop == 0
        unit = self.units[0 if keyframe else max(1, self.number % len(self.units))]
        stamped = add_stamp(unit, Stamp(0, self.number, 0, 0)).data + self.data
        self.number += 1
        if self.sound:
            for _ in range(2):
                self._offer(self.audio, True, b"\x21\x10\x04\x60\x8c\x1c" * 20)
        self._offer(self.format, keyframe, stamped)

    def _offer(self, format: StreamFormat, keyframe: bool, data: bytes) -> None:
        now = self.clock.now()
        ticks = round((now - self.base) / US_PER_S / format.time_base)
        self.seq += 1
        self.fanout.offer(
            Packet(self.name, "main", 1, self.seq, format, now, self.clock.mono_ns(), ticks, ticks, 0, keyframe, data)
        )


class Bench:
    """One recorder, its cameras. `run` lets time pass: pictures ten times a second, the writer's step four times."""

    def __init__(
        self,
        *settings: RecordSettings,
        spool: int = 120_000_000,
        disk: MemoryDisk | None = None,
        real: Disk | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.disk = disk or MemoryDisk()
        """What is looked at; `real` is written instead when there is one."""
        self.spool = Spool(spool)
        self.notes: list[Note] = []
        sequence = count(1 << 20)
        self.settings = settings or (RecordSettings("yard", "main", "v1"),)
        self.recorder = Recorder(
            "v1", real or self.disk, self.settings, self.spool, self.clock, self.notes.append, lambda: next(sequence)
        )
        self.cameras: dict[str, Scripted] = {}
        for each in self.settings:
            fanout = Fanout()
            fanout.attach(self.spool.sink(each.camera, each.stream))
            self.cameras[each.camera] = Scripted(each.camera, fanout, self.clock)
        self.stepping = True
        """False: the writer hangs in the disk."""

    @property
    def yard(self) -> Scripted:
        return self.cameras["yard"]

    def run(self, seconds: float, sending: bool = True) -> None:
        for tick in range(round(seconds * FPS)):
            for camera in self.cameras.values():
                if sending:
                    camera.tick()
            self.clock.advance(1 / FPS)
            if self.stepping and tick % 2:
                self.recorder.step()

    def stop(self) -> None:
        assert self.recorder.stop(1)

    def private(self, on: bool) -> None:
        """As the capture process does it."""
        if on:
            self.yard.fanout.silence(True)
        self.recorder.set_mode("yard", "continuous", on)
        if not on:
            self.yard.fanout.silence(False, self.clock.now(), self.clock.mono_ns())

    def told(self, kind: str, camera: str = "yard") -> list[dict[str, Any]]:
        return [dict(n.header) for n in self.notes if n.kind == kind and n.header.get("camera", camera) == camera]

    def rows(self, camera: str = "yard") -> list[Segment]:
        """As told, by start."""
        told = [
            Segment(**{**header, "index": bytes.fromhex(header["index"])}) for header in self.told("segment", camera)
        ]
        return sorted(told, key=lambda row: row.start)

    def numbers(self, camera: str = "yard") -> list[int]:
        """Of every picture of every segment, each file checked against its row."""
        return [number for row in self.rows(camera) for number in self.pictures(row)]

    def pictures(self, row: Segment) -> list[int]:
        return [stamp.number for packet in self.kept(row) if (stamp := read_sei(packet.data)) is not None]

    def kept(self, row: Segment) -> list[Packet]:
        data = bytes(self.disk.files[row.path])
        file = inspect(lambda offset, size: data[offset : offset + size], len(data), deep=True)
        again = file.row(row.path, len(data), hashlib.sha256(data).hexdigest())
        assert abs(again.end - row.end) < 100
        assert replace(again, end=row.end) == row
        return list(packets(lambda offset, size: data[offset : offset + size], file))

    def gaps(self, camera: str = "yard") -> list[tuple[float, float | None, str]]:
        """As they stand at the end: seconds since the clock's zero."""
        last = {header["start"]: header for header in self.told("gap", camera)}
        return [(self.s(g["start"]), self.s(g["end"]), g["reason"]) for _, g in sorted(last.items())]

    def s(self, time: int | None) -> Any:
        return (
            None if time is None else round((time - self.clock.now()) / US_PER_S + self.clock.mono_ns() / NS_PER_S, 3)
        )
