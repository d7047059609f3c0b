"""Blobs in a folder: `<root>/<name>`, files 0600, folders 0700.

Order of writes: `.<name>.<random>.part` → fsync → link to the name (fails when it exists; rename when replacing) → fsync of the
folder → unlink of the part. A crash leaves the whole file or a hidden part, which `sweep` removes. Every folder on the way is opened
relative to the one before without following links, so a link planted inside the root leads nowhere.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redshank.blobs.base import checked
from redshank.errors import DiskFull, StoreError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class DiskBlobs:
    """`root` is made when it is missing."""

    def __init__(self, root: Path) -> None:
        self._root = root
        with self._translated("create", str(root)):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, name: str, data: bytes, replace: bool = False) -> None:
        *folders, leaf = checked(name)
        part = f".{leaf[:100]}.{secrets.token_hex(6)}.part"
        with self._translated("write", name), self._folder(folders, create=True) as folder:
            try:
                _write(part, data, folder)
                _publish(part, leaf, folder, replace)
                os.fsync(folder)
            except FileExistsError as error:
                raise StoreError(f"{self._root / name} exists already and is kept as it is") from error
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(part, dir_fd=folder)

    def read(self, name: str) -> bytes | None:
        *folders, leaf = checked(name)
        try:
            with self._translated("read", name), self._folder(folders) as folder:
                file = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
                with open(file, "rb") as opened:
                    return opened.read()
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> bool:
        *folders, leaf = checked(name)
        try:
            with self._translated("delete", name), self._folder(folders) as folder:
                os.unlink(leaf, dir_fd=folder)
        except FileNotFoundError:
            return False
        return True

    def names(self, prefix: str = "") -> Iterator[str]:
        top = prefix.rpartition("/")[0]
        found: list[str] = []
        try:
            with self._translated("list", top), self._folder([*checked(top)] if top else []) as folder:
                for here, _, files, _ in os.fwalk(dir_fd=folder):
                    below = Path(top, here)
                    found += [str(below / file) for file in files if not file.startswith(".")]
        except FileNotFoundError:
            return iter(())
        return iter(sorted(name for name in found if name.startswith(prefix)))

    def sweep(self) -> int:
        """Remove what a crash left half-written. Only at start, before anybody writes. How many there were."""
        found = [path for path in self._root.rglob(".*.part") if not path.is_symlink()]
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    @contextmanager
    def _folder(self, parts: list[str], create: bool = False) -> Iterator[int]:
        """A descriptor of the folder, reached part by part."""
        here = os.open(self._root, _FOLDER & ~os.O_NOFOLLOW)
        try:
            for part in parts:
                if create:
                    _make(part, here)
                below = os.open(part, _FOLDER, dir_fd=here)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    @contextmanager
    def _translated(self, verb: str, name: str) -> Iterator[None]:
        """FileNotFoundError passes: it means "no such name" to those who look for one."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            where = self._root / name
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"no space left to {verb} {where}: free some space, it goes on by itself") from error
            raise StoreError(f"cannot {verb} {where}: {error.strerror}") from error


def _make(part: str, folder: int) -> None:
    try:
        os.mkdir(part, mode=0o700, dir_fd=folder)
    except FileExistsError:
        return
    os.fsync(folder)


def _write(part: str, data: bytes, folder: int) -> None:
    file = os.open(part, _NEW, mode=0o600, dir_fd=folder)
    with open(file, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def _publish(part: str, leaf: str, folder: int, replace: bool) -> None:
    """Give the written bytes their name."""
    if not replace:
        try:
            os.link(part, leaf, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            return
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        # exFAT and some network shares have no links: take the name exclusively, then put the bytes there.
        os.close(os.open(leaf, _NEW, mode=0o600, dir_fd=folder))
    os.rename(part, leaf, src_dir_fd=folder, dst_dir_fd=folder)
