"""rel:T34: a database that was damaged while nothing ran, in every way we could think of."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from redshank.backup import database, heal, mark, snapshot
from redshank.clock import SystemClock
from redshank.errors import StoreError
from tests.backup import sample
from tests.harness.clocks import FakeClock

PAGE = 4096
BACKED_UP, WRITTEN = 400, 480
"""Events in the copy; events in all, the last of them only in the log."""
Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as a kill leaves it: a copy, the database, and a log with commits that are nowhere else."""
    data = tmp_path_factory.mktemp("crashed")
    with sample.opened(data) as store:
        store.next_epoch()
        sample.add(store, 0, 30, size=6000)
        sample.add(store, 30, BACKED_UP)
        store.write(lambda conn: conn.exec_driver_sql("DELETE FROM events WHERE id < 'e00000020'").close()).result(5)
        sample.mark(data)
        snapshot.take(data, "redshank", SystemClock().now())
        with closing(sqlite3.connect(data / database.NAME)) as conn:
            conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sample.add(store, BACKED_UP, WRITTEN - 40)
        sample.mark(data)
        sample.add(store, WRITTEN - 40, WRITTEN)
        sample.mark(data)
        shutil.copytree(data, data.with_name("as-killed"))
    return data.with_name("as-killed")


@pytest.fixture
def data(crashed: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(crashed, folder)
    return folder


def edit(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        file.write(data)


def wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def page_of(path: Path, name: str, kind: int) -> int:
    """The first page of a kind (2, 5: interior, 10, 13: leaf, of an index, a table) below the root of a table or index."""
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as conn:
        (root,) = conn.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    content = path.read_bytes()
    todo = [root]
    while todo:
        page = todo.pop()
        start = (page - 1) * PAGE + (100 if page == 1 else 0)
        if content[start] == kind:
            return int(page) - 1
        if content[start] in (2, 5):
            cells = int.from_bytes(content[start + 3 : start + 5], "big")
            pointers = [int.from_bytes(content[start + 12 + 2 * i : start + 14 + 2 * i], "big") for i in range(cells)]
            at = (page - 1) * PAGE
            todo += [int.from_bytes(content[at + p : at + p + 4], "big") for p in pointers]
            todo.append(int.from_bytes(content[start + 8 : start + 12], "big"))
    raise AssertionError(f"no page of kind {kind} in {name}")


def over_page(path: Path, name: str, kind: int, data: bytes, within: int = 0) -> None:
    edit(path, page_of(path, name, kind) * PAGE + within, data)


def freelist(path: Path) -> None:
    trunk = int.from_bytes(path.read_bytes()[32:36], "big")
    assert trunk, "no free page"
    edit(path, (trunk - 1) * PAGE, b"\xff" * 64)


def swap(path: Path) -> None:
    one, two = (page_of(path, "events", kind) * PAGE for kind in (13, 5))
    content = path.read_bytes()
    edit(path, one, content[two : two + PAGE])
    edit(path, two, content[one : one + PAGE])


def foreign_page(path: Path) -> None:
    content, other = path.read_bytes(), page_of(path, "meta", 13) * PAGE
    over_page(path, "events", 13, content[other : other + PAGE])


def overflow(path: Path) -> None:
    """The first page of a long value's chain: it points at itself."""
    content = path.read_bytes()
    pages = len(content) // PAGE
    first = [int.from_bytes(content[at : at + 4], "big") for at in range(0, len(content), PAGE)]
    for leaf in [at for at in range(PAGE, len(content), PAGE) if content[at] == 13]:
        for at in range(leaf + 8, leaf + PAGE - 4):
            number = int.from_bytes(content[at : at + 4], "big")
            if 1 < number <= pages and 1 < first[number - 1] <= pages:
                edit(path, (number - 1) * PAGE, number.to_bytes(4, "big"))
                return
    raise AssertionError("no overflow page")


def older_page(path: Path) -> None:
    """A write the disk swore to and never did: one page is what it was at the time of the copy."""
    copy = snapshot.listed(path.parent)[0].read_bytes()
    at = page_of(path, "events_by_time", 2) * PAGE
    edit(path, at, copy[at : at + PAGE])


def wal_of_another(path: Path) -> None:
    other = path.with_name("other.db")
    with closing(sqlite3.connect(other, isolation_level=None)) as conn:
        conn.execute("PRAGMA journal_mode = wal")
        conn.execute("CREATE TABLE other (x)")
        conn.execute("INSERT INTO other VALUES (1)")
        shutil.copy(wal(other), wal(path))


def older_file(path: Path) -> None:
    shutil.copy(snapshot.listed(path.parent)[0], path)
    wal(path).unlink()


def with_values(statement: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as conn:
        conn.execute(statement)
        conn.commit()


def gone(path: Path) -> None:
    for file in (path, wal(path), path.with_name(path.name + "-shm")):
        file.unlink(missing_ok=True)


KINDS: dict[str, Damage] = {
    "zero length": lambda path: os.truncate(path, 0),
    "gone": gone,
    "another file": lambda path: edit(path, 0, b"<html>404</html>" * (path.stat().st_size // 16)),
    "header": lambda path: edit(path, 0, bytes(100)),
    "page size": lambda path: edit(path, 16, b"\x12\x34"),
    "cut in the first page": lambda path: os.truncate(path, 700),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "last page missing": lambda path: os.truncate(path, path.stat().st_size - PAGE),
    "schema": lambda path: edit(path, 108, b"\xff" * 3000),
    "table page zero": partial(over_page, name="events", kind=13, data=bytes(PAGE)),
    "table page noise": partial(over_page, name="events", kind=13, data=bytes(range(256)) * 16),
    "sector of a table page": partial(over_page, name="events", kind=13, data=b"\xaa" * 512, within=3072),
    "tree page": partial(over_page, name="events", kind=5, data=b"\xff" * 64),
    "index page zero": partial(over_page, name="events_by_time", kind=10, data=bytes(PAGE)),
    "index page flipped": partial(over_page, name="events_by_time", kind=10, data=b"\xff" * 256, within=2048),
    "freelist": freelist,
    "overflow page": overflow,
    "pages swapped": swap,
    "page of another table": foreign_page,
    "lost write": older_page,
    "log deleted": lambda path: wal(path).unlink(),
    "log zero length": lambda path: os.truncate(wal(path), 0),
    "log cut": lambda path: os.truncate(wal(path), wal(path).stat().st_size // 2),
    "log header": lambda path: edit(wal(path), 0, b"\xff" * 32),
    "log scrambled": lambda path: edit(wal(path), 32 + 24 + 1000, b"\xff" * 100),
    "log zero-filled": lambda path: edit(wal(path), 0, bytes(wal(path).stat().st_size)),
    "log of another database": wal_of_another,
    "an older copy of the file": older_file,
    "text that is none": partial(with_values, "UPDATE events SET label = CAST(x'ff80' AS TEXT) WHERE id = 'e00000200'"),
    "JSON that is none": partial(with_values, "UPDATE events SET zones = '[' WHERE id = 'e00000200'"),
    "a number that is none": partial(with_values, "UPDATE events SET start = x'00' WHERE id = 'e00000200'"),
}
IN_THE_LOG = {kind for kind in KINDS if kind.startswith("log")} | {"an older copy of the file"}
"""These happen to a folder whose program was killed; the others after an ordinary stop, when everything is in the one file."""


def files(data: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in data.iterdir() if path.is_file() and not path.name.endswith("-shm")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_found_healed_and_the_damaged_file_kept(data: Path, kind: str) -> None:
    """rel:T34: found, the best database goes on, at most what is newer than the copy is lost, nothing of the old files is."""
    path, clock = data / database.NAME, SystemClock()
    if kind not in IN_THE_LOG:
        sample.close(data)
    KINDS[kind](path)
    before = files(data)
    damage = heal.check(data)
    assert damage is not None
    assert {name: content for name, content in files(data).items() if name in before} == before
    healed = heal.at_start(data, clock)
    assert healed is not None
    assert "\n" not in str(healed)
    assert sample.event_ids(path) >= {f"e{n:08}" for n in range(20, BACKED_UP)}
    kept = [name for name in files(data) if ".damaged-" in name]
    assert (before.get(path.name) in [files(data)[name] for name in kept]) == (healed.kept is not None)
    assert heal.wanted(data)
    heal.rebuilt(data)
    with sample.opened(data) as store:
        assert store.next_epoch() > 1_700_000_000
        sample.add(store, 1000, 1010)
        sample.mark(data)
    assert heal.check(data) is None


def test_what_a_kill_leaves_is_no_damage(data: Path) -> None:
    assert heal.check(data) is None
    with sample.opened(data):
        pass
    assert len(sample.event_ids(data / database.NAME)) == WRITTEN - 20
    assert heal.check(data) is None
    assert heal.wanted(data) == ""


@pytest.mark.parametrize("missing", ["redshank.db-shm", mark.NAME, "backups"])
def test_nothing_is_wrong_without_the_files_that_may_be_missing(data: Path, missing: str) -> None:
    place = data / missing
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert heal.check(data) is None


def test_a_new_folder_has_nothing_to_heal(tmp_path: Path) -> None:
    assert heal.check(tmp_path) is None
    (tmp_path / database.NAME).touch()
    assert heal.check(tmp_path) is None


def test_without_a_copy_an_empty_database_goes_on_with_new_numbers(data: Path) -> None:
    shutil.rmtree(data / "backups")
    edit(data / database.NAME, 0, bytes(5000))
    healed = heal.at_start(data, FakeClock())
    assert healed is not None
    assert "no good backup" in str(healed)
    assert sample.event_ids(data / database.NAME) == set()
    assert sample.epoch(data / database.NAME) > 1
    assert heal.check(data) is None


def test_a_damaged_copy_is_passed_over(data: Path) -> None:
    newest = snapshot.listed(data)[0]
    older = newest.with_name("redshank-20250101T000000Z.db")
    shutil.copy(newest, older)
    edit(newest, page_of(newest, "events", 13) * PAGE, bytes(PAGE))
    edit(data / database.NAME, 0, bytes(5000))
    healed = heal.at_start(data, SystemClock())
    assert healed is not None
    assert healed.copy == older


def test_a_database_that_lost_its_log_goes_on_when_it_is_newer_than_every_copy(data: Path) -> None:
    sample.close(data)
    shutil.copy(data / database.NAME, data / "without")
    with sample.opened(data) as store:
        sample.add(store, 600, 610)
        sample.mark(data)
    shutil.copy(data / "without", data / database.NAME)
    healed = heal.at_start(data, SystemClock())
    assert healed is not None
    assert "goes on without what was lost" in str(healed)
    assert healed.copy is None
    assert len(sample.event_ids(data / database.NAME)) == WRITTEN - 20


def test_a_database_that_cannot_be_read_now_is_not_called_damaged(data: Path) -> None:
    """A lock, permissions, memory: trying again is right, replacing is not."""
    with closing(sqlite3.connect(data / database.NAME, isolation_level=None)) as conn:
        conn.execute("PRAGMA locking_mode = exclusive")
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("DELETE FROM events")
        with pytest.raises(StoreError, match="locked"):
            heal.check(data)
        conn.execute("ROLLBACK")
