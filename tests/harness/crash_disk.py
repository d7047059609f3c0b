"""Disks for the crash tests (rel: §4.1). No threads of their own.

`CrashDisk`: a file system in memory that knows what would survive a power cut, of the data and of the entries in folders apart, and
logs every call, so that the cut can be tried after each of them. It is stricter than ext4: an entry that was not synced may be there
or not, whatever else was synced; of data that was not synced anything may be left. What was synced is never damaged: a disk that
lies about its cache is not in this model.

`FaultDisk`: another disk, some of whose calls fail.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal, TypeVar

from redshank.disk import Disk, Space
from redshank.errors import DiskFull, StoreError

T = TypeVar("T")

Damage = Literal["drop", "scramble", "zero", "cut"]
"""What is left of data that was not synced: nothing; blocks of it, of zeros and of noise; zeros; its beginning."""
Entries = Literal["absent", "present", "any"]
"""What is left of changes in folders that were not synced."""
_BLOCK = 512


@dataclass(eq=False, slots=True)
class _File:
    data: bytearray = field(default_factory=bytearray)
    safe: int = 0
    """Bytes that survive."""
    lost: list[tuple[int, int]] = field(default_factory=list)
    """From, to: what a failed sync threw away though it can still be read."""
    links: int = 0
    writer: bool = False

    def after_crash(self, damage: Damage, chance: random.Random) -> bytearray:
        left = self.data[: self.safe]
        for start, end in self.lost:
            left[start:end] = bytes(max(0, min(end, len(left)) - start))
        return left + _damaged(bytes(self.data[self.safe :]), damage, chance)


def _damaged(rest: bytes, damage: Damage, chance: random.Random) -> bytes:
    match damage:
        case "drop":
            return b""
        case "zero":
            return bytes(len(rest))
        case "cut":
            return rest[: chance.randint(0, len(rest))]
        case "scramble":
            blocks = [rest[at : at + _BLOCK] for at in range(0, len(rest), _BLOCK)]
            return b"".join(chance.choice((block, bytes(len(block)), chance.randbytes(len(block)))) for block in blocks)


@dataclass(eq=False, slots=True)
class _Folder:
    entries: dict[str, list[_File | _Folder | None]] = field(default_factory=dict)
    """Name → what it was at the last sync and after each change since; the last is what is seen."""

    def get(self, leaf: str) -> _File | _Folder | None:
        return self.entries.get(leaf, [None])[-1]

    def put(self, leaf: str, thing: _File | _Folder | None) -> None:
        self.entries.setdefault(leaf, [None]).append(thing)

    def seen(self) -> dict[str, _File | _Folder]:
        return {leaf: states[-1] for leaf, states in self.entries.items() if states[-1] is not None}

    def sync(self) -> None:
        self.entries = {leaf: [thing] for leaf, thing in self.seen().items()}


@dataclass(frozen=True, slots=True)
class Call:
    """One that succeeded and changed something."""

    name: str
    arguments: tuple[object, ...]
    time: int
    """Of the clock the disk was given."""


class CrashDisk:
    """See the module. `now`: what time a call is logged with."""

    def __init__(self, now: Callable[[], int] = lambda: 0) -> None:
        self.log: list[Call] = []
        self.now = now
        self._root = _Folder()
        self._open: dict[int, tuple[str, _File]] = {}
        self._handles = count(3)

    # -- power cuts

    def after_crash(self, damage: Damage, entries: Entries = "absent", seed: int = 0) -> CrashDisk:
        """A disk as a power cut at this moment would leave this one; all of it is safe."""
        chance = random.Random(seed)
        left = CrashDisk(self.now)
        files: dict[_File, _File] = {}

        def copied(folder: _Folder) -> _Folder:
            copy = _Folder()
            for leaf, states in folder.entries.items():
                thing = (
                    states[0] if entries == "absent" else states[-1] if entries == "present" else chance.choice(states)
                )
                if isinstance(thing, _Folder):
                    copy.entries[leaf] = [copied(thing)]
                elif thing is not None:
                    if thing not in files:
                        data = thing.after_crash(damage, chance)
                        files[thing] = _File(data, len(data))
                    files[thing].links += 1
                    copy.entries[leaf] = [files[thing]]
            return copy

        left._root = copied(self._root)
        return left

    def moments(self) -> Iterator[CrashDisk]:
        """This disk as it was before the first logged call, after it, after the second, …: the same object, going on."""
        again = CrashDisk()
        yield again
        for call in self.log:
            getattr(again, call.name)(*call.arguments)
            yield again

    def save(self, root: Path) -> None:
        """As real files."""
        for name in self.names():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.read(name, 0, self.size(name) or 0))

    def forget(self, file: int) -> None:
        """A sync failed: what was appended since the last good one can be read, but will never be on the disk."""
        node = self._open[file][1]
        node.lost.append((node.safe, len(node.data)))
        self._did("forget", file)

    # -- Disk

    def create(self, name: str) -> int:
        *folders, leaf = _parts(name)
        folder = self._folder(folders, make=True)
        assert folder is not None
        if folder.get(leaf) is not None:
            raise StoreError(f"{name} exists already")
        node = _File(links=1, writer=True)
        folder.put(leaf, node)
        handle = next(self._handles)
        self._open[handle] = name, node
        self._did("create", name)
        return handle

    def append(self, file: int, data: bytes) -> None:
        self._open[file][1].data += data
        self._did("append", file, data)

    def sync(self, file: int) -> None:
        name, node = self._open[file]
        if not node.links:
            raise StoreError(f"cannot sync {name}: it is not there any more")
        node.safe = len(node.data)
        self._did("sync", file)

    def close(self, file: int) -> None:
        if file in self._open:
            self._open.pop(file)[1].writer = False
            self._did("close", file)

    def link(self, name: str, new: str) -> None:
        node = self._file(name)
        if node is None:
            raise StoreError(f"cannot link {name}: it is not there any more")
        *folders, leaf = _parts(new)
        folder = self._folder(folders, make=True)
        assert folder is not None
        if folder.get(leaf) is node:
            return
        if folder.get(leaf) is not None:
            raise StoreError(f"{new} exists already")
        folder.put(leaf, node)
        node.links += 1
        self._did("link", name, new)

    def sync_folder(self, name: str) -> None:
        parts = _parts(name)[:-1]
        for depth in range(len(parts), -1, -1):
            folder = self._folder(parts[:depth])
            if folder is None:
                raise StoreError(f"cannot sync the folder of {name}: it is not there any more")
            folder.sync()
        self._did("sync_folder", name)

    def unlink(self, name: str) -> bool:
        node = self._file(name)
        if node is None:
            return False
        *folders, leaf = _parts(name)
        folder = self._folder(folders)
        assert folder is not None
        folder.put(leaf, None)
        node.links -= 1
        self._did("unlink", name)
        return True

    def truncate(self, name: str, size: int) -> None:
        node = self._file(name)
        if node is None or node.writer:
            raise StoreError(f"cannot cut {name}: another process is writing it, or it is not there any more")
        del node.data[size:]
        node.safe = len(node.data)
        self._did("truncate", name, size)

    def read(self, name: str, offset: int, size: int) -> bytes:
        node = self._file(name)
        if node is None:
            raise FileNotFoundError(name)
        return bytes(node.data[offset : offset + size])

    def size(self, name: str) -> int | None:
        node = self._file(name)
        return None if node is None else len(node.data)

    def busy(self, name: str) -> bool:
        node = self._file(name)
        return node is not None and node.writer

    def names(self, folder: str = "") -> Iterator[str]:
        waiting = [_parts(folder) if folder else []]
        while waiting:
            here = waiting.pop()
            found = self._folder(here)
            seen = sorted(found.seen().items()) if found else []
            yield from ("/".join([*here, leaf]) for leaf, thing in reversed(seen) if isinstance(thing, _File))
            waiting += [[*here, leaf] for leaf, thing in seen if isinstance(thing, _Folder)]

    def remove_empty_folders(self, name: str) -> None:
        parts = _parts(name)[:-1]
        while parts and (folder := self._folder(parts)) is not None and not folder.seen():
            leaf = parts.pop()
            above = self._folder(parts)
            assert above is not None
            above.put(leaf, None)
        self._did("remove_empty_folders", name)

    def space(self) -> Space:
        return Space(1 << 40, 1 << 41)

    def _did(self, call: str, *arguments: object) -> None:
        self.log.append(Call(call, arguments, self.now()))

    def _file(self, name: str) -> _File | None:
        *folders, leaf = _parts(name)
        folder = self._folder(folders)
        thing = folder.get(leaf) if folder else None
        return thing if isinstance(thing, _File) else None

    def _folder(self, parts: Iterable[str], make: bool = False) -> _Folder | None:
        here = self._root
        for part in parts:
            below = here.get(part)
            if below is None and make:
                below = _Folder()
                here.put(part, below)
            if not isinstance(below, _Folder):
                return None
            here = below
        return here


def _parts(name: str) -> list[str]:
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise StoreError(f"{name!r} is not a name below the volume's root")
    return parts


Fault = Literal["", "error", "full", "short", "late", "hold"]
"""How a call goes: well; an error and nothing done; no space and nothing done; half of the data appended, then no space (other
calls: nothing done); done, but an error is said; only when `release` is called. A failed `sync` loses what it was to save."""
Plan = Callable[[int, str, str], Fault]
"""(number of the call from 0, its name, the file's name) → how it goes. Only calls that change something are asked about."""


def once(number: int, fault: Fault) -> Plan:
    """The n-th call alone."""
    return lambda n, call, name: fault if n == number else ""


class FaultDisk:
    """`calls` counts what was asked for, in order."""

    def __init__(self, inner: Disk, plan: Plan = lambda n, call, name: "") -> None:
        self.inner = inner
        self.plan = plan
        self.calls: list[tuple[str, str]] = []
        self.failed: list[tuple[str, str]] = []
        self.free = threading.Event()
        self._names: dict[int, str] = {}

    def release(self) -> None:
        """Let what is held go on, for good."""
        self.free.set()

    def create(self, name: str) -> int:
        handle = self._doing("create", name, lambda: self.inner.create(name))
        self._names[handle] = name
        return handle

    def append(self, file: int, data: bytes) -> None:
        half = data[: len(data) // 2]
        self._doing(
            "append", self._names[file], lambda: self.inner.append(file, data), lambda: self.inner.append(file, half)
        )

    def sync(self, file: int) -> None:
        self._doing("sync", self._names[file], lambda: self.inner.sync(file), lambda: self._forget(file))

    def _forget(self, file: int) -> None:
        if isinstance(self.inner, CrashDisk):
            self.inner.forget(file)

    def close(self, file: int) -> None:
        self.inner.close(file)

    def link(self, name: str, new: str) -> None:
        self._doing("link", new, lambda: self.inner.link(name, new))

    def sync_folder(self, name: str) -> None:
        self._doing("sync_folder", name, lambda: self.inner.sync_folder(name))

    def unlink(self, name: str) -> bool:
        return self._doing("unlink", name, lambda: self.inner.unlink(name))

    def truncate(self, name: str, size: int) -> None:
        self._doing("truncate", name, lambda: self.inner.truncate(name, size))

    def read(self, name: str, offset: int, size: int) -> bytes:
        return self.inner.read(name, offset, size)

    def size(self, name: str) -> int | None:
        return self.inner.size(name)

    def busy(self, name: str) -> bool:
        return self.inner.busy(name)

    def names(self, folder: str = "") -> Iterator[str]:
        return self.inner.names(folder)

    def remove_empty_folders(self, name: str) -> None:
        self.inner.remove_empty_folders(name)

    def space(self) -> Space:
        return self.inner.space()

    def _doing(self, call: str, name: str, well: Callable[[], T], badly: Callable[[], None] = lambda: None) -> T:
        fault = self.plan(len(self.calls), call, name)
        self.calls.append((call, name))
        if fault == "hold":
            self.free.wait()
        if fault in ("", "hold"):
            return well()
        self.failed.append((call, name))
        if fault == "late":
            well()
        elif fault == "short" or call == "sync":
            badly()
        if fault in ("full", "short"):
            raise DiskFull(f"no space left to {call} {name}")
        raise StoreError(f"cannot {call} {name}: the device reports an error")
