"""A volume of the hub's as the capture process uses it: joined by whoever uses it first, which is the volume's writer.

So a mount that hangs, or one that went just after the hub had accepted it, is like any trouble with a disk: what arrives waits in the
spool, the writer tries again each second, and nothing else waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from redshank.disk import Disk, Space
from redshank.record_settings import VolumeSettings
from redshank.volume import join_volume


class JoinedDisk:
    """A `Disk`. Every method raises VolumeRefused, a StoreError, for as long as the volume cannot be joined. One thread."""

    def __init__(self, volume: VolumeSettings) -> None:
        self._volume = volume
        self._joined: Disk | None = None

    @property
    def _disk(self) -> Disk:
        if self._joined is None:
            self._joined = join_volume(Path(self._volume.path), self._volume.id, self._volume.site).disk
        return self._joined

    def create(self, name: str) -> int:
        return self._disk.create(name)

    def append(self, file: int, data: bytes) -> None:
        self._disk.append(file, data)

    def sync(self, file: int) -> None:
        self._disk.sync(file)

    def close(self, file: int) -> None:
        self._disk.close(file)

    def link(self, name: str, new: str) -> None:
        self._disk.link(name, new)

    def sync_folder(self, name: str) -> None:
        self._disk.sync_folder(name)

    def unlink(self, name: str) -> bool:
        return self._disk.unlink(name)

    def truncate(self, name: str, size: int) -> None:
        self._disk.truncate(name, size)

    def read(self, name: str, offset: int, size: int) -> bytes:
        return self._disk.read(name, offset, size)

    def size(self, name: str) -> int | None:
        return self._disk.size(name)

    def busy(self, name: str) -> bool:
        return self._disk.busy(name)

    def names(self, folder: str = "") -> Iterator[str]:
        return self._disk.names(folder)

    def remove_empty_folders(self, name: str) -> None:
        self._disk.remove_empty_folders(name)

    def space(self) -> Space:
        return self._disk.space()
