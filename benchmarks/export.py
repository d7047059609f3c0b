"""How fast footage is exported, against the disk's own copy speed in the same run.

    python -m benchmarks.export [FOLDER] [--files N] [--rounds N] [--json]

FOLDER must be on the disk to be measured (default: the temporary folder). Made-up footage of 4 Mbit/s, 30 s a file; each round copies
the same bytes with `cat` into one file and exports them as a clip and as evidence, all until they are safe on the disk, with the
source out of the cache. Target: clip ≥ 0.8 × copy.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.harness.footage import cached_clip

from redshank.archive.bundle import Seal, write_bundle
from redshank.archive.clip import Clip, Source, Wanted, make_clip, write_clip
from redshank.archive.job import Control
from redshank.clock import NS_PER_S, US_PER_S, SystemClock
from redshank.disk_os import OsDisk
from redshank.media.pyav import open_file
from redshank.media.segment import Muxer, SegmentHead
from redshank.media.segment_read import inspect
from redshank.model import SITE, Packet, Segment
from redshank.record_file import name_of
from redshank.store import recordings
from redshank.store.base import Store

FPS, GOP_S, LENGTH_S = 15, 2, 30
KEY_BYTES, BYTES = 120_000, 29_000
START = 1_767_225_600 * US_PER_S
CLOCK = SystemClock()


def first_packet() -> Packet:
    source = open_file(cached_clip(1, width=1280, height=720, fps=FPS), audio=False)
    raw = next(iter(source.packets()))
    source.close()
    return Packet("porch", "main", 1, 0, raw.format, START, 0, 0, 0, 0, True, raw.data)


def file_bytes(head: SegmentHead, first: Packet) -> bytes:
    """Sizes as of a camera, contents noise."""
    dice = random.Random(head.seq)
    ticks = round(1 / (FPS * first.format.time_base))
    muxer: Muxer | None = None
    parts: list[bytes] = []
    for n in range(LENGTH_S * FPS):
        key = n % (GOP_S * FPS) == 0
        noise = dice.randbytes(KEY_BYTES if key else BYTES)
        unit = (len(noise) + 1).to_bytes(4, "big") + (b"\x65" if key else b"\x41") + noise
        packet = replace(
            first,
            seq=n,
            pts=n * ticks,
            dts=n * ticks,
            duration=ticks,
            keyframe=key,
            data=first.data if n == 0 else unit,
        )
        muxer = muxer or Muxer(head, [first.format], packet)
        parts += [made.data for made in muxer.add(packet)]
    assert muxer is not None
    rest, tail = muxer.finish(head.start + LENGTH_S * US_PER_S)
    return b"".join([muxer.head_bytes, *parts, *(made.data for made in rest), tail])


def record(disk: OsDisk, store: Store, files: int) -> list[Segment]:
    first = first_packet()
    rows = []
    for n in range(files):
        head = SegmentHead(SITE, "porch", "main", (1 << 20) + n, 1, "v", START + n * LENGTH_S * US_PER_S, 0, "b")
        data, name = file_bytes(head, first), name_of(head, "mp4")
        file = disk.create(name)
        disk.append(file, data)
        disk.sync(file)
        disk.close(file)
        digest = hashlib.sha256(data).hexdigest()
        rows.append(inspect(lambda at, size: data[at : at + size], len(data)).row(name, len(data), digest))  # noqa: B023
        store.write(lambda conn: recordings.add(conn, rows[-1])).result()
    return rows


def measure(root: Path, rows: Sequence[Segment], clip: Clip, source: Source) -> dict[str, float]:
    """MB/s of each way."""
    out = root / "out"
    paths = [str(root / row.path) for row in rows]
    size = clip.movie.size
    key = Ed25519PrivateKey.generate()

    def copied() -> None:
        with (out / "copy").open("wb") as file:
            subprocess.run(["cat", *paths], stdout=file, check=True)
            os.fsync(file.fileno())

    def bundled() -> None:
        seal = Seal(key, START, datetime(2026, 1, 1, tzinfo=UTC), "benchmark")
        write_bundle(source, [clip], out / "clip.zip", seal, Control())

    ways: dict[str, Callable[[], object]] = {
        "copy": copied,
        "clip": lambda: write_clip(clip, out, Control()),
        "evidence": bundled,
    }
    return {name: size / 1e6 / _seconds(way, out, paths) for name, way in ways.items()}


def _seconds(way: Callable[[], object], out: Path, paths: Sequence[str]) -> float:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    os.sync()
    for path in paths:
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
    begun = CLOCK.mono_ns()
    way()
    return (CLOCK.mono_ns() - begun) / NS_PER_S


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path(tempfile.gettempdir()))
    parser.add_argument("--files", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="redshank-export-", dir=options.folder) as folder:
        root = Path(folder)
        disk, store = OsDisk(root), Store(f"sqlite:///{root / 'redshank.db'}", CLOCK)
        rows = record(disk, store, options.files)
        source = Source(store, {"v": disk}, CLOCK.now())
        clip = make_clip(source, Wanted("porch", "main", rows[0].start + US_PER_S, rows[-1].end - US_PER_S, "clip"))
        rounds = [measure(root, rows, clip, source) for _ in range(options.rounds)]
        store.close()
    found = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    found |= {
        f"{name}/copy": statistics.median(one[name] / one["copy"] for one in rounds) for name in ("clip", "evidence")
    }
    found["MB"] = sum(row.size for row in rows) / 1e6
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:14} {value:8.2f}" + (" MB/s" if name in rounds[0] else ""))


if __name__ == "__main__":
    main()
