"""What a Redshank recorded, as its files and its database say: for tests that hold one against the other."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av

from tests.harness.oracle import stamps_of
from tests.harness.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Recorded:
    """A data folder; `root` where its default volume is, which may be elsewhere."""

    data: Path
    elsewhere: Path | None = None

    @property
    def root(self) -> Path:
        return self.elsewhere or self.data / "recordings"

    def files(self, camera: str = "*", stream: str = "*", suffix: str = ".mp4") -> list[Path]:
        """In the order they were begun."""
        found = self.root.glob(f"{camera}/{stream}/*/*/*{suffix}")
        return sorted(found, key=lambda file: int(file.stem.rpartition("-")[2]))

    def stamps(self, camera: str, stream: str = "main") -> list[Stamp]:
        """Of every picture in every finished file."""
        return [stamp for file in self.files(camera, stream) for stamp in stamps_of(file)]

    def rows(self, table: str = "segments", order: str = "start") -> list[Mapping[str, Any]]:
        with sqlite3.connect(f"file:{self.data / 'redshank.db'}?mode=ro", uri=True) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(f'SELECT * FROM {table} ORDER BY "{order}"')]

    def integrity(self) -> str:
        with sqlite3.connect(f"file:{self.data / 'redshank.db'}?mode=ro", uri=True) as database:
            return str(database.execute("PRAGMA integrity_check").fetchone()[0])

    def disagreements(self, rebuilt: bool = False) -> list[str]:
        """Rows without their file, files without a row, wrong sizes and hashes, marks left over. Rebuilt rows have no hash."""
        rows = {row["path"]: row for row in self.rows()}
        files = {str(file.relative_to(self.root)): file for file in self.files()}
        wrong = [f"row without file: {path}" for path in rows.keys() - files.keys()]
        wrong += [f"file without row: {path}" for path in files.keys() - rows.keys()]
        wrong += [f"left over: {part}" for part in self.files(suffix=".part")]
        for path in rows.keys() & files.keys():
            data = files[path].read_bytes()
            if rows[path]["size"] != len(data):
                wrong.append(f"{path}: {len(data)} bytes, the row says {rows[path]['size']}")
            elif (
                not (rebuilt and rows[path]["sha256"] == "")
                and rows[path]["sha256"] != hashlib.sha256(data).hexdigest()
            ):
                wrong.append(f"{path}: not what the row's hash says")
        return wrong

    def unaccounted_s(self, camera: str, stream: str = "main") -> float:
        """Seconds between the first and the last instant known that are neither footage nor in a gap, or in both."""
        spans = [(r["start"], r["end"]) for r in self.rows() if (r["camera"], r["stream"]) == (camera, stream)]
        spans += [
            (r["start"], r["end"])
            for r in self.rows("gaps")
            if (r["camera"], r["stream"]) == (camera, stream) and r["end"] is not None
        ]
        spans.sort()
        return float(sum(abs(b[0] - a[1]) for a, b in pairwise(spans))) / 1e6


def decode_errors(file: Path) -> list[str]:
    """What goes wrong when the whole file is decoded, from its first picture on; it must begin with one."""
    try:
        with av.open(str(file)) as opened:
            stream = opened.streams.video[0]
            stream.codec_context.options = {"err_detect": "explode"}
            pictures = sum(not frame.is_corrupt for frame in opened.decode(stream))
    except av.FFmpegError as error:
        return [f"{file.name}: {error}"]
    return [] if pictures else [f"{file.name}: no picture in it"]
