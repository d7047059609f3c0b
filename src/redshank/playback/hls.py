"""A range as HLS (RFC 8216): fragmented MP4 chunks of 4 to 8 s that begin with keyframes, nothing re-encoded.

Every address in a playlist says which bytes of which file it means, so nothing is remembered between requests. Times in the chunks
are wall times counted from shortly before the range, so one file follows another without a seam; where there is a hole, another
format or a clock that jumped, a discontinuity says so. A range that is still being recorded is an EVENT playlist that grows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from redshank.clock import US_PER_S, rfc3339
from redshank.media.codec_config import codec_name
from redshank.media.segment import AUDIO, VIDEO
from redshank.model import Segment, StreamFormat
from redshank.playback.footage import Footage, NoFootage
from redshank.playback.fragment import Damaged
from redshank.playback.header import Head, Timing, make_head
from redshank.playback.movie import head_of, trimmed
from redshank.playback.plan import Piece, Plan, keyframes
from redshank.playback.stretch import Place, Stretch, moved

CHUNK_US = 4 * US_PER_S
TARGET_S = 8
"""What a playlist promises as the longest chunk, unless keyframes are further apart."""
BEFORE_US = 600 * US_PER_S
"""Media time at which the range begins: a file that begins before it has a place."""
MOST_BYTES = 32 << 20
"""Of one chunk."""
LATE_US = 15 * US_PER_S
"""After so long nothing more of a range is expected."""
_NAME = re.compile(r"(\d{1,12})-(\d{1,12})(?:-(\d{1,17}))?")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One entry of a playlist."""

    piece: Piece
    offset: int
    to: int
    start: int
    """Wall time at which its first picture is shown."""
    end: int
    breaks: bool
    """Whether it does not follow the chunk before."""

    @property
    def name(self) -> str:
        """Its address below the playlist's, without suffix; the last one of a range says where to cut."""
        cut = f"-{self.end}" if self.piece.cut and self.end == self.piece.end else ""
        return f"{self.piece.segment.seq}/{self.offset}-{self.to}{cut}"


def chunks(plan: Plan) -> list[Chunk]:
    """What there is of the range, whole groups of pictures; of a file still being written only what will not change any more."""
    found: list[Chunk] = []
    for piece in plan.pieces:
        breaks = bool(found) and (not piece.joined or found[-1].piece.segment.setup != piece.segment.setup)
        growing = piece.segment.path.endswith(".part") and not plan.reached
        for offset, to, start, end in _groups(piece, growing):
            found.append(Chunk(piece, offset, to, start, end, breaks))
            breaks = False
    return found


def _groups(piece: Piece, growing: bool) -> Iterator[tuple[int, int, int, int]]:
    """Offset, its end, start and end of each chunk of a piece."""
    keys = [(time, at) for time, at in keyframes(piece.segment) if piece.offset <= at and time < piece.end]
    start, offset = keys[0]
    for time, at in keys[1:]:
        if time - start >= CHUNK_US:
            yield offset, at, start, time
            start, offset = time, at
    if not growing and piece.end > start:
        yield offset, piece.to, start, piece.end


def playlist(plan: Plan, growing: bool, below: str = "", kind: str = "") -> str:
    """`growing`: more of the range may still come. `below`: the address the playlist's entries are below, with a slash at its end.
    `kind`: put before the suffix of every address."""
    entries = chunks(plan)
    longest = max([TARGET_S, *(-(-(one.end - one.start) // US_PER_S) for one in entries)])
    lead = (plan.pieces[0].start - plan.pieces[0].key) / US_PER_S if plan.pieces else 0.0
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-PLAYLIST-TYPE:{'EVENT' if growing else 'VOD'}",
        f"#EXT-X-TARGETDURATION:{longest}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f"#EXT-X-START:TIME-OFFSET={lead:.6f},PRECISE=YES",
    ]
    setup = seq = None
    for one in entries:
        segment = one.piece.segment
        lines += ["#EXT-X-DISCONTINUITY"] if one.breaks else []
        lines += [f'#EXT-X-MAP:URI="{below}init-{segment.setup}{kind}.mp4"'] if segment.setup != setup else []
        lines += [f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(one.start)}"] if segment.seq != seq else []
        lines += [f"#EXTINF:{(one.end - one.start) / US_PER_S:.6f},", f"{below}{one.name}{kind}.m4s"]
        setup, seq = segment.setup, segment.seq
    return "\n".join([*lines, *([] if growing else ["#EXT-X-ENDLIST"]), ""])


def init(segment: Segment, footage: Footage) -> bytes:
    """The head of the chunks of this file's kind. Raises StoreError."""
    formats = head_of(segment, footage).formats
    return make_head({track: [format] for track, format in formats.items()}, Timing(segment.start, None))


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk in its file's own terms, and where it goes."""

    data: bytes
    place: Place


def part(segment: Segment, name: str, begins: int, footage: Footage) -> Part:
    """The part of a file that `Chunk.name` means, in a playlist whose range begins at `begins`.

    Raises NoFootage when there is no such part, StoreError when it is lost.
    """
    offset, to, end = _bytes_of(name)
    key = next((time for time, at in keyframes(segment) if at == offset), None)
    if key is None or not offset < to <= segment.media_to:
        raise NoFootage("there is no such part of the footage")
    if to - offset > MOST_BYTES:
        raise NoFootage(
            "so large a part of the footage is not sent at once: its keyframes may be too far apart for HLS"
        )
    head = head_of(segment, footage)
    place = Place(0, segment.start - begins + BEFORE_US, head, {track: 1 for track in head.formats})
    data = footage.read(segment, offset, to - offset)
    if end is None:
        return Part(data, place)
    piece = Piece(segment, offset, to, key, segment.start, end, True, False)
    try:
        return Part(trimmed(data, piece, head), place)
    except Damaged as error:
        raise footage.damage(segment, str(error)) from error


def chunk(segment: Segment, name: str, begins: int, footage: Footage) -> bytes:
    """What is sent of it; damaged groups of pictures are left out. Raises as `part`."""
    found = part(segment, name, begins, footage)
    try:
        return moved(found.data, found.place.change)
    except Damaged:
        offset, to, _end = _bytes_of(name)
        stretch = Stretch(segment, offset, to, footage, found.place)
        return b"".join(stretch.blocks(0, stretch.size))


def _bytes_of(name: str) -> tuple[int, int, int | None]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise NoFootage("there is no such part of the footage")
    return int(found[1]), int(found[2]), int(found[3]) if found[3] else None


@dataclass(frozen=True, slots=True)
class Variant:
    """One stream of a master playlist."""

    address: str
    codecs: str
    width: int
    height: int
    bits: int
    """Per second, at most over a file."""


def variant(address: str, segments: Sequence[Segment], head: Head) -> Variant:
    """Of a stream with these segments, at least one."""
    rates = [one.size * 8 * US_PER_S // max(US_PER_S, one.end - one.start) for one in segments]
    first = segments[0]
    return Variant(address, codecs(head.formats), first.width, first.height, max(rates))


def master(variants: Iterable[Variant]) -> str:
    """The playlist of playlists, best first."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for one in variants:
        size = f"RESOLUTION={one.width}x{one.height}"
        lines += [f'#EXT-X-STREAM-INF:BANDWIDTH={one.bits},{size},CODECS="{one.codecs}"', one.address]
    return "\n".join([*lines, ""])


def codecs(formats: Mapping[int, StreamFormat]) -> str:
    """RFC 6381: what a browser is asked whether it can play."""
    return ",".join(codec_name(formats[track]) for track in (VIDEO, AUDIO) if track in formats)
