"""One file with everything that cannot be made again."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from redshank.backup import bundle, database, drill
from redshank.backup.bundle import Source, make, unpack
from redshank.backup.seal import Sealer
from redshank.clock import SystemClock
from redshank.errors import StoreError
from tests.backup import sample
from tests.harness.clocks import START

PASSPHRASE = "correct horse"
FAST = 10
CONFIG = """
cameras:
  door:
    url: rtsp://10.0.0.2/
    password: file:/run/secrets/door
channels:
  mail: {type: email, password: "${SMTP_PASSWORD}", user: "${SMTP_USER:-me}"}
"""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    data, place = tmp_path / "data", tmp_path / "etc"
    with sample.opened(data) as store:
        sample.add(store, 0, 50)
    for folder in (data / "keys", data / "config-history", data / "recordings/door", place):
        folder.mkdir(parents=True)
    (data / "keys/evidence.pem").write_text("evidence key")
    (data / "keys/tls.key").write_text("tls key")
    (data / "config-history/0001.yaml").write_text("cameras: {}\n")
    (data / "last-good.yaml").write_text(CONFIG)
    (data / "recordings/door/a.mp4").write_text("footage")
    (place / "redshank.yaml").write_text(CONFIG)
    (place / "secrets.yaml").write_text("door: hunter2\n")
    return Source(data, place / "redshank.yaml", {"REDSHANK__DETECT__FPS": "3", "HOME": "/"}, FAST)


def test_everything_comes_back_byte_for_byte(source: Source, tmp_path: Path) -> None:
    made = make(source, tmp_path / "a.backup", PASSPHRASE, START)
    assert unpack(tmp_path / "a.backup", PASSPHRASE, tmp_path / "out") == made
    found = {str(path.relative_to(tmp_path / "out")): path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {name: path.read_text() for name, path in found.items() if name != database.NAME} == {
        "config/redshank.yaml": CONFIG,
        "config/secrets.yaml": "door: hunter2\n",
        "config-history/0001.yaml": "cameras: {}\n",
        "keys/evidence.pem": "evidence key",
        "keys/tls.key": "tls key",
        "last-good.yaml": CONFIG,
    }
    assert sample.contents(found[database.NAME]) == sample.contents(source.data / database.NAME)
    assert {oct(path.stat().st_mode & 0o777) for path in found.values()} == {"0o600"}
    assert made.database.counts["events"] == 50
    assert made.version


def test_what_is_not_in_it_is_said(source: Source, tmp_path: Path) -> None:
    assert make(source, tmp_path / "a.backup", PASSPHRASE, START).left_out == (
        "the file /run/secrets/door",
        "the environment variable REDSHANK__DETECT__FPS",
        "the environment variable SMTP_PASSWORD",
        "the environment variable SMTP_USER",
    )


def test_it_is_for_its_owner_only_and_shows_nothing(source: Source, tmp_path: Path) -> None:
    make(source, tmp_path / "a.backup", PASSPHRASE, START)
    assert (tmp_path / "a.backup").stat().st_mode & 0o777 == 0o600
    content = (tmp_path / "a.backup").read_bytes()
    assert not any(word in content for word in (b"hunter2", b"evidence", b"SQLite", b"manifest"))
    assert [path.name for path in (source.data / "backups").iterdir()] == []


def test_no_file_is_ever_replaced(source: Source, tmp_path: Path) -> None:
    (tmp_path / "a.backup").write_text("mine")
    with pytest.raises(StoreError, match=r"a\.backup exists already"):
        make(source, tmp_path / "a.backup", PASSPHRASE, START)
    assert (tmp_path / "a.backup").read_text() == "mine"


@pytest.mark.parametrize("place", ["nowhere/a.backup", "data/redshank.db/a.backup"])
def test_a_place_that_cannot_be_written_is_one_line_and_leaves_nothing(
    source: Source, tmp_path: Path, place: str
) -> None:
    with pytest.raises(StoreError) as caught:
        make(source, tmp_path / place, PASSPHRASE, START)
    assert "\n" not in str(caught.value)
    assert list((source.data / "backups").iterdir()) == []


def test_a_folder_without_a_database_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database here"):
        make(Source(tmp_path, None, {}, FAST), tmp_path / "a.backup", PASSPHRASE, START)
    assert not (tmp_path / "a.backup").exists()


@pytest.mark.parametrize("at", [0.01, 0.5, 0.99])
def test_a_damaged_backup_never_passes_the_drill(source: Source, tmp_path: Path, at: float) -> None:
    make(source, tmp_path / "a.backup", PASSPHRASE, START)
    content = bytearray((tmp_path / "a.backup").read_bytes())
    content[int(len(content) * at)] ^= 1
    (tmp_path / "b.backup").write_bytes(content)
    assert drill.try_bundle(tmp_path / "a.backup", PASSPHRASE, SystemClock()).database.counts["events"] == 50
    with pytest.raises(StoreError, match=r"b\.backup: (damaged|cut short or damaged)"):
        drill.try_bundle(tmp_path / "b.backup", PASSPHRASE, SystemClock())
    with pytest.raises(StoreError, match=r"a\.backup: wrong passphrase"):
        drill.try_bundle(tmp_path / "a.backup", "something else", SystemClock())
    with pytest.raises(StoreError, match=r"none\.backup: No such file"):
        drill.try_bundle(tmp_path / "none.backup", PASSPHRASE, SystemClock())


def forged(path: Path, manifest: object, rest: bytes = b"") -> Path:
    """What somebody who knows the passphrase could make."""
    with path.open("wb") as out:
        sealer = Sealer(out, PASSPHRASE, FAST)
        words = json.dumps(manifest).encode()
        sealer.write(len(words).to_bytes(4, "big") + words + rest)
        sealer.close()
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/passwd",
        "keys/../../x",
        "keys/..",
        "keys/.",
        "keys//x",
        "keys",
        "keys/a\0",
        "other",
        "redshank.dbx",
        "redshank.lock",
        "",
    ],
)
def test_a_forged_backup_writes_nowhere_else(tmp_path: Path, name: str) -> None:
    files = [{"name": n, "size": 1, "sha256": ""} for n in (database.NAME, name)]
    facts = {"schema": "0001", "counts": {}, "mark": 0}
    manifest = {
        "made": START,
        "version": "1",
        "database": facts,
        "files": files,
        "data": "",
        "config": "",
        "left_out": [],
    }
    path = forged(tmp_path / "a.backup", manifest, b"xx")
    with pytest.raises(StoreError, match="not as Redshank writes a backup"):
        unpack(path, PASSPHRASE, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.backup"]


@pytest.mark.parametrize("manifest", [{}, [], None, 3, {"files": []}, {"database": 1, "files": 2}])
def test_a_manifest_that_is_none_is_one_line(tmp_path: Path, manifest: object) -> None:
    with pytest.raises(StoreError, match="not as Redshank writes a backup") as caught:
        unpack(forged(tmp_path / "a.backup", manifest), PASSPHRASE, tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rounds", [6, pytest.param(50, marks=pytest.mark.torture)])
def test_every_backup_comes_back_as_it_was(tmp_path: Path, rounds: int) -> None:
    """rel:T36: at rest; integrity, counts and hashes of all tables equal, every time. Torture: 50 rounds in 6 s."""
    for number in range(rounds):
        data = tmp_path / str(number)
        with sample.opened(data) as store:
            sample.add(store, 0, 20 + number * 7, size=40 + number * 50)
        target = tmp_path / f"{number}.backup"
        make(Source(data, None, os.environ, FAST), target, PASSPHRASE, START)
        unpack(target, PASSPHRASE, tmp_path / f"out-{number}")
        restored = tmp_path / f"out-{number}" / database.NAME
        database.examine(restored, deep=True)
        assert sample.contents(restored) == sample.contents(data / database.NAME)


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.torture)])
def test_a_backup_under_write_load_is_one_instant(tmp_path: Path, rounds: int) -> None:
    """rel:T36: what was acknowledged before it began is in it, the rest is a prefix of what was written, row for row, and it is
    sound. Torture: 50 rounds in 20 s."""
    data, stop, done = tmp_path / "data", threading.Event(), [0]
    with sample.opened(data) as store:
        sample.add(store, 0, 1)

        def write() -> None:
            while not stop.is_set():
                sample.add(store, done[0] + 1, done[0] + 21)
                done[0] += 20

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(rounds):
                acknowledged = done[0]
                made = make(Source(data, None, os.environ, FAST), tmp_path / f"{number}.backup", PASSPHRASE, START)
                written = done[0] + 20
                found = bundle.unpack(tmp_path / f"{number}.backup", PASSPHRASE, tmp_path / f"out-{number}")
                restored = tmp_path / f"out-{number}" / database.NAME
                assert database.examine(restored, deep=True) == made.database == found.database
                count = made.database.counts["events"]
                assert acknowledged < count <= written + 1
                assert sample.event_ids(restored) == {f"e{n:08}" for n in range(count)}
                assert sample.rows(restored) <= sample.rows(data / database.NAME)
        finally:
            stop.set()
            writer.join()
