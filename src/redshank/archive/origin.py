"""Whether a recorded file still is as it was recorded, asked of those that evidence is made of. Blocks; any thread."""

from __future__ import annotations

from dataclasses import dataclass

from redshank.errors import StoreError
from redshank.media.adopt import sha256_of
from redshank.media.segment_read import inspect
from redshank.model import Segment
from redshank.playback.footage import Footage

ALTERED = "not as it was recorded"


@dataclass(frozen=True, slots=True)
class Origin:
    """The SHA-256 of a recorded file."""

    sha256: str = ""
    """Empty while it is written, and when it cannot be read."""
    taken: str = ""
    """`recording`: it is the one taken then · `export`: it was taken now."""


def origin_of(segment: Segment, footage: Footage) -> Origin:
    """All of the file is read. `footage` is told when its bytes are not those that were recorded: by the hash taken then, or where
    there is none by the checksums inside it."""

    def read(offset: int, size: int) -> bytes:
        return footage.read(segment, offset, min(size, max(segment.size, segment.media_to) - offset))

    try:
        digest = sha256_of(read, segment.size) if segment.path.endswith(".mp4") else ""
        if digest and digest == segment.sha256:
            return Origin(digest, "recording")
        if segment.sha256:
            footage.damage(segment, f"{ALTERED}: its SHA-256 is another")
        elif inspect(read, segment.media_to, deep=True).media_to < segment.media_to:
            footage.damage(segment, f"{ALTERED}: a checksum inside it is another")
    except StoreError as error:
        footage.damage(segment, str(error))
        return Origin()
    return Origin(digest, "export") if digest else Origin()
