"""Clips as evidence: one ZIP file with the clips, what is missing and why, and a signed manifest of it all.

    <clips> gaps.csv README.txt public.pem manifest.json manifest.sig

Each clip is hashed while it is copied into the archive; nothing is written twice. `archive.evidence` checks it. Blocks; one thread.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from redshank.archive import zipped
from redshank.archive.clip import Clip, Source
from redshank.archive.evidence import MANIFEST, MAX_MANIFEST, PUBLIC, SIGNATURE, fingerprint, public_pem
from redshank.archive.job import Control, PartFile, room_for
from redshank.archive.origin import Origin, origin_of
from redshank.archive.zipped import Entry
from redshank.clock import US_PER_S, rfc3339
from redshank.errors import StoreError
from redshank.playback.footage import Footage

CHUNK = 1 << 20
Blocks = Callable[[int, int], Iterator[bytes]]
"""(from, to) → the bytes."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What a bundle says about itself."""

    key: Ed25519PrivateKey
    made: int
    stamp: datetime
    """Local time of every entry of the archive."""
    program: str


def write_bundle(
    source: Source, clips: Sequence[Clip], path: Path, seal: Seal, control: Control, force: bool = False
) -> Path:
    """The file. Raises StoreError, DiskFull, Stopped; run again it goes on where it was."""
    tag = hashlib.sha256("\n".join(f"{clip.name} {clip.tag}" for clip in clips).encode()).hexdigest()
    total = sum(clip.movie.size for clip in clips)
    with PartFile(path, f"bundle {tag}", force) as part, _Origins(source, clips) as origins:
        room_for(path.parent, total - part.size)
        pack = _Pack(part, int(part.notes.setdefault("stamp", zipped.stamp(seal.stamp))), total, control)
        for clip in clips:
            pack.add(clip.name, clip.movie.size, clip.movie.blocks)
        pack.add_bytes("gaps.csv", gaps_csv(clips))
        pem = public_pem(seal.key)
        pack.add_bytes("README.txt", _README.format(fingerprint=fingerprint(pem)).encode())
        pack.add_bytes(PUBLIC, pem)
        about = Made(source.site, seal, pack.stamp, pack.files, origins.wait(control))
        manifest = manifest_of(about, clips)
        pack.add_bytes(MANIFEST, manifest)
        pack.add_bytes(SIGNATURE, seal.key.sign(manifest))
        part.write(zipped.directory(pack.entries))
        part.finish()
    return path


class _Origins:
    """What became of the recorded files, looked at beside the copying on a thread of their own."""

    def __init__(self, source: Source, clips: Sequence[Clip]) -> None:
        self._pool = ThreadPoolExecutor(1, "evidence-origins")
        self._waiting: dict[tuple[str, str], Future[Origin]] = {}
        for clip in clips:
            footage = Footage(lambda: source.disks, clip.lost)
            for segment in clip.segments:
                self._waiting[clip.name, segment.path] = self._pool.submit(origin_of, segment, footage)

    def __enter__(self) -> _Origins:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def wait(self, control: Control) -> dict[tuple[str, str], Origin]:
        """By clip and path. Raises Stopped."""
        found = {}
        for place, one in self._waiting.items():
            found[place] = one.result()
            control.check()
        return found


class _Pack:
    """The archive while it is written. What an earlier run left of it counts where it is what would be written now."""

    def __init__(self, part: PartFile, stamp: int, total: int, control: Control) -> None:
        self.entries: list[Entry] = []
        self.files: dict[str, tuple[int, str]] = {}
        """Name → (size, SHA-256)."""
        self.stamp = stamp
        self._part = part
        self._total = total
        self._control = control
        self._done = 0

    def add(self, name: str, size: int, blocks: Blocks) -> None:
        entry = self._next(name, size)
        digest, crc = self._copied(entry, blocks)
        self._done += size
        self._add(replace(entry, crc=crc), digest)

    def add_bytes(self, name: str, data: bytes) -> None:
        entry = self._next(name, len(data))
        self._part.cut(entry.offset)
        self._part.write(zipped.header(entry) + data)
        self._add(replace(entry, crc=zlib.crc32(data)), hashlib.sha256(data).hexdigest())

    def _next(self, name: str, size: int) -> Entry:
        return Entry(name, size, 0, self.entries[-1].end if self.entries else 0, self.stamp)

    def _add(self, entry: Entry, digest: str) -> None:
        self._part.patch(entry.offset, zipped.header(entry))
        self.entries.append(entry)
        self.files[entry.name] = (entry.size, digest)

    def _copied(self, entry: Entry, blocks: Blocks) -> tuple[str, int]:
        """SHA-256 and CRC of what the recorded files hold and, from now on, the archive."""
        part, at = self._part, entry.data
        if part.size < at:
            part.cut(entry.offset)
            part.write(zipped.header(entry))
        with _Sums() as sums:
            for block in blocks(0, entry.size):
                sums.add(block)
                if part.size < at + len(block) or part.read(at, len(block)) != block:
                    if part.size > at:
                        part.cut(at)
                    part.write(block)
                at += len(block)
                self._control.at(self._done + at - entry.data, self._total)
            return sums.found()


class _Sums:
    """SHA-256 and CRC-32 of blocks, on a thread of their own, at most one block behind."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._crc = 0
        self._pool = ThreadPoolExecutor(1, "evidence-sums")
        self._last: Future[None] | None = None

    def __enter__(self) -> _Sums:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown()

    def add(self, block: bytes) -> None:
        if self._last is not None:
            self._last.result()
        self._last = self._pool.submit(self._sum, block)

    def found(self) -> tuple[str, int]:
        """Hex, and the number."""
        if self._last is not None:
            self._last.result()
        return self._digest.hexdigest(), self._crc

    def _sum(self, block: bytes) -> None:
        self._digest.update(block)
        self._crc = zlib.crc32(block, self._crc)


@dataclass(frozen=True, slots=True)
class Made:
    """What a manifest is about."""

    site: str
    seal: Seal
    stamp: int
    """Of every entry, in MS-DOS form."""
    files: Mapping[str, tuple[int, str]]
    """Name → (size, SHA-256)."""
    origins: Mapping[tuple[str, str], Origin]
    """By clip and path."""


def manifest_of(made: Made, clips: Sequence[Clip]) -> bytes:
    """Raises StoreError when it would be too long to be checked."""
    said = {
        "v": 1,
        "kind": "redshank evidence",
        "site": made.site,
        "made": rfc3339(made.seal.made),
        "stamp": made.stamp,
        "program": made.seal.program,
        "key": fingerprint(public_pem(made.seal.key)),
        "clips": [_described(clip, made.origins) for clip in clips],
        "files": [{"name": name, "size": size, "sha256": digest} for name, (size, digest) in made.files.items()],
    }
    data = json.dumps(said, ensure_ascii=False, indent=1).encode()
    if len(data) > MAX_MANIFEST:
        raise StoreError("so much footage makes a manifest nobody can check: export less at once")
    return data


def _described(clip: Clip, origins: Mapping[tuple[str, str], Origin]) -> dict[str, Any]:
    plan, complete = clip.movie.plan, clip.completeness
    return {
        "file": clip.name,
        "camera": clip.wanted.camera,
        "stream": clip.wanted.stream,
        "from": rfc3339(clip.wanted.start),
        "to": rfc3339(clip.wanted.end),
        "shown": [[rfc3339(piece.start), rfc3339(piece.end)] for piece in plan.pieces],
        "seconds": plan.length / US_PER_S,
        "completeness": {
            "percent": complete.percent,
            "footage_s": complete.footage_us / US_PER_S,
            "missing_s": complete.unwanted_us / US_PER_S,
            "not_wanted_s": complete.wanted_us / US_PER_S,
        },
        "gaps": clip.gaps_said,
        "damaged": clip.damaged,
        "segments": [
            {
                "path": segment.path,
                "seq": segment.seq,
                "start": rfc3339(segment.start),
                "end": rfc3339(segment.end),
                "size": segment.size,
                "sha256": origins[clip.name, segment.path].sha256,
                "sha256_of": origins[clip.name, segment.path].taken,
            }
            for segment in clip.segments
        ],
    }


def gaps_csv(clips: Sequence[Clip]) -> bytes:
    """One line per gap in the ranges, cut to them."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(("camera", "stream", "start", "end", "seconds", "reason"))
    for clip in clips:
        for gap in clip.gaps:
            start = max(gap.start, clip.wanted.start)
            end = min(clip.wanted.end, gap.end if gap.end is not None else clip.wanted.end)
            length = f"{(end - start) / US_PER_S:.3f}"
            table.writerow((gap.camera, gap.stream, rfc3339(start), rfc3339(end), length, gap.reason.value))
    return out.getvalue().encode()


_README = """\
Evidence from Redshank
======================

*.mp4          the footage as it was recorded, not encoded again; any player plays it
gaps.csv       when footage is missing in the range, and why (empty: nothing is missing)
manifest.json  what this is: cameras, times, each file with its SHA-256, each recorded file it was made from
manifest.sig   an Ed25519 signature over the bytes of manifest.json
public.pem     the public key it was made with

To check that nothing was changed since it was signed:

    redshank evidence verify FILE.zip

or without Redshank, in the unpacked folder (OpenSSL 3):

    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in manifest.json -sigfile manifest.sig
    sha256sum *.mp4      and compare with the sums in manifest.json

Anyone can make a key. This one is

    {fingerprint}

    openssl pkey -pubin -in public.pem -outform DER | sha256sum

Compare it with the fingerprint the owner of the cameras gave you another way (redshank evidence key).
"""
