"""The files of one volume: every byte of footage is written, read and deleted through a `Disk`, and nowhere else.

A name is relative to the volume's root, its parts joined by `/`. Nothing outside the root can be reached: each folder on the way is
opened relative to the one before without following links (rel:T49). Every call blocks: not for an event loop. Safe from several
threads, but one handle belongs to one thread. Raises StoreError (DiskFull when there is no space), one line that names the file.

The crash layer of the tests (tests/harness/crash_disk.py) is another `Disk`: it fails the n-th call, or forgets what was not synced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Space:
    """Of the file system a volume lies on."""

    free: int
    """Bytes an ordinary program may still use."""
    total: int
    read_only: bool = False


class Disk(Protocol):
    """One volume. See the module."""

    def create(self, name: str) -> int:
        """A new empty file that only we can read (0600), open for appending and locked for as long as it is open; folders are made.

        Raises StoreError when it exists.
        """
        ...

    def append(self, file: int, data: bytes) -> None:
        """All of it. After an error the file may hold a part of it."""
        ...

    def sync(self, file: int) -> None:
        """Returns when what was appended survives a power cut. After an error nothing since the last success can be trusted, and
        trying again on the same file proves nothing."""
        ...

    def close(self, file: int) -> None:
        """Never raises."""
        ...

    def link(self, name: str, new: str) -> None:
        """A second name for a file. Raises StoreError when the new one exists. A file system without links renames instead."""
        ...

    def sync_folder(self, name: str) -> None:
        """Returns when the entry of this file in its folder, and every new folder above it, survives a power cut."""
        ...

    def unlink(self, name: str) -> bool:
        """Whether it was there. Never follows a link, never removes a folder."""
        ...

    def truncate(self, name: str, size: int) -> None:
        """Cut a file that nobody writes, and sync it."""
        ...

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Fewer bytes at the end. Raises FileNotFoundError."""
        ...

    def size(self, name: str) -> int | None:
        """None when there is no such (plain) file."""
        ...

    def busy(self, name: str) -> bool:
        """Whether some process still has it open for writing (`create` and not yet `close`)."""
        ...

    def names(self, folder: str = "") -> Iterator[str]:
        """Every plain file below a folder, newest folders first; names as the other calls take them. Links are skipped."""
        ...

    def remove_empty_folders(self, name: str) -> None:
        """The folders of this (deleted) file that are empty now; the root stays. Never raises."""
        ...

    def space(self) -> Space:
        """How much room there is."""
        ...
