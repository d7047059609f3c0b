"""Where the bytes of a segment are read, whichever volume it lies on and whether it is finished or still being written.

Every call blocks. Safe from several threads.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from redshank.disk import Disk
from redshank.errors import StoreError
from redshank.model import Segment

log = logging.getLogger(__name__)


class NoFootage(StoreError):
    """There is nothing of this time, or nothing that was asked for."""


def _nobody(_segment: Segment, _why: str) -> None:
    """Nobody wants to know of damage."""


@dataclass(frozen=True, slots=True)
class Footage:
    """The volumes by id."""

    disks: Callable[[], Mapping[str, Disk]]
    lost: Callable[[Segment, str], None] = _nobody
    """Told, from any thread, of a file that is missing or damaged."""

    def read(self, segment: Segment, offset: int, size: int) -> bytes:
        """Exactly `size` bytes. Raises StoreError (and tells `lost`) when they are not there."""
        disk = self.disks().get(segment.volume)
        if disk is None:
            raise StoreError(f"the volume {segment.volume} of {segment.path} is not there: is its disk mounted?")
        for name in _names(segment.path):
            try:
                data = disk.read(name, offset, size)
            except FileNotFoundError:
                continue
            if len(data) < size:
                raise self.damage(segment, "the file is shorter than it was")
            return data
        raise self.damage(segment, "the file is missing")

    def there(self, segment: Segment) -> bool:
        """Whether the file is there with all its fragments; only its size is looked at."""
        disk = self.disks().get(segment.volume)
        if disk is None:
            return False
        return any((disk.size(name) or 0) >= segment.media_to for name in _names(segment.path))

    def damage(self, segment: Segment, why: str) -> StoreError:
        """Say it in the log and to `lost`; the error to raise."""
        log.error("footage damaged", extra={"camera": segment.camera, "path": segment.path, "reason": why})
        self.lost(segment, why)
        return StoreError(f"{segment.path}: {why}")


def _names(path: str) -> tuple[str, str]:
    """A running file gets its last name while we read, and its first one goes once the database knows it."""
    stem = path.rpartition(".")[0]
    return (path, f"{stem}.mp4") if path.endswith(".part") else (path, f"{stem}.part")
