"""A file that takes long to write: it goes on where it was stopped, and is never there before it is whole.

    <name>.part + <name>.part.json   while it is written; the latter says how far the former is safe on the disk
    <name>                           once it is finished, and never in place of another file unless that was asked for

Stopped (Ctrl-C, `Control.stop`, a full disk, a kill), the same job continues from the last safe byte; another one begins anew.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from redshank.errors import DiskFull, StoreError

SAFE_EVERY = 256 * 1024 * 1024
"""Bytes between two points from which a job goes on after a power cut; after a stop it loses none. Writing goes on meanwhile."""
SPARE = 16 * 1024 * 1024
"""Bytes that stay free."""
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


class Stopped(StoreError):
    """Somebody stopped the job. What was done is kept."""


class Control:
    """How far a job is, and the way to stop it. `stop` from any thread."""

    def __init__(self, told: Callable[[int, int], None] | None = None) -> None:
        self._told = told or (lambda _done, _all: None)
        self._stop = threading.Event()

    def stop(self) -> None:
        self._stop.set()

    def at(self, done: int, total: int) -> None:
        """Raises Stopped when it was."""
        self._told(done, total)
        self.check()

    def check(self) -> None:
        """Raises Stopped when it was."""
        if self._stop.is_set():
            raise Stopped("stopped; the same export goes on from here")


class PartFile:
    """See the module. A context manager; one thread. `tag`: equal for two jobs exactly when they write the same bytes.

    Raises StoreError when a file is in the way, DiskFull when there is no room left.
    """

    def __init__(self, path: Path, tag: str, force: bool = False) -> None:
        self.path = path
        self.part = path.with_name(f"{path.name}.part")
        self.state = path.with_name(f"{path.name}.part.json")
        self.size = 0
        """Bytes written so far."""
        self.notes: dict[str, Any] = {}
        """What the job wants to know when it goes on: values JSON can hold."""
        self._tag = tag
        self._force = force
        self._file = -1
        self._asked = 0
        """Up to where it was told to be made safe."""
        self._keeper = ThreadPoolExecutor(1, "export-sync")
        self._keeping: Future[None] | None = None

    def __enter__(self) -> PartFile:
        if not self._force:
            absent(self.path)
        state = self._read_state()
        if state is None and self.part.exists() and self.part.stat().st_size:
            raise StoreError(f"{self.part} is in the way and is no unfinished export: move it away")
        try:
            self._file = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise StoreError(f"{self.path} is being written by another export") from None
        except OSError as error:
            raise _told(error, self.part) from error
        if state is not None and state["tag"] == self._tag and state["kept"] <= os.fstat(self._file).st_size:
            self.size = self._asked = state["kept"]
            self.notes = state["notes"]
        self.cut(self.size)
        try:
            self.keep()  # before a byte of ours is there: what a kill leaves is known as ours
        except StoreError:
            self._keeper.shutdown()
            os.close(self._file)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(StoreError):
            if kind is not None:
                self.keep()
        self._keeper.shutdown()
        os.close(self._file)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            raise _told(error, self.part) from error
        self.size += len(data)
        if self.size - self._asked >= SAFE_EVERY and (self._keeping is None or self._keeping.done()):
            self._begin_keeping()

    def patch(self, offset: int, data: bytes) -> None:
        """Change bytes that were written."""
        os.pwrite(self._file, data, offset)

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._file, size, offset)

    def cut(self, size: int) -> None:
        """Forget what is behind."""
        os.ftruncate(self._file, size)
        os.lseek(self._file, size, os.SEEK_SET)
        self.size = size

    def keep(self) -> None:
        """From here the job can go on, even after a power cut."""
        self._begin_keeping()
        self._kept()

    def _begin_keeping(self) -> None:
        self._kept()
        self._asked = self.size
        state = json.dumps({"v": 1, "tag": self._tag, "kept": self.size, "notes": self.notes})
        self._keeping = self._keeper.submit(self._keep, state)

    def _kept(self) -> None:
        """Wait for the last one, and hear how it went."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.result()

    def _keep(self, state: str) -> None:
        try:
            os.fdatasync(self._file)
            new = self.state.with_name(f".{self.state.name}")
            new.write_text(state)
            new.replace(self.state)
        except OSError as error:
            raise _told(error, self.part) from error

    def finish(self) -> None:
        """Durable, then there."""
        self._kept()
        try:
            os.fsync(self._file)
            put_in_place(self.part, self.path, self._force)
            self.state.unlink(missing_ok=True)
        except OSError as error:
            raise _told(error, self.path) from error

    def _read_state(self) -> Mapping[str, Any] | None:
        try:
            found = json.loads(self.state.read_text())
        except (OSError, ValueError):
            return None
        match found:
            case {"v": 1, "tag": str(), "kept": int(kept), "notes": dict()} if kept >= 0:
                state: Mapping[str, Any] = found
                return state
        return None


def absent(path: Path) -> None:
    """Raises StoreError when something is there already."""
    if os.path.lexists(path):
        raise StoreError(f"{path} exists already and is kept as it is: choose another name with -o, or --force")


def put_in_place(part: Path, path: Path, force: bool) -> None:
    """Give a finished file its name, durably. Raises OSError, StoreError."""
    if force:
        part.replace(path)
    else:
        try:
            os.link(part, path)
            part.unlink()
        except FileExistsError:
            absent(path)
            raise
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            absent(path)  # exFAT and some shares have no links
            part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def room_for(folder: Path, size: int) -> None:
    """Raises DiskFull when so many more bytes do not fit."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _told(error, folder) from error
    if size + SPARE > free:
        raise DiskFull(
            f"{folder}: the export needs {size / 1e9:.2f} GB and {free / 1e9:.2f} GB are free: choose another with -o"
        )


def _told(error: OSError, path: Path) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no space left to write {path}: free some space, then the same command goes on from there")
    return StoreError(f"cannot write {path}: {error.strerror}")
