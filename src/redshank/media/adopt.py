"""A file that was being written when its writer ended: cut at its last whole fragment and given its name. Blocks; not for a loop.

The order of writes makes every step repeatable: a crash in the middle leaves the `.part`, and the next start does it again.
"""

from __future__ import annotations

import hashlib
from functools import partial

from redshank.disk import Disk
from redshank.errors import StoreError
from redshank.media.box import CHUNK, Read
from redshank.media.segment_read import inspect, reaches, whole
from redshank.model import Segment

SAFE_S = 5.0
"""What was recorded later than so long after a file's beginning was told to be safe on the disk before: only damage takes what is
before it. Earlier, a power cut may have left any part of it."""


def adopt(disk: Disk, part: str) -> Segment | None:
    """The row to commit for a `.part` that nobody writes; only after the commit may the `.part` be unlinked.

    None: nothing in it was whole, and it is removed. Raises StoreError, and leaves the file as it is, when the disk cannot read it or
    its beginning is damaged but not what follows.
    """
    name = part.removesuffix(".part") + ".mp4"
    size = disk.size(name)
    if size is None:
        size = _closed(disk, part)
        if size == 0:
            disk.unlink(part)
            return None
        disk.link(part, name)
    disk.sync_folder(name)
    read = reader(disk, name)
    try:
        return inspect(read, size).row(name, size, sha256_of(read, size))
    except StoreError as error:
        raise StoreError(f"{name} cannot be adopted: {error}") from error


def reader(disk: Disk, name: str) -> Read:
    """For media.segment_read."""
    return partial(disk.read, name)


def sha256_of(read: Read, size: int) -> str:
    """Of the file's first `size` bytes, hex."""
    digest = hashlib.sha256()
    for at in range(0, size, CHUNK):
        digest.update(read(at, min(CHUNK, size - at)))
    return digest.hexdigest()


def _closed(disk: Disk, part: str) -> int:
    """Cut off what is not whole, and return the size that is left, safe on the disk. A right tail stays."""
    size = disk.size(part) or 0
    read = reader(disk, part)
    kept = whole(read, size) if size else 0
    if not kept and size and reaches(read, size) >= SAFE_S:
        raise StoreError(f"{part}: its beginning is damaged, but footage follows; it is left as it is")
    if kept:
        kept = size if inspect(read, size).tail else kept
        disk.truncate(part, kept)
    return kept
