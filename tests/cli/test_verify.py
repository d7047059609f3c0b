"""`redshank verify` and `redshank rebuild-index`, as typed, on a data folder with footage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from redshank.cli.verify import rebuild_index, verify
from redshank.model import SITE
from redshank.store import volumes
from redshank.store.volumes import VolumeRow
from redshank.volume import IDENTITY, open_volume
from tests.check.recorded import Recorded
from tests.cli.typed import typed
from tests.harness.clocks import FakeClock


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Recorded]:
    opened = open_volume(tmp_path / "recordings", None, FakeClock(), SITE)
    site = Recorded(tmp_path, opened.id)
    row = VolumeRow(opened.id, str(opened.root), opened.opened)
    site.store.write(lambda conn: volumes.put(conn, row)).result()
    site.record(4)
    yield site
    site.close()
    opened.close()


def test_all_is_well_while_redshank_runs(site: Recorded) -> None:
    """The volume is locked and the database open, as by a running one."""
    found = typed(verify, "--data", site.folder)
    assert found.exit_code == 0
    assert "presence and size of 4 files" in found.stdout
    assert "0 wrong" in found.stdout


def test_what_is_wrong_is_named_and_repaired_only_when_asked(site: Recorded) -> None:
    site.path(site.segments[1]).unlink()
    found = typed(verify, "--data", site.folder)
    assert found.exit_code == 1
    assert f"missing: {site.segments[1].path}: the file is not there" in found.stdout
    assert len(site.rows()) == 4
    said = json.loads(typed(verify, "--data", site.folder, "--repair", "--json").stdout)
    assert (said["ok"], said["counts"]) == (True, {"missing": 1})
    assert said["problems"][0]["repaired"]
    assert typed(verify, "--data", site.folder, "--deep").exit_code == 0


def test_an_unmounted_volume_loses_no_row(site: Recorded) -> None:
    """rel:T11: an empty folder where the disk was."""
    (site.root / IDENTITY).rename(site.folder / "elsewhere")
    site.root.rename(site.folder / "disk")
    site.root.mkdir()
    found = typed(verify, "--data", site.folder, "--repair")
    assert found.exit_code == 1
    assert "is the right disk mounted?" in found.stdout
    assert len(site.rows()) == 4


def test_a_volume_from_an_old_backup_is_refused(site: Recorded) -> None:
    """rel:T11."""
    row = VolumeRow(site.volume, str(site.root), 7)
    site.store.write(lambda conn: volumes.put(conn, row)).result()
    assert "restored from a backup?" in typed(verify, "--data", site.folder).stdout


def test_a_folder_without_a_database_is_one_line(tmp_path: Path) -> None:
    assert typed(verify, "--data", tmp_path).exit_code == 2
    assert not (tmp_path / "redshank.db").exists()


def test_the_index_is_made_again_beside_a_running_one(site: Recorded) -> None:
    found = typed(rebuild_index, "--data", site.folder)
    assert found.exit_code == 0
    assert "4 were known, 0 added" in found.stdout


def test_a_lost_database_comes_back(tmp_path: Path) -> None:
    """rel:T10: the volume is taken over under the id it has."""
    opened = open_volume(tmp_path / "recordings", None, FakeClock(), SITE)
    site = Recorded(tmp_path, opened.id)
    site.record(3)
    site.close()
    opened.close()
    (tmp_path / "redshank.db").unlink()
    said = json.loads(typed(rebuild_index, "--data", tmp_path, "--json").stdout)
    assert (said["ok"], said["added"], said["seconds_added"]) == (True, 3, 90.0)
    assert typed(verify, "--data", tmp_path, "--deep").exit_code == 0
