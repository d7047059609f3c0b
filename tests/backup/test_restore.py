"""A backup comes back whole, or nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from redshank import status
from redshank.backup import bundle, database, heal, snapshot, start
from redshank.backup.restore import restore
from redshank.clock import SystemClock
from redshank.errors import StoreError
from tests.backup import killed, sample
from tests.harness.clocks import START, FakeClock

PASSPHRASE = "correct horse"


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a database with 50 events, one key and a configuration."""
    folder = tmp_path_factory.mktemp("backup")
    data = folder / "data"
    with sample.opened(data) as store:
        store.next_epoch()
        sample.add(store, 0, 50)
    (data / "keys").mkdir()
    (data / "keys/evidence.pem").write_text("old key")
    (folder / "redshank.yaml").write_text("cameras: {}\n")
    bundle.make(bundle.Source(data, folder / "redshank.yaml", {}, 10), folder / "a.backup", PASSPHRASE, START)
    return folder / "a.backup"


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """Another data folder, in which more happened since; the program was killed."""
    data = tmp_path / "data"
    with sample.opened(data) as store:
        for _ in range(9):
            store.next_epoch()
        sample.add(store, 0, 80)
        sample.mark(data)
    snapshot.take(data, "redshank", START)
    for name, text in (
        ("keys/evidence.pem", "new key"),
        ("keys/push.pem", "push"),
        ("recordings/door/a.mp4", "footage"),
    ):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text)
    database.beside(data / database.NAME, "-wal").write_bytes(b"old log")
    return data


def test_into_an_empty_folder(backup: Path, tmp_path: Path) -> None:
    data = tmp_path / "new"
    done = restore(backup, PASSPHRASE, data, SystemClock())
    assert done.kept is None
    names = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert names == {"config/redshank.yaml", "keys/evidence.pem", "rebuild.wanted", "redshank.db", "redshank.lock"}
    assert sample.contents(data / database.NAME) == sample.contents(backup.parent / "data" / database.NAME)
    assert start.at_start(data, SystemClock()) == []
    assert heal.wanted(data) == "a backup was restored"


def test_no_number_is_given_out_twice(backup: Path, tmp_path: Path) -> None:
    """What was recorded after the backup has numbers that the restored database does not know."""
    clock = FakeClock()
    epochs = []
    for name in ("one", "two"):
        restore(backup, PASSPHRASE, tmp_path / name, clock)
        with sample.opened(tmp_path / name) as store:
            epochs.append(store.next_epoch())
        clock.advance(60)
    assert 1 < epochs[0] < epochs[1] < 1 << 32


def test_a_folder_that_is_used_is_refused_and_with_force_kept_aside(backup: Path, used: Path) -> None:
    with pytest.raises(StoreError, match=r"is not empty \(redshank\.db, .*--force"):
        restore(backup, PASSPHRASE, used, SystemClock())
    assert len(sample.event_ids(used / database.NAME)) == 80
    database.beside(used / database.NAME, "-wal").write_bytes(b"old log")
    done = restore(backup, PASSPHRASE, used, SystemClock(), force=True)
    assert done.kept is not None
    assert len(sample.event_ids(used / database.NAME)) == 50
    assert [path.name for path in (used / "keys").iterdir()] == ["evidence.pem"]
    assert (used / "keys/evidence.pem").read_text() == "old key"
    assert (used / "recordings/door/a.mp4").read_text() == "footage"
    assert (done.kept / "redshank.db-wal").read_bytes() == b"old log"
    assert (done.kept / "keys/push.pem").read_text() == "push"
    assert len(snapshot.listed(done.kept)) == 1
    assert snapshot.listed(used) == []
    assert start.at_start(used, SystemClock()) == []


def test_a_folder_in_use_is_refused(backup: Path, used: Path) -> None:
    with status.owned(used), pytest.raises(StoreError, match="another Redshank"):
        restore(backup, PASSPHRASE, used, SystemClock(), force=True)


def test_a_wrong_passphrase_or_a_damaged_backup_changes_nothing(backup: Path, used: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in used.rglob("*") if path.is_file()}
    damaged = tmp_path / "b.backup"
    content = backup.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    for file, passphrase in ((backup, "wrong"), (damaged, PASSPHRASE), (tmp_path / "none", PASSPHRASE)):
        with pytest.raises(StoreError) as caught:
            restore(file, passphrase, used, SystemClock(), force=True)
        assert "\n" not in str(caught.value)
    after = {path: path.read_bytes() for path in used.rglob("*") if path.is_file() and path.name != status.LOCK}
    assert after == before


def test_a_kill_at_any_step_leaves_the_old_state_or_the_new_one(backup: Path, used: Path) -> None:
    """At every operation on the file system. Never a mixture: old events with old keys, or new with new."""
    source = used.parent / "source"
    source.mkdir()
    used.rename(source / "data")
    database.beside(source / "data" / database.NAME, "-wal").unlink()
    (source / "a.backup").write_bytes(backup.read_bytes())
    old = sample.contents(source / "data" / database.NAME), {"evidence.pem": "new key", "push.pem": "push"}
    new = sample.contents(backup.parent / "data" / database.NAME), {"evidence.pem": "old key"}
    found = killed.run("restore", source)
    assert len(found) > 30
    states = [(state["tables"], state["keys"]) for state in found]
    since = states.index(new)
    assert since > 5
    assert states == [old] * since + [new] * (len(states) - since)
    assert all(state["left"] == [] and state["damage"] == "" for state in found)
    assert all(state["asked"] for state in found[since:])


def test_a_kill_while_a_damaged_database_is_replaced_ends_with_the_copy(used: Path) -> None:
    source = used.parent / "source"
    source.mkdir()
    used.rename(source / "data")
    path = source / "data" / database.NAME
    database.beside(path, "-wal").unlink()
    wanted = sample.contents(snapshot.listed(source / "data")[0])
    path.write_bytes(path.read_bytes()[:9000])
    found = killed.run("heal", source)
    assert len(found) > 10
    assert all(state["tables"] == wanted and state["damage"] == "" and state["asked"] for state in found)
