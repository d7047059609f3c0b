"""The volumes a command may look at, beside a running Redshank or without one. Nothing on them is changed by looking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redshank.clock import Clock
from redshank.disk import Disk
from redshank.errors import ConfigError, StoreError
from redshank.model import SITE
from redshank.store import migrate, schema, sqlite, volumes
from redshank.store.base import Store
from redshank.store.volumes import VolumeRow
from redshank.volume import Volume, join_volume, open_volume

_Open = Callable[[VolumeRow, str], Volume]


@dataclass(frozen=True, slots=True)
class Places:
    """What was opened."""

    disks: Mapping[str, Disk]
    """By id."""
    troubles: Sequence[str]
    """Why others were not; one line each."""


@contextmanager
def database(folder: Path, clock: Clock, make: bool = False) -> Iterator[Store]:
    """The database of a data folder, also beside a running Redshank. Never migrates it: that is for a start, which saves it first.

    `make`: a new one where there is none. Raises ConfigError, StoreError.
    """
    path = folder / "redshank.db"
    if path.exists():
        _current(path)
    elif not make:
        raise ConfigError(f"{folder}: there is no database of Redshank; choose its folder with --data")
    store = Store(f"sqlite:///{path}", clock)
    try:
        yield store
    finally:
        store.close()


def _current(path: Path) -> None:
    writer, reader = sqlite.engines(path)
    try:
        with reader.begin() as conn:
            found = migrate.revision(conn)
    finally:
        reader.dispose()
        writer.dispose()
    if found and found < schema.HEAD:
        raise StoreError(
            f"the database {path} is of an older release: start this one (redshank run), it saves and migrates it"
        )


@contextmanager
def known(store: Store, site: str = SITE) -> Iterator[Places]:
    """The volumes of the database, closed again at the end. One that is missing, another one or outdated is left out (rel:T11)."""
    with _opened(
        [(_join, row) for row in store.read(lambda conn: volumes.all(conn, site)) if row.path], site
    ) as places:
        yield places


@contextmanager
def configured(store: Store, paths: Sequence[Path], clock: Clock, site: str = SITE) -> Iterator[Places]:
    """The volumes of the configuration; one the database does not know yet is taken over, as a start would, with all that is on it."""

    def take_over(row: VolumeRow, site: str) -> Volume:
        volume = open_volume(Path(row.path), None, clock, site)
        taken = VolumeRow(volume.id, row.path, volume.opened)
        store.write(lambda conn: volumes.put(conn, taken, site)).result()
        return volume

    rows = {path: store.read(lambda conn: volumes.get(conn, str(path), site)) for path in paths}  # noqa: B023  (called at once)
    wanted = [
        (_join, row) if row else (take_over, VolumeRow("", str(path), 0))
        for path, row in rows.items()
        if row or path.exists()
    ]
    with _opened(wanted, site) as places:
        yield places


def _join(row: VolumeRow, site: str) -> Volume:
    """Not as its owner. Raises StoreError when it is not the one the database knows."""
    volume = join_volume(Path(row.path), row.id, site)
    if volume.opened < row.opened:
        volume.close()
        words = f"is older than the database knows it ({volume.opened} < {row.opened}): was it restored from a backup?"
        raise StoreError(f"{row.path} {words}")
    return volume


@contextmanager
def _opened(wanted: Sequence[tuple[_Open, VolumeRow]], site: str) -> Iterator[Places]:
    opened: list[Volume] = []
    troubles: list[str] = []
    try:
        for how, row in wanted:
            try:
                opened.append(how(row, site))
            except StoreError as error:
                troubles.append(str(error))
        yield Places({volume.id: volume.disk for volume in opened}, troubles)
    finally:
        for volume in opened:
            volume.close()
