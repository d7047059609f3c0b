"""What a running Redshank says of itself: a lock and a file in the data folder.

`run` holds a lock on `redshank.lock` for as long as it lives, so that a second one on the same folder is refused (rel:T08) and
`status` knows whether anybody is there; the kernel gives it back at kill -9. `status.json` is replaced once a second, whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from redshank.clock import SystemClock
from redshank.errors import DiskFull, StoreError

LOCK = "redshank.lock"
STATUS = "status.json"
PATIENCE_S = 0.5
"""A `status` command holds the lock for an instant while it looks; that must not refuse a start."""

_CLOCK = SystemClock()


@contextlib.contextmanager
def owned(data: Path) -> Iterator[None]:
    """Own the data folder. Raises StoreError when another process does, or when it cannot be written."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"{data}: cannot be used as the data folder ({error.strerror}): choose another with --data"
        ) from error
    try:
        if not _lock_within(lock, PATIENCE_S):
            raise StoreError(
                f"{data}: another Redshank (process {_owner(lock)}) uses this folder: stop it or choose another --data"
            )
        # What a killed predecessor said last is not how we are.
        (data / STATUS).unlink(missing_ok=True)
        os.truncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(lock)


def write(data: Path, status: Mapping[str, Any]) -> None:
    """Replace the status file. Raises StoreError; a full disk is told apart."""
    temporary = data / f".{STATUS}"
    try:
        temporary.write_text(json.dumps(status, default=str))
        temporary.replace(data / STATUS)
    except OSError as error:
        kind = DiskFull if error.errno in (28, 122) else StoreError
        raise kind(f"{data / STATUS}: {error.strerror}") from error


def read(data: Path) -> dict[str, Any] | None:
    """What the running Redshank said last; None when none is running here."""
    try:
        lock = os.open(data / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        if _try_lock(lock, fcntl.LOCK_SH):
            return None
        found: dict[str, Any] = json.loads((data / STATUS).read_text())
        return found
    except (OSError, ValueError):
        return None
    finally:
        os.close(lock)


def _lock_within(fd: int, seconds: float, tries: int = 5) -> bool:
    for _ in range(tries):
        if _try_lock(fd):
            return True
        _CLOCK.wait(seconds / tries)
    return False


def _try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(fd: int) -> str:
    return os.pread(fd, 32, 0).decode(errors="replace") or "?"
