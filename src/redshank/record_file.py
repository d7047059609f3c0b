"""One file of footage while it is written, and its way to being a segment. One thread: the volume's writer.

Order of writes (docs/design/recording.md): append* → sync → (first time: sync_folder) → … → append(tail) → sync → link → sync_folder →
`segment` note → the hub commits the row and unlinks `.part`. Each step is only begun when the one before has succeeded, so whatever
ends us between two of them leaves a `.part` from which the footage is taken over at the next start.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from redshank.disk import Disk
from redshank.errors import StoreError
from redshank.media.fanout import starts
from redshank.media.segment import Made, Muxer, SegmentHead
from redshank.model import Packet, Segment, StreamFormat

NEAR_US = 100
"""The file counts in ticks of 11 µs. Where another follows, the row ends exactly where that begins."""
LEFT = 32
_NAMES = tuple(field.name for field in fields(Segment))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def name_of(head: SegmentHead, suffix: str = "part") -> str:
    """Below the volume's root. UTC, and `seq` never repeats: no clock can make two files meet."""
    at = _EPOCH + timedelta(microseconds=head.start)
    return f"{head.camera}/{head.stream}/{at:%Y-%m-%d/%H/%M.%S}-{head.seq}.{suffix}"


@dataclass(slots=True)
class Ended:
    """A file nobody appends to any more."""

    part: str
    row: Segment | None
    """What of it can be trusted; None: nothing."""
    cut: bool = False
    """It is longer than that."""
    linked: bool = False

    def settle(self, disk: Disk) -> None:
        """Make it a segment, or nothing. Raises StoreError; may then be called again."""
        if self.row is None:
            disk.unlink(self.part)
            return
        if disk.size(self.part) is None:
            self._taken_over(disk, self.row)
            return
        if self.cut:
            disk.truncate(self.part, self.row.size)
        if self.linked and disk.size(self.part) == self.row.size:
            # Its folder could not be synced. Asking again proves nothing: the entry is made anew.
            disk.unlink(self.row.path)
            self.linked = False
        if not self.linked:
            disk.link(self.part, self.row.path)
            self.linked = True
        disk.sync_folder(self.row.path)

    def _taken_over(self, disk: Disk, row: Segment) -> None:
        """It waited so long that somebody else made it a segment, and told of it (or deleted it). Only what is ours to the byte may be
        told once more."""
        if disk.size(row.path) == row.size:
            disk.sync_folder(row.path)
        else:
            self.row = None


class Endings:
    """Files that ended and are not settled yet; what of them is safe stays so meanwhile.

    Bounded: beyond `LEFT` the oldest falls out, and stays a `.part` for the next start.
    """

    def __init__(self) -> None:
        self._left: deque[Ended] = deque(maxlen=LEFT)

    def __len__(self) -> int:
        return len(self._left)

    def add(self, ended: Ended) -> None:
        if ended.row is not None or len(self._left) < LEFT:
            self._left.append(ended)

    def settle(self, disk: Disk) -> tuple[list[Segment], StoreError | None]:
        """Try each once. The new segments, and the last error."""
        made: list[Segment] = []
        error: StoreError | None = None
        for _ in range(len(self._left)):
            ended = self._left.popleft()
            try:
                ended.settle(disk)
            except StoreError as failure:
                error = failure
                self._left.append(ended)
            else:
                made += [ended.row] if ended.row is not None else []
        return made, error


@dataclass(slots=True)
class _Gop:
    frame: int
    """Number of its keyframe in the file, from 0."""
    packets: list[Packet]


class OpenFile:
    """`formats`: of the packets it will get, video first. `first`: its first keyframe; `add` it too.

    Raises SourceUnusable when the pictures cannot be described, before anything is written; every other method raises StoreError, and
    the file must then be given up.
    """

    def __init__(self, disk: Disk, head: SegmentHead, formats: Sequence[StreamFormat], first: Packet) -> None:
        self.head = head
        self.formats = tuple(formats)
        self.part = name_of(head)
        self.waiting = 0
        """Bytes made, not yet appended."""
        self.synced_ns: int | None = None
        self.row: Segment | None = None
        """What is known to survive a power cut."""
        self._disk = disk
        self._muxer = Muxer(head, formats, first)
        self._handle: int | None = None
        self._created = False
        self._made: list[bytes] = []
        self._size = 0
        self._end = head.start
        self._frames = 0
        self._digest = hashlib.sha256()
        self._unsafe: deque[_Gop] = deque()
        self._pictures = 0
        self._have((self._muxer.head_bytes,))

    def add(self, packet: Packet) -> None:
        """No input or output."""
        if starts(packet) or not self._unsafe:
            self._unsafe.append(_Gop(self._pictures, []))
        self._unsafe[-1].packets.append(packet)
        self._pictures += packet.format.kind == "video"
        for made in self._muxer.add(packet):
            self._count(made)

    def flush(self) -> None:
        """Append what has been made, creating the file the first time."""
        if not self._made:
            return
        if self._handle is None:
            self._handle = self._disk.create(self.part)
            self._created = True
        data, self._made, self.waiting = b"".join(self._made), [], 0
        self._disk.append(self._handle, data)

    def sync(self, now_ns: int) -> None:
        """What was appended survives; packets that went into it are let go of, from the keyframe before the last synced one."""
        self.flush()
        self._sync()
        self.synced_ns = now_ns
        while len(self._unsafe) > 1 and self._unsafe[1].frame <= self._frames:
            self._unsafe.popleft()

    def close(self, end: int | None) -> Ended:
        """`end`: wall time at which what follows is shown, None when nothing does."""
        made, tail = self._muxer.finish(end)
        for each in made:
            self._count(each)
        if end is not None and abs(self._end - end) <= NEAR_US:
            self._end = end
        media_to = self._size
        self._have((tail,))
        self.flush()
        self._sync(media_to)
        self._shut()
        return Ended(self.part, self.row if self._frames else None)

    def give_up(self) -> Ended | None:
        """After an error: what was synced before stays, nothing else is trusted. None when there is no file."""
        if not self._created:
            return None
        self._shut()
        return Ended(self.part, self.row if self.row is not None and self.row.frames else None, cut=True)

    def unsafe(self) -> Iterable[Packet]:
        """What must be written again when the file is given up: from the keyframe at or before the last sync."""
        return (packet for gop in self._unsafe for packet in gop.packets)

    def so_far(self) -> Segment:
        """The file as it lies on the disk now, for playing it while it grows. After `flush`."""
        return self._described(self.part, self._size, self._size, "")

    def _sync(self, media_to: int | None = None) -> None:
        if self._handle is None:
            return
        self._disk.sync(self._handle)
        if self.row is None:
            self._disk.sync_folder(self.part)
        path = name_of(self.head, "mp4")
        self.row = self._described(path, self._size, media_to or self._size, self._digest.copy().hexdigest())

    def _shut(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            self._disk.close(handle)

    def _count(self, made: Made) -> None:
        self._have((made.data,))
        self._end = max(self._end, made.end)
        self._frames += made.frames

    def _have(self, parts: Iterable[bytes]) -> None:
        for data in parts:
            self._made.append(data)
            self._size += len(data)
            self.waiting += len(data)
            self._digest.update(data)

    def _described(self, path: str, size: int, media_to: int, sha256: str) -> Segment:
        head, video = self.head, self._muxer.formats[0]
        return Segment(
            head.camera,
            head.stream,
            head.seq,
            head.volume,
            path,
            head.start,
            max(self._end, head.start + 1),
            size,
            len(self._muxer.head_bytes),
            media_to,
            self._frames,
            video.codec,
            video.width,
            video.height,
            head.epoch,
            self._muxer.setup,
            self._muxer.index,
            "aac" if len(self._muxer.formats) > 1 else "",
            head.boot,
            head.mono_ns,
            sha256,
        )


def fields_of(row: Segment) -> dict[str, object]:
    """As a note has them. Without `asdict`, which copies each value deeply and takes three times as long."""
    return {name: getattr(row, name) for name in _NAMES} | {"index": row.index.hex()}
