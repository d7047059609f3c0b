"""One sealed file with everything that cannot be made again: the database, the configuration with its history, the keys.

    manifest.json            what follows: sizes, SHA-256, rows of each table, versions; and what is not in it
    redshank.db              a verified copy at one instant, also while the program writes
    config/…                 the configuration file and secrets.yaml beside it
    config-history/… last-good.yaml keys/…     as they lie in the data folder

Inside `redshank.backup.seal`: u32 length of the manifest (big-endian), the manifest, then the bytes of its files one after the other.
Footage, pictures and models are not in it. Order of writes: `.part` written and read back whole → synced → linked to its name, which
must not exist → folder synced. Memory: a chunk at a time. Everything blocks. Raises StoreError (DiskFull), one line.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from redshank.backup import database
from redshank.backup.database import Facts
from redshank.backup.seal import LOG_N, Opener, Sealer
from redshank.errors import StoreError

MANIFEST = "manifest.json"
MOST_BYTES = 16 * 1024 * 1024
"""Of a configuration or key file."""
BLOCK = 256 * 1024
_NAME = re.compile(
    r"(redshank\.db|last-good\.yaml|(config|config-history|keys)(/(?!\.\.?/)[^/\0]+)+(?<!/\.)(?<!/\.\.))"
)
_FILE = re.compile(r"""["'\s]file:(?P<path>[^"'\s#]+)""")
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<frigate>FRIGATE_[A-Z0-9_]+)\}")
Progress = Callable[[int, int], None]
"""(bytes done, bytes in all)."""
Place = Callable[[str], Path | None]
"""Name in the bundle → where it is written; None: it is only looked at."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The manifest."""

    made: int
    """UTC microseconds."""
    version: str
    """Of the Redshank that made it."""
    database: Facts
    files: tuple[Entry, ...]
    data: str
    """The data folder it was made of."""
    config: str
    """Where the configuration was; empty: there was none."""
    left_out: tuple[str, ...]
    """What the configuration needs and the backup does not hold."""

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.files)


@dataclass(frozen=True, slots=True)
class Source:
    """What to back up."""

    data: Path
    config: Path | None
    environ: Mapping[str, str]
    """To tell which variables the configuration needs: names, never values."""
    log_n: int = LOG_N
    """Work to try one passphrase (`redshank.backup.seal`)."""


def make(
    source: Source, target: Path, passphrase: str, now: int, progress: Progress = lambda _done, _all: None
) -> Contents:
    """Write `target` (0600), which must not exist; after an error it does not."""
    if target.exists():
        raise StoreError(f"{target} exists already: a backup never replaces another, choose a new name")
    folder, part = source.data / database.FOLDER, target.with_name(f".{target.name}.part")
    with database.translated(target), contextlib.ExitStack() as stack:
        folder.mkdir(mode=0o700, exist_ok=True)
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".bundle-", dir=folder)))
        facts = database.copy(source.data / database.NAME, place / database.NAME)
        files = {database.NAME: place / database.NAME, **_small_files(source)}
        contents = _contents(source, files, facts, now)
        out = stack.enter_context(os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b"))
        stack.callback(part.unlink, missing_ok=True)
        _write(Sealer(out, passphrase, source.log_n), contents, files, progress)
        os.fsync(out.fileno())
        out.seek(0)
        if _read(out, str(target), passphrase, lambda _name: None, lambda _done, _all: None) != contents:
            raise StoreError(f"{target}: what was written is not what should be there: check the disk")
        _name(part, target)
    return contents


def unpack(
    file: Path,
    passphrase: str,
    folder: Path,
    names: Collection[str] | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Contents:
    """Into an empty folder, all files or those named; all are held against the manifest. After an error the folder means nothing."""
    with database.translated(file), file.open("rb") as read:
        return _read(
            read,
            str(file),
            passphrase,
            lambda name: folder / name if names is None or name in names else None,
            progress,
        )


def _small_files(source: Source) -> dict[str, Path]:
    """By their name in the bundle."""
    found: dict[str, Path] = {}
    if source.config is not None and source.config.is_file():
        beside = source.config.absolute().parent / "secrets.yaml"
        found = {f"config/{path.name}": path for path in (source.config, beside) if path.is_file()}
    data = source.data
    inside = [
        data / "last-good.yaml",
        *sorted((data / "config-history").rglob("*")),
        *sorted((data / "keys").rglob("*")),
    ]
    return found | {str(path.relative_to(data)): path for path in inside if path.is_file()}


def _contents(source: Source, files: Mapping[str, Path], facts: Facts, now: int) -> Contents:
    entries = []
    for name, path in files.items():
        if name != database.NAME and path.stat().st_size > MOST_BYTES:
            raise StoreError(
                f"{path}: too large for a configuration or key file ({path.stat().st_size} bytes): move it elsewhere"
            )
        with path.open("rb") as file:
            entries.append(Entry(name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()))
    config = str(source.config.absolute()) if source.config else ""
    left_out = _left_out(source)
    return Contents(now, version("redshank"), facts, tuple(entries), str(source.data), config, left_out)


def _left_out(source: Source) -> tuple[str, ...]:
    """Files and variables the configuration refers to: secrets that live elsewhere on purpose."""
    if source.config is None or not source.config.is_file():
        return ()
    words = source.config.read_text(errors="replace")
    files = [f"the file {match['path']}" for match in _FILE.finditer(words)]
    variables = {match["name"] or match["frigate"] for match in _VARIABLE.finditer(words)}
    variables |= {name for name in source.environ if name.startswith("REDSHANK__")}
    return (*dict.fromkeys(files), *(f"the environment variable {name}" for name in sorted(variables)))


def _write(sealer: Sealer, contents: Contents, files: Mapping[str, Path], progress: Progress) -> None:
    manifest = json.dumps(asdict(contents), indent=1).encode()
    sealer.write(len(manifest).to_bytes(4, "big") + manifest)
    done = 0
    for entry in contents.files:
        with files[entry.name].open("rb") as file:
            for block in iter(partial(file.read, BLOCK), b""):
                sealer.write(block)
                done += len(block)
                progress(done, contents.size)
    sealer.close()


def _read(file: BinaryIO, name: str, passphrase: str, place: Place, progress: Progress) -> Contents:
    opener, done = Opener(file, name, passphrase), 0
    try:
        contents = _manifest(opener.read(min(int.from_bytes(opener.read(4), "big"), MOST_BYTES)))
        for entry in contents.files:
            _extract(opener, entry, place(entry.name))
            done += entry.size
            progress(done, contents.size)
        # The end must be reached: only then is it known that nothing was cut off.
        if opener.read(1):
            raise ValueError("there is more in it than the manifest says")
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{name}: not as Redshank writes a backup ({error}): do not use it") from None
    return contents


def _manifest(data: bytes) -> Contents:
    """Raises ValueError, KeyError or TypeError when it is none."""
    found = json.loads(data)
    found["database"] = Facts(**found["database"])
    found["files"] = tuple(Entry(**entry) for entry in found["files"])
    found["left_out"] = tuple(found["left_out"])
    contents = Contents(**found)
    names = [entry.name for entry in contents.files]
    if database.NAME not in names or len(set(names)) < len(names) or not all(map(_NAME.fullmatch, names)):
        raise ValueError("its names are not ours")
    return contents


def _extract(opener: Opener, entry: Entry, target: Path | None) -> None:
    """Raises ValueError when it is not the file of the manifest."""
    digest, left = hashlib.sha256(), entry.size
    with _opened(target) as out:
        while left > 0 and (block := opener.read(min(left, BLOCK))):
            digest.update(block)
            left -= len(block)
            if out is not None:
                out.write(block)
    if left or digest.hexdigest() != entry.sha256:
        raise ValueError(f"{entry.name} is another than the manifest says")


@contextlib.contextmanager
def _opened(target: Path | None) -> Iterator[BinaryIO | None]:
    if target is None:
        yield None
        return
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())


def _name(part: Path, target: Path) -> None:
    """Give the finished file its name, which nothing else may have."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise StoreError(f"{target} exists already: a backup never replaces another, choose a new name") from None
    except OSError:  # a file system without links
        part.rename(target)
    database.sync(target.absolute().parent)
