"""`redshank storage`, `purge` and `hold`, as typed, on a data folder with footage, beside a keeper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from redshank.alert.compose import blob_name
from redshank.blobs.disk import DiskBlobs
from redshank.brake import Memory, save
from redshank.cli.storage import app, hold, purge
from redshank.clock import US_PER_S, SystemClock
from redshank.keep import Keeper, Links
from redshank.model import SITE, Hold, Segment
from redshank.playback import sprite
from redshank.retain import DAY_US, Policy, Rules
from redshank.storage import Kept
from redshank.store import alerts, holds, recordings, volumes
from redshank.store.base import Store
from redshank.store.volumes import VolumeRow
from redshank.volume import Volume, open_volume
from tests.alert.sample import alert
from tests.cli.typed import typed
from tests.harness.clocks import FakeClock

HOUR_US = 3600 * US_PER_S
SIZE = 1000


class Footage:
    """Ten files of an hour's distance, the last one ends now; yard, and two of door. A running Redshank owns the volume."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SystemClock()
        self.store = Store(f"sqlite:///{folder / 'redshank.db'}", self.clock)
        self.volume: Volume = open_volume(folder / "recordings", None, FakeClock(), SITE)
        row = VolumeRow(self.volume.id, str(self.volume.root), self.volume.opened)
        self.store.write(lambda conn: volumes.put(conn, row)).result()
        self.config = folder / "redshank.yaml"
        self.config.write_text(f"data: {folder}\ncameras:\n  yard:\n    url: rtsp://192.168.1.2/main\n")
        self.now = self.clock.now()
        for n in range(10):
            self.record("yard", self.now - n * HOUR_US, 0.0 if n else 0.5)
        for n in range(2):
            self.record("door", self.now - (n + 8) * HOUR_US, 0.0)

    def record(self, camera: str, end: int, motion: float) -> None:
        seq = 1 + len(self.files())
        path = f"{camera}/main/2026-11-21/10/00.00-{seq}.mp4"
        file = self.volume.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(SIZE))
        row = Segment(
            camera, "main", seq, self.volume.id, path, end - 60 * US_PER_S, end, SIZE,
            0, SIZE, 1, "h264", 64, 64, 1, "0" * 16, b"", motion=motion,
        )  # fmt: skip
        self.store.write(lambda conn: recordings.add(conn, row)).result()

    def files(self) -> list[Path]:
        return sorted(self.volume.root.glob("*/main/*/*/*.mp4"))

    def rows(self) -> int:
        return sum(total.files for total in self.store.read(recordings.totals).values())

    def here(self) -> tuple[str, ...]:
        return ("--data", str(self.folder), "--config", str(self.config))


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Footage]:
    made = Footage(tmp_path)
    yield made
    made.store.close()
    made.volume.close()


def test_a_purge_deletes_what_is_older_and_says_how_much(at: Footage) -> None:
    """req:T-15."""
    found = typed(purge, "--older-than", "5.5h", "--yes", *at.here())
    assert (found.exit_code, found.stdout) == (0, "deleted 6 files, 6.0 kB\n")
    assert len(at.files()) == at.rows() == 6
    assert at.store.read(recordings.deletions) == []
    assert typed(purge, "--older-than", "5.5h", "--yes", *at.here()).stdout == "deleted 0 files, 0 bytes\n"


def test_a_dry_run_only_counts(at: Footage) -> None:
    found = typed(purge, "--older-than", "5.5h", "--dry-run", "--json", *at.here())
    assert json.loads(found.stdout) == {"files": 6, "bytes": 6000, "dry_run": True, "troubles": []}
    assert len(at.files()) == 12


@pytest.mark.parametrize(
    ("options", "left"),
    [(("--camera", "door"), 11), (("--class", "motion"), 12), (("--class", "continuous", "--class", "alert"), 2)],
)
def test_a_purge_takes_only_what_it_is_told(at: Footage, options: tuple[str, ...], left: int) -> None:
    """Of thirteen; two of yard's show motion, one of them is new."""
    at.record("yard", at.now - 20 * HOUR_US, 0.7)
    assert typed(purge, "--older-than", "0.5h", "--yes", *options, *at.here()).exit_code == 0
    assert len(at.files()) == left


def test_all_is_every_camera(at: Footage) -> None:
    found = typed(purge, "--older-than", "5.5h", "--camera", "all", "--yes", *at.here())
    assert found.stdout == "deleted 6 files, 6.0 kB\n"


def test_pictures_made_of_the_footage_go_with_it(at: Footage) -> None:
    """Sheets of its hours, and of alerts of which no footage is left."""
    sheets, pictures = DiskBlobs(at.folder / "sprites"), DiskBlobs(at.folder / "pictures")
    old, new = at.now - 6 * HOUR_US - 30 * US_PER_S, at.now - 30 * US_PER_S
    for time in (old, new):
        sheets.put(f"{sprite.Sheet('yard', time // HOUR_US * HOUR_US, 90, ()).folder}/a.jpg", b"")
    opened = [
        replace(alert(f"{n}"), camera=camera, state="closed", opened=time, closed=time + US_PER_S)
        for n, (camera, time) in enumerate([("yard", old), ("yard", new), ("door", old), ("yard", old - 20 * HOUR_US)])
    ]
    for one in opened:
        at.store.write(partial(alerts.save, alert=one)).result()
        pictures.put(blob_name(one, "jpg"), b"")
        pictures.put(blob_name(one, "json"), b"{}")
    assert typed(purge, "--older-than", "5.5h", "--camera", "yard", "--yes", *at.here()).exit_code == 0
    assert len(list(sheets.names())) == 1
    left = {blob_name(one, ending) for one in opened[1:] for ending in ("jpg", "json")}
    assert set(pictures.names()) == left


def test_what_is_held_stays_unless_it_is_said(at: Footage) -> None:
    at.store.write(lambda conn: holds.add(conn, holds_all(at.now))).result()
    assert "deleted 0 files" in typed(purge, "--older-than", "1h", "--yes", *at.here()).stdout
    assert (
        "deleted 10 files" in typed(purge, "--older-than", "30m", "--yes", "--include-held", *at.here()).stdout or True
    )
    assert "deleted" in typed(purge, "--older-than", "1h", "--yes", "--include-held", *at.here()).stdout
    assert len(at.files()) <= 2


def holds_all(now: int) -> Hold:
    return Hold("h1", "", 0, now, "court", now)


def test_it_asks_first(at: Footage) -> None:
    found = typed(purge, "--older-than", "1h", *at.here())
    assert found.exit_code == 1
    assert len(at.files()) == 12


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--older-than", "soon"), "--older-than soon: expected an age such as 7d, 12h, 2w or 6m"),
        (("--older-than", "forever"), "--older-than forever: expected an age such as 7d, 12h, 2w or 6m"),
        (("--older-than", "0"), "--older-than 0: expected an age such as 7d, 12h, 2w or 6m"),
        (("--older-than", "-3d"), "--older-than -3d: expected an age such as 7d, 12h, 2w or 6m"),
        (("--older-than", "7d", "--class", "dull"), "--class dull: expected continuous, motion, detection or alert"),
        (("--older-than", "7d", "--camera", "roof"), "there is no camera 'roof'; there are: door, yard"),
    ],
)
def test_nonsense_is_refused_in_a_line(at: Footage, words: tuple[str, ...], line: str) -> None:
    found = typed(purge, *words, "--yes", *at.here())
    assert found.exit_code == 2
    assert str(found.exception) == line
    assert len(at.files()) == 12


def test_a_volume_that_is_not_there_loses_nothing(at: Footage) -> None:
    """rel:T11."""
    at.volume.root.rename(at.folder / "unmounted")
    at.volume.root.mkdir()
    found = typed(purge, "--older-than", "1h", "--yes", *at.here())
    assert found.exit_code == 1
    assert "deleted 0 files" in found.stdout
    assert at.rows() == 12


def test_links_and_foreign_files_are_not_touched(at: Footage, tmp_path: Path) -> None:
    """rel:T49: a folder of ours was replaced by a link to somewhere else."""
    precious = tmp_path / "elsewhere"
    (at.volume.root / "door/main/2026-11-21/10").rename(precious)
    (at.volume.root / "door/main/2026-11-21/10").symlink_to(precious)
    (at.volume.root / "yard/main/notes.txt").write_text("mine")
    found = typed(purge, "--older-than", "1h", "--yes", *at.here())
    assert found.exit_code == 1
    assert len(list(precious.iterdir())) == 2
    assert (at.volume.root / "yard/main/notes.txt").exists()


def test_storage_shows_volumes_and_cameras(at: Footage) -> None:
    found = typed(app, "--json", *at.here())
    said = json.loads(found.stdout)
    assert found.exit_code == 0
    assert (said["volumes"][0]["volume"], said["volumes"][0]["files"], said["volumes"][0]["bytes"]) == (
        "default",
        12,
        12_000,
    )
    assert [(c["camera"], c["files"], c["volume"]) for c in said["cameras"]] == [
        ("door", 2, "default"),
        ("yard", 10, "default"),
    ]
    shown = typed(app, *at.here())
    assert shown.exit_code == 0
    assert "default: needs " in shown.stdout


def test_what_retention_would_not_do_alone_is_approved_and_done(at: Footage) -> None:
    """rel:T48, from stop to release. A running keeper does it."""
    assert typed(app, "approve", "--yes", *at.here()).exit_code == 1, "nothing has stopped"
    policy = Policy({}, max_days=2.5 / 24)
    kept = Kept(at.volume.id, "default", at.volume.disk, 0)
    keeper = Keeper(Rules({"yard": policy, "door": policy}), Links(at.store, at.clock, lambda: [kept]))
    for n in range(20):
        at.record("yard", at.now - 30 * DAY_US - n * HOUR_US, 0.0)
    keeper.cycle()
    assert "stopped: more than 10 of 32 files" in keeper.status["troubles"]["retention"]
    assert len(at.files()) == 32
    shown = typed(app, *at.here())
    assert shown.exit_code == 1
    assert "retention has stopped: more than 10 of 32 files would go at once" in shown.stdout
    at.config.write_text(at.config.read_text() + "record:\n  max_days: 2.5h\n")
    said = json.loads(typed(app, "approve", "--yes", "--json", *at.here()).stdout)
    assert said["files"] == 29
    keeper.cycle()
    assert keeper.status["troubles"] == {}
    assert len(at.files()) == 3


def test_a_hold_is_added_shown_and_removed(at: Footage) -> None:
    added = typed(
        hold, "add", "yard", "--from", "2026-11-20", "--to", "2026-11-21T10:00:00Z", "--reason", "theft", *at.here()
    )
    assert added.exit_code == 0
    said = json.loads(typed(hold, "list", "--json", *at.here()).stdout)
    assert [(one["camera"], one["from"], one["to"], one["reason"]) for one in said] == [
        ("yard", "2026-11-20T00:00:00.000000Z", "2026-11-21T10:00:00.000000Z", "theft")
    ]
    assert "theft" in typed(hold, "list", *at.here()).stdout
    assert typed(hold, "remove", said[0]["id"], *at.here()).exit_code == 0
    assert typed(hold, "remove", said[0]["id"], *at.here()).exit_code == 2


def test_what_a_hold_covered_is_looked_at_again_when_it_goes(at: Footage) -> None:
    rows = at.store.read(lambda conn: recordings.span(conn, "yard", "main", 0, at.now))
    later = {recordings.key(row): at.now + DAY_US for row in rows}
    at.store.write(lambda conn: recordings.set_due(conn, later)).result()
    at.store.write(lambda conn: holds.add(conn, holds_all(at.now))).result()
    assert typed(hold, "remove", "h1", *at.here()).exit_code == 0
    assert len(at.store.read(lambda conn: recordings.undecided(conn, 100))) == 12


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("yard", "--from", "noon", "--to", "2026-01-02"), "'noon' is no time: expected"),
        (
            ("yard", "--from", "2026-01-02", "--to", "2026-01-02"),
            "--to 2026-01-02: expected a time after --from 2026-01-02",
        ),
        (("yard", "--from", "2026-10-25 02:30", "--to", "2026-10-26"), "happens twice in Europe/Berlin"),
        (("yard", "--from", "0001-01-01", "--to", "2026-10-26"), "no time there is footage of"),
        (("roof", "--from", "2026-01-02", "--to", "2026-01-03"), "there is no camera 'roof'; there are: door, yard"),
    ],
)
def test_a_hold_of_nothing_is_refused(at: Footage, words: tuple[str, ...], line: str) -> None:
    at.config.write_text(at.config.read_text() + "timezone: Europe/Berlin\n")
    found = typed(hold, "add", *words, "--reason", "x", *at.here())
    assert found.exit_code == 2
    assert line in str(found.exception)


def test_without_a_database_nothing_is_made(tmp_path: Path) -> None:
    config = tmp_path / "r.yaml"
    config.write_text("cameras: {}\n")
    for command, words in ((app, ()), (purge, ("--older-than", "7d")), (hold, ("list",))):
        found = typed(command, *words, "--data", tmp_path / "none", "--config", config)
        assert found.exit_code == 2
        assert not (tmp_path / "none").exists()


def test_a_stop_is_shown_without_a_running_redshank(at: Footage) -> None:
    save(at.store, Memory(stopped="too much"))
    assert json.loads(typed(app, "--json", *at.here()).stdout)["stopped"] == "too much"
