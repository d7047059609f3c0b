"""Which disk this is: a volume is opened only when it is the one the database knows, and watched while it is used. No thread here.

`<root>/.redshank-volume` is JSON {v, volume, site, opened}: the id, and a counter that rises each time the site opens the volume (in
the file first, then in the database). So an unmounted disk (nothing there), a swapped one (another id) and one restored from an old
backup (a smaller counter) are told apart, and none is ever written or cleaned by mistake (docs/design/storage.md). The file is
written part → fsync → rename → fsync of the folder; its owner keeps it locked (`flock`).

A person who means it puts an empty file `.redshank-accept` into the root: the next opening takes the disk as it lies there. Without
an identity it is then the known volume when any file lies in it, and a new one when it is empty.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from redshank.clock import Clock, new_id
from redshank.disk_os import OsDisk
from redshank.errors import StoreError

log = logging.getLogger(__name__)

IDENTITY = ".redshank-volume"
ACCEPT = ".redshank-accept"
_PART = ".redshank-volume.part"
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MAX_BYTES = 4096
_MEANT = f"if it is meant, put an empty file {ACCEPT} there"


class VolumeRefused(StoreError):
    """The folder is not the volume that belongs there, or it cannot be used now. Nothing in it was changed."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database has of the volume at this path."""

    id: str
    path: str
    opened: int


@dataclass(frozen=True, slots=True)
class Identity:
    """What the file says."""

    volume: str
    site: str
    opened: int
    v: int = 1


@dataclass(slots=True)
class Volume:
    """An opened volume. `disk` may be used from several threads; `still_there` and `close` from one."""

    id: str
    root: Path
    disk: OsDisk
    opened: int
    site: str
    lock: int | None
    """The locked identity file; None when another process of ours owns the volume."""

    def close(self) -> None:
        """Nothing may be called after it."""
        if self.lock is not None:
            os.close(self.lock)
        self.disk.shut()


def open_volume(path: Path, known: Known | None, clock: Clock, site: str) -> Volume:
    """Become the owner. A folder the database does not know is made (or taken over with what lies in it). Raises VolumeRefused."""
    try:
        if not path.exists():
            if known is not None:
                raise VolumeRefused(f"{path} is not there: is the disk mounted? Nothing is recorded on it until it is")
            _make_root(path)
        disk = OsDisk(path)
    except OSError as error:
        raise VolumeRefused(f"cannot open {path}: {error.strerror}") from error
    except StoreError as error:
        raise VolumeRefused(str(error)) from error
    try:
        return _owned(disk, known, clock, site)
    except BaseException:
        disk.shut()
        raise


def join_volume(path: Path, volume: str, site: str) -> Volume:
    """Use a volume that another process of ours owns. Its disk looks by itself, before each file and each sync, whether it is still
    there. Raises VolumeRefused when it is not."""
    try:
        disk = OsDisk(path)
    except StoreError as error:
        raise VolumeRefused(str(error)) from error
    try:
        found = _identity(path, disk.fileno())
        if why := _why_not(path, found, Identity(volume, site, 0)):
            raise VolumeRefused(why)
    except BaseException:
        disk.shut()
        raise
    joined = Volume(volume, path, disk, found.opened if found else 0, site, None)
    disk.look = partial(still_there, joined)
    return joined


def still_there(volume: Volume) -> str:
    """Ask every few seconds, from a thread that may block. '' or the line a person reads; while it is unwell, `disk.trouble` keeps
    everybody from writing and deleting.

    A root that was deleted is made again by its owner; one that is back (mounted again, made again) is taken up again. What so was
    lost is told once, by a line that is no trouble any more.
    """
    try:
        told = _look(volume)
        volume.disk.trouble = ""
    except (StoreError, OSError) as error:
        told = volume.disk.trouble = str(error) if isinstance(error, StoreError) else f"{volume.root}: {error.strerror}"
    return told


def _look(volume: Volume) -> str:
    """What is worth telling though all is well again. Raises VolumeRefused, OSError."""
    deleted = os.fstat(volume.disk.fileno()).st_nlink == 0
    lost = (
        f"{volume.root} was deleted while it was in use and is there again; the footage in it is lost"
        if deleted
        else ""
    )
    if deleted and volume.lock is not None and not volume.root.exists():
        _make_root(volume.root)
        volume.disk.move()
        _rewrite(volume)
        return lost
    if not _same(volume):
        _take_up(volume)
        return lost
    if volume.disk.space().read_only:
        raise VolumeRefused(f"{volume.root} has become read-only: look at the disk (dmesg), then mount it writable")
    found = _identity(volume.root, volume.disk.fileno())
    if found is None and volume.lock is not None:  # the very folder we hold: only the file was deleted
        _rewrite(volume)
        return f"{volume.root / IDENTITY} was deleted and is written again: leave it there"
    if why := _why_not(volume.root, found, _mine(volume)):
        raise VolumeRefused(why)
    return ""


def _same(volume: Volume) -> bool:
    """Whether the path still leads to the folder we hold."""
    try:
        now = os.stat(volume.root)
    except FileNotFoundError:
        raise VolumeRefused(f"{volume.root} is not there any more: is the disk mounted?") from None
    held = os.fstat(volume.disk.fileno())
    return (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino)


def _take_up(volume: Volume) -> None:
    """Another folder lies at the path: ours when its identity says so. Raises VolumeRefused."""
    there = OsDisk(volume.root)
    try:
        if why := _why_not(volume.root, _identity(volume.root, there.fileno()), _mine(volume)):
            raise VolumeRefused(why)
        lock = None if volume.lock is None else _locked(there, make=False)
        volume.disk.move()
    finally:
        there.shut()
    if volume.lock is not None:
        os.close(volume.lock)
        volume.lock = lock


def _mine(volume: Volume) -> Identity:
    return Identity(volume.id, volume.site, volume.opened)


def _owned(disk: OsDisk, known: Known | None, clock: Clock, site: str) -> Volume:
    root = disk.root
    if disk.space().read_only:
        raise VolumeRefused(f"{root} is read-only: mount it writable")
    accepted = _accepted(disk)
    found = _identity(root, disk.fileno())
    expected = None if known is None else Identity(known.id, site, known.opened)
    why = _why_not(root, found, expected) if expected else _foreign(root, found, site)
    if why and not accepted:
        raise VolumeRefused(f"{why}; {_MEANT}")
    lock = _locked(disk, make=found is None)
    try:
        found = _identity(root, disk.fileno())  # again, now that nobody else writes it
        if found is None:
            lost = known and any(not name.startswith(".redshank-") for name in disk.names())
            found = Identity(known.id if known and lost else new_id(clock.now()), site, 0)
        opened = max(found.opened, known.opened if known and known.id == found.volume else 0) + 1
        mine = Identity(found.volume, site, opened)
        written = _write(disk, mine)
    finally:
        os.close(lock)
    if accepted:
        disk.unlink(ACCEPT)
    return Volume(mine.volume, root, disk, opened, site, written)


def _accepted(disk: OsDisk) -> bool:
    return disk.size(ACCEPT) is not None


def _foreign(root: Path, found: Identity | None, site: str) -> str:
    if found is not None and found.site != site:
        return f"{root} belongs to the site {found.site!r}, this one is {site!r}"
    return ""


def _why_not(root: Path, found: Identity | None, expected: Identity) -> str:
    """Why what lies there is not what is expected; '' when it is."""
    if found is None:
        return f"{root} has no {IDENTITY}, so it is not the disk recorded on before: is the right disk mounted?"
    if why := _foreign(root, found, expected.site):
        return why
    if found.volume != expected.volume:
        return f"{root} is another volume ({found.volume}) than the one that belongs there ({expected.volume}): were disks swapped?"
    if found.opened < expected.opened:
        return f"{root} is older than the database knows it ({found.opened} < {expected.opened}): was it restored from a backup?"
    return ""


def _identity(root: Path, folder: int) -> Identity | None:
    """None when there is no such file, or an empty one (a first opening that was cut short). Raises VolumeRefused."""
    try:
        file = os.open(IDENTITY, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VolumeRefused(f"cannot read {root / IDENTITY}: {error.strerror}") from error
    try:
        data = os.read(file, _MAX_BYTES)
        return _parsed(data) if data else None
    except (ValueError, KeyError, TypeError) as error:
        raise VolumeRefused(f"{root / IDENTITY} is damaged: delete it and put an empty file {ACCEPT} there") from error
    except OSError as error:
        raise VolumeRefused(f"cannot read {root / IDENTITY}: {error.strerror}") from error
    finally:
        os.close(file)


def _parsed(data: bytes) -> Identity:
    fields = json.loads(data)
    if fields["v"] != 1:
        raise ValueError(fields["v"])
    return Identity(str(fields["volume"]), str(fields["site"]), int(fields["opened"]))


def _locked(disk: OsDisk, make: bool) -> int:
    """The identity file, ours alone for as long as it is open. Raises VolumeRefused."""
    while True:
        try:
            file = os.open(IDENTITY, _FLAGS | (os.O_CREAT if make else 0), mode=0o600, dir_fd=disk.fileno())
        except OSError as error:
            raise VolumeRefused(f"cannot write {disk.root / IDENTITY}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise VolumeRefused(f"{disk.root} is in use by another running Redshank: stop that one first") from None
        except OSError as error:
            os.close(file)
            raise VolumeRefused(
                f"{disk.root} has no file locks ({error.strerror}): mount the share with locks"
            ) from error
        with suppress(FileNotFoundError):
            if os.fstat(file).st_ino == os.stat(IDENTITY, dir_fd=disk.fileno(), follow_symlinks=False).st_ino:
                return file
        os.close(file)  # its owner replaced it between our two calls


def _write(disk: OsDisk, identity: Identity) -> int:
    """Durably, and locked before it has its name. Raises VolumeRefused."""
    folder = disk.fileno()
    part = -1
    try:
        part = os.open(_PART, _FLAGS | os.O_CREAT | os.O_TRUNC, mode=0o600, dir_fd=folder)
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(part, json.dumps(asdict(identity)).encode())
        os.fsync(part)
        os.rename(_PART, IDENTITY, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except OSError as error:
        if part >= 0:
            os.close(part)
        raise VolumeRefused(f"cannot write {disk.root / IDENTITY}: {error.strerror}") from error
    return part


def _rewrite(volume: Volume) -> None:
    written = _write(volume.disk, _mine(volume))
    if volume.lock is not None:
        os.close(volume.lock)
    volume.lock = written
    log.error("volume %s: identity written again at %s", volume.id, volume.root)


def _make_root(path: Path) -> None:
    """With the folders above it; durable. Raises OSError."""
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError as error:
        raise OSError(errno.EEXIST, f"{path} is in the way") from error
    above = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(above)
    finally:
        os.close(above)
