"""What a name on a volume says: footage of ours, or somebody else's file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from redshank.disk import Disk
from redshank.record_settings import SEQ_BITS

_FOOTAGE = re.compile(
    r"([a-z0-9_-]{1,64})/([a-z0-9_-]{1,64})/\d{4,}-\d\d-\d\d/\d\d/\d\d\.\d\d-(\d{1,19})\.(mp4|part)", re.ASCII
)
IDENTITY = ".redshank-volume"
"""Of the volume itself."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose footage a file is, by its name."""

    camera: str
    stream: str
    seq: int
    finished: bool
    """`.mp4`; else the `.part` of a file whose row is not committed yet."""

    @property
    def key(self) -> tuple[str, str, int]:
        return self.camera, self.stream, self.seq


def place_of(name: str) -> Place | None:
    """None for a file that is not ours. `name`: below the root of its volume."""
    found = _FOOTAGE.fullmatch(name)
    return Place(found[1], found[2], int(found[3]), found[4] == "mp4") if found else None


def part_of(path: str) -> str:
    """The `.part` name of a file."""
    return path.rpartition(".")[0] + ".part"


def finished_name(name: str) -> str:
    """Its name once it is finished."""
    return name.rpartition(".")[0] + ".mp4"


def last_epoch(disk: Disk) -> int:
    """The highest epoch of any file there; 0 when there is none."""
    places = (place_of(name) for name in disk.names())
    return max((place.seq >> SEQ_BITS for place in places if place is not None), default=0)


def leftovers(disk: Disk, folder: str = "") -> list[str]:
    """Files below a folder that have not lost their mark. Blocks. Raises StoreError."""
    places = ((name, place_of(name)) for name in disk.names(folder))
    return [name for name, place in places if place is not None and not place.finished]
