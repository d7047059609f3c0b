"""An archive made while it is sent: alerts with their pictures, clips, and a table of them. Blocks; one thread at a time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from redshank.playback.movie import Movie

Stamp = tuple[int, int, int, int, int, int]
"""Year to second."""


class _Out(io.RawIOBase):
    """What an archive is written into and taken out of again. It cannot go back: each entry's sum stands behind it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


@dataclass(slots=True)
class Archive:
    """ZIP (PKWARE APPNOTE 6.3.10), nothing compressed: pictures and footage are already. Every method yields what can be sent."""

    stamp: Stamp
    _out: _Out = field(default_factory=_Out)
    _zip: zipfile.ZipFile = field(init=False)

    def __post_init__(self) -> None:
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_STORED)

    def add(self, name: str, data: bytes) -> Iterator[bytes]:
        self._zip.writestr(zipfile.ZipInfo(name, self.stamp), data)
        yield self._out.take()

    def film(self, name: str, movie: Movie) -> Iterator[bytes]:
        with self._zip.open(zipfile.ZipInfo(name, self.stamp), "w", force_zip64=True) as file:
            for block in movie.blocks(0, movie.size):
                file.write(block)
                yield self._out.take()

    def close(self) -> Iterator[bytes]:
        self._zip.close()
        yield self._out.take()
