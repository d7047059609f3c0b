"""A volume in a folder of the operating system: `Disk` (disk.py) over plain system calls.

The root is opened once and everything is reached relative to that descriptor, part by part, without following links: what happens to
the *path* meanwhile (unmounted, swapped, renamed) cannot lead us elsewhere. `volume.py` watches the path and tells the disk with
`trouble` that it must not be written, and with `move` where the volume is again. Files 0600, folders 0700.

A file being written carries an exclusive `flock` for as long as it is open; it goes with the process, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redshank.disk import Space
from redshank.errors import DiskFull, StoreError

log = logging.getLogger(__name__)

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_CAMERA = re.compile(r"[a-z0-9_-]{1,64}", re.ASCII)
_TRIES = 10  # a folder we just made may be swept away as empty before our file is in it
_REMEMBERED = 4096
_WORDS = {
    errno.ENOENT: "it is not there any more",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the device reports an error",
    errno.ESTALE: "the server of this share has forgotten it; it must be mounted again",
    errno.ENOTDIR: "a part of the path is a link or not a folder",
    errno.ELOOP: "it is a link; links are not followed",
    errno.EACCES: "we may not read or write there; see to its owner and mode",
    errno.EAGAIN: "another process is writing it",
}


class OsDisk:
    """`root` must be there; it may itself be reached through a link. Raises StoreError when it is not a folder we can open."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.trouble = ""
        """Why nothing may be written or deleted now; set by whoever watches the volume, from any thread."""
        self.look: Callable[[], object] = lambda: None
        """Called before each `create` and `sync`, to set `trouble` or to `move`: who writes sees for himself, within seconds."""
        self._open: dict[int, str] = {}
        self._durable: set[tuple[str, ...]] = set()
        """Folders whose own entry is known to be on the disk."""
        self._passed: set[str] = set()
        """Folders we may not read."""
        self._top = self._open_root()
        self._links_counted = os.fstat(self._top).st_nlink > 0

    def move(self) -> None:
        """The root is what `self.root` names now; files already open stay what they were. Raises StoreError."""
        top = self._open_root()
        self._durable.clear()
        os.dup2(top, self._top, inheritable=False)  # one system call: other threads see the old or the new folder
        os.close(top)

    def fileno(self) -> int:
        """The descriptor of the root."""
        return self._top

    def shut(self) -> None:
        """Forget the root. Nothing may be called after it."""
        os.close(self._top)

    def create(self, name: str) -> int:
        *folders, leaf = _parts(name)
        self.look()
        with self._writing("create", name):
            file = self._made(folders, leaf)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)  # nobody but a `busy` asking just now can hold it
            except OSError:
                os.close(file)
                raise
        self._open[file] = name
        return file

    def _made(self, folders: list[str], leaf: str) -> int:
        for _ in range(_TRIES - 1):
            with suppress(FileNotFoundError), self._folder(folders, create=True) as folder:
                return os.open(leaf, _NEW, mode=0o600, dir_fd=folder)
        with self._folder(folders, create=True) as folder:
            return os.open(leaf, _NEW, mode=0o600, dir_fd=folder)

    def append(self, file: int, data: bytes) -> None:
        with self._writing("write", self._open[file]):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]

    def sync(self, file: int) -> None:
        self.look()
        with self._writing("sync", self._open[file]):
            os.fdatasync(file)
            if self._nameless(file):  # somebody deleted it: what has no name does not survive
                raise FileNotFoundError(errno.ENOENT, "")

    def close(self, file: int) -> None:
        self._open.pop(file, None)
        with suppress(OSError):
            os.close(file)

    def link(self, name: str, new: str) -> None:
        *folders, old_leaf = _parts(name)
        *new_folders, new_leaf = _parts(new)
        with (
            self._writing("link", new),
            self._folder(folders) as source,
            self._folder(new_folders, create=True) as target,
        ):
            try:
                os.link(old_leaf, new_leaf, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            except FileExistsError:  # done already, when the answer of a server was lost: the next try finds it
                if not _same((old_leaf, source), (new_leaf, target)):
                    raise
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                _rename_instead((old_leaf, source), (new_leaf, target))

    def sync_folder(self, name: str) -> None:
        folders = _parts(name)[:-1]
        with self._writing("sync the folder of", name):
            with self._folder(folders) as folder:
                os.fsync(folder)
            while folders and tuple(folders) not in self._durable:
                made = tuple(folders)
                folders.pop()
                with self._folder(folders) as folder:
                    os.fsync(folder)
                if len(self._durable) >= _REMEMBERED:
                    self._durable.clear()
                self._durable.add(made)

    def unlink(self, name: str) -> bool:
        *folders, leaf = _parts(name)
        with self._writing("delete", name):
            try:
                with self._folder(folders) as folder:
                    if not stat.S_ISREG(os.lstat(leaf, dir_fd=folder).st_mode):
                        return False
                    os.unlink(leaf, dir_fd=folder)
            except FileNotFoundError:
                return False
        return True

    def truncate(self, name: str, size: int) -> None:
        with self._writing("cut", name), self._plain(name, os.O_WRONLY) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(file, size)
            os.fsync(file)

    def read(self, name: str, offset: int, size: int) -> bytes:
        with self._told("read", name), self._plain(name, os.O_RDONLY) as file:
            whole = os.pread(file, size, offset)
            if len(whole) == size:
                return whole  # nearly always; without a copy
            found = bytearray(whole)
            while len(found) < size and (more := os.pread(file, size - len(found), offset + len(found))):
                found += more
            return bytes(found)

    def size(self, name: str) -> int | None:
        *folders, leaf = _parts(name)
        with self._told("look at", name):
            try:
                with self._folder(folders) as folder:
                    found = os.lstat(leaf, dir_fd=folder)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def busy(self, name: str) -> bool:
        with self._told("look at", name):
            try:
                with self._plain(name, os.O_RDONLY) as file:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except FileNotFoundError:
                return False
        return False

    def names(self, folder: str = "") -> Iterator[str]:
        waiting = [_parts(folder) if folder else []]
        while waiting:
            here = waiting.pop()
            folders, files = self._listed(here)
            yield from ("/".join([*here, name]) for name in files)
            waiting += [[*here, name] for name in folders]

    def _listed(self, here: list[str]) -> tuple[list[str], list[str]]:
        """Sub-folders oldest first, plain files newest first; nothing when the folder has gone meanwhile, or is not for us."""
        name = "/".join(here)
        try:
            with self._told("list", name):
                return self._entries(here)
        except StoreError as error:
            cause = error.__cause__
            if not here or not isinstance(cause, OSError) or cause.errno not in _FORBIDDEN:
                raise
            if name not in self._passed and len(self._passed) < _REMEMBERED:
                self._passed.add(name)
                log.warning("%s; it is passed over", error)
            return [], []

    def _entries(self, here: list[str]) -> tuple[list[str], list[str]]:
        folders, files = [], []
        try:
            with self._folder(here) as opened, os.scandir(opened) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        files.append(entry.name)
                    elif entry.is_dir(follow_symlinks=False) and (here or _CAMERA.fullmatch(entry.name)):
                        folders.append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return [], []
        return sorted(folders), sorted(files, reverse=True)

    def remove_empty_folders(self, name: str) -> None:
        folders = _parts(name)[:-1]
        with suppress(OSError):
            while folders and not self.trouble:
                leaf = folders.pop()
                with self._folder(folders) as folder:
                    os.rmdir(leaf, dir_fd=folder)

    def space(self) -> Space:
        with self._told("measure", ""):
            found = os.fstatvfs(self._top)
        return Space(
            free=found.f_bavail * found.f_frsize,
            total=found.f_blocks * found.f_frsize,
            read_only=bool(found.f_flag & os.ST_RDONLY),
        )

    def _open_root(self) -> int:
        with self._told("open", ""):
            return os.open(self.root, _FOLDER & ~os.O_NOFOLLOW)

    def _nameless(self, file: int) -> bool:
        return self._links_counted and os.fstat(file).st_nlink == 0

    @contextmanager
    def _folder(self, parts: list[str], create: bool = False) -> Iterator[int]:
        """A descriptor of the folder, reached part by part."""
        if self._nameless(self._top):  # "no such file" would be an answer somebody acts upon
            raise StoreError(f"{self.root} was deleted while it was in use")
        here = os.dup(self._top)
        try:
            for depth, part in enumerate(parts, 1):
                if create and _make(part, here):
                    self._durable.discard(tuple(parts[:depth]))
                below = os.open(part, _FOLDER, dir_fd=here)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    @contextmanager
    def _plain(self, name: str, mode: int) -> Iterator[int]:
        """A descriptor of a plain file that is there."""
        *folders, leaf = _parts(name)
        with self._folder(folders) as folder:
            file = os.open(leaf, mode | _PLAIN, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EINVAL, "it is not a plain file")
            yield file
        finally:
            os.close(file)

    @contextmanager
    def _writing(self, verb: str, name: str) -> Iterator[None]:
        if self.trouble:
            raise StoreError(self.trouble)
        with self._told(verb, name):
            yield

    @contextmanager
    def _told(self, verb: str, name: str) -> Iterator[None]:
        """Errors of the system as ours, with the file and what to do."""
        try:
            yield
        except OSError as error:
            if isinstance(error, FileNotFoundError) and verb == "read":
                raise
            where = self.root / name
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"no space left to {verb} {where}: free some space, it goes on by itself") from error
            if error.errno == errno.EEXIST:
                raise StoreError(f"{where} exists already and is kept as it is") from error
            words = _WORDS.get(error.errno or 0, error.strerror)
            raise StoreError(f"cannot {verb} {where}: {words}") from error


def _parts(name: str) -> list[str]:
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise StoreError(f"{name!r} is not a name below the volume's root")
    return parts


def _make(part: str, folder: int) -> bool:
    try:
        os.mkdir(part, mode=0o700, dir_fd=folder)
    except FileExistsError:
        return False
    return True


def _rename_instead(old: tuple[str, int], new: tuple[str, int]) -> None:
    """exFAT and some shares have no links. An empty file keeps the old name: it still says that there is no row yet."""
    if _there(*new):
        raise FileExistsError(errno.EEXIST, "")
    os.rename(old[0], new[0], src_dir_fd=old[1], dst_dir_fd=new[1])
    os.close(os.open(old[0], _NEW, mode=0o600, dir_fd=old[1]))


def _same(one: tuple[str, int], other: tuple[str, int]) -> bool:
    a, b = (os.lstat(leaf, dir_fd=folder) for leaf, folder in (one, other))
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)


def _there(leaf: str, folder: int) -> bool:
    try:
        os.lstat(leaf, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True
