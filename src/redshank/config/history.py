"""Every configuration that was in use, as files in the data folder: they outlive the database, and each is a plain copy to look at.

    config-history/2026-11-21T120000.000000Z.yaml    the text, byte for byte; its owner's only (0600)
    config-history/2026-11-21T120000.000000Z.json    who, note, lines: missing for one edited by hand

Blocking; callers see to it that one thread writes at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from redshank.clock import from_rfc3339, rfc3339

FOLDER = "config-history"
KEPT = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """One of them."""

    version: str
    time: int
    """µs: when it came into use."""
    who: str
    """Empty: edited by hand."""
    note: str
    lines: int
    """So many lines are other than in the one before."""
    path: Path


def version_of(content: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(content).hexdigest()


def keep(folder: Path, content: bytes, now: int, who: str = "", note: str = "") -> None:
    """Unless it is the newest already. `now`: µs. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = _copies(folder)
    before = known[-1].read_bytes() if known else b""
    if known and before == content:
        return
    path = _named(folder, now)
    while path.exists() or (known and path.name <= known[-1].name):
        now = max(now, _time(known[-1]) if known else 0) + 1
        path = _named(folder, now)
    said = {"who": who, "note": note, "lines": _changed(before, content)}
    write(path.with_suffix(".json"), json.dumps(said).encode())
    write(path, content)
    for old in known[: max(len(known) + 1 - KEPT, 0)]:
        old.with_suffix(".json").unlink(missing_ok=True)
        old.unlink(missing_ok=True)


def entries(folder: Path) -> Iterator[Kept]:
    """Newest first. One that cannot be read is left out."""
    for path in reversed(_copies(folder)):
        with suppress(OSError, ValueError):
            said = _said(path)
            who, note, lines = said.get("who"), said.get("note"), said.get("lines")
            yield Kept(
                version_of(path.read_bytes()),
                _time(path),
                who if isinstance(who, str) else "",
                note if isinstance(note, str) else "",
                lines if isinstance(lines, int) else 0,
                path,
            )


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Whole or not at all, also over a power cut. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _copies(folder: Path) -> list[Path]:
    """Oldest first; what somebody else put there is none of ours."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        with suppress(ValueError):
            _time(path)
            found.append(path)
    return found


def _said(path: Path) -> dict[str, object]:
    try:
        said = json.loads(path.with_suffix(".json").read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _named(folder: Path, now: int) -> Path:
    return folder / f"{rfc3339(now).replace(':', '')}.yaml"


def _time(path: Path) -> int:
    """Of its name: `2026-11-21T120000.000000Z`, or without the fraction. Raises ValueError."""
    day, _, rest = path.stem.partition("T")
    return from_rfc3339(f"{day}T{rest[:2]}:{rest[2:4]}:{rest[4:]}")


def _changed(before: bytes, after: bytes) -> int:
    """Lines that are only in one of both, as a set would see it: cheap for any size."""
    a, b = before.splitlines(), after.splitlines()
    counts: dict[bytes, int] = {}
    for line in a:
        counts[line] = counts.get(line, 0) - 1
    for line in b:
        counts[line] = counts.get(line, 0) + 1
    gone, come = -sum(n for n in counts.values() if n < 0), sum(n for n in counts.values() if n > 0)
    return max(gone, come)
