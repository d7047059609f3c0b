"""The contract of blobs: named bytes, whole or not there.

A name is 1 to 8 parts of `[A-Za-z0-9_-][A-Za-z0-9._-]*` joined by `/`, at most 200 characters: `alerts/2026-11-21/<id>.jpg`. Nothing
else reaches a disk or a bucket, so no name leads out of the root or means something to a shell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from redshank.errors import StoreError

MAX_NAME = 200
MAX_PARTS = 8
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Blobs(Protocol):
    """Every call blocks (disk or network): not for the event loop. Safe from several threads. Raises StoreError, DiskFull."""

    def put(self, name: str, data: bytes, replace: bool = False) -> None:
        """Returns when the bytes survive a power cut. A reader sees the old state or the new, never a part.

        Raises StoreError when the name exists, unless `replace`.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """None when there is no such name."""
        ...

    def delete(self, name: str) -> bool:
        """Whether it was there."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """Every name that begins with `prefix`, in order."""
        ...


def checked(name: str) -> tuple[str, ...]:
    """The parts of a valid name. Raises StoreError."""
    parts = tuple(name.split("/"))
    if len(name) > MAX_NAME or len(parts) > MAX_PARTS or not all(_PART.fullmatch(part) for part in parts):
        raise StoreError(f"not a name for a file of ours: {name[:80]!r}")
    return parts
