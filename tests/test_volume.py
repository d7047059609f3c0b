"""Which disk is taken, which is refused, and what happens to one in use (rel:T08, T11, T50)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from redshank.errors import StoreError
from redshank.volume import ACCEPT, IDENTITY, Known, Volume, VolumeRefused, join_volume, open_volume, still_there
from tests.harness.clocks import FakeClock

NAME = "hall/main/2026-11-21/08/00.30-17.part"


@contextmanager
def opened(path: Path, known: Known | None = None, site: str = "default") -> Iterator[Volume]:
    volume = open_volume(path, known, FakeClock(), site)
    try:
        yield volume
    finally:
        volume.close()


def first(path: Path) -> Known:
    """The row after a first opening that is over again."""
    with opened(path) as volume:
        return known(volume)


def known(volume: Volume) -> Known:
    return Known(volume.id, str(volume.root), volume.opened)


def put(volume: Volume, name: str = NAME) -> None:
    file = volume.disk.create(name)
    volume.disk.append(file, b"footage")
    volume.disk.sync(file)
    volume.disk.close(file)


def listing(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def test_a_new_volume_is_made_with_its_identity(tmp_path: Path) -> None:
    root = tmp_path / "media" / "disk"
    with opened(root) as volume:
        put(volume)
        said = json.loads((root / IDENTITY).read_text())
    assert said == {"v": 1, "volume": volume.id, "site": "default", "opened": 1}
    assert (root / IDENTITY).stat().st_mode & 0o777 == 0o600
    assert sorted(listing(root)) == [IDENTITY, NAME]


def test_the_counter_rises_with_each_opening(tmp_path: Path) -> None:
    row = first(tmp_path)
    for expected in (2, 3):
        with opened(tmp_path, row) as volume:
            assert (volume.id, volume.opened) == (row.id, expected)
    with opened(tmp_path, Known(row.id, row.path, 2)) as volume:  # the row was not committed: the file is ahead
        assert volume.opened == 4


def test_a_volume_unknown_to_the_database_is_taken_over(tmp_path: Path) -> None:
    """rel:T10: the database is new, the footage is not."""
    row = first(tmp_path)
    with opened(tmp_path, None) as volume:
        assert (volume.id, volume.opened) == (row.id, 2)


def refused(path: Path, row: Known | None, site: str = "default") -> str:
    before = listing(path) if path.exists() else None
    with pytest.raises(VolumeRefused) as error:
        open_volume(path, row, FakeClock(), site)
    assert (listing(path) if path.exists() else None) == before
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_unmounted_volume_is_refused_and_nothing_is_made_in_its_place(tmp_path: Path) -> None:
    """rel:T11."""
    root = tmp_path / "mount" / "redshank"
    row = first(root)
    shutil.rmtree(root)
    assert "is the disk mounted" in refused(root, row)
    assert not root.exists()
    root.mkdir()
    assert "is the right disk mounted" in refused(root, row)
    assert listing(root) == {}


def test_swapped_disks_are_refused(tmp_path: Path) -> None:
    """rel:T11."""
    rows = [first(tmp_path / name) for name in "ab"]
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "b").rename(tmp_path / "a")
    (tmp_path / "c").rename(tmp_path / "b")
    for row in rows:
        assert "were disks swapped" in refused(Path(row.path), row)


def test_a_disk_restored_from_an_old_backup_is_refused(tmp_path: Path) -> None:
    """rel:T11."""
    root = tmp_path / "disk"
    row = first(root)
    shutil.copytree(root, tmp_path / "backup")
    with opened(root, row) as volume:
        newer = known(volume)
    shutil.rmtree(root)
    (tmp_path / "backup").rename(root)
    assert "restored from a backup" in refused(root, newer)


def test_another_site_s_volume_is_refused(tmp_path: Path) -> None:
    row = first(tmp_path)
    assert "belongs to the site 'default'" in refused(tmp_path, None, site="shop")
    assert "belongs to the site 'default'" in refused(tmp_path, row, site="shop")


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", '{"v": 2, "volume": "x", "site": "default", "opened": 1}', '{"v": 1}']
)
def test_a_damaged_identity_is_refused(tmp_path: Path, text: str) -> None:
    row = first(tmp_path)
    (tmp_path / IDENTITY).write_text(text)
    assert "is damaged" in refused(tmp_path, row)
    assert "is damaged" in refused(tmp_path, None)


def test_an_identity_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """rel:T49."""
    row = first(tmp_path / "a")
    (tmp_path / "a" / IDENTITY).rename(tmp_path / "elsewhere")
    (tmp_path / "a" / IDENTITY).symlink_to(tmp_path / "elsewhere")
    assert "cannot read" in refused(tmp_path / "a", row)


def test_something_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(VolumeRefused, match="file"):
            open_volume(path, None, FakeClock(), "default")


def test_a_first_opening_cut_short_is_a_first_opening_again(tmp_path: Path) -> None:
    (tmp_path / IDENTITY).touch()
    (tmp_path / (IDENTITY + ".part")).write_bytes(b'{"v": 1, "vol')
    with opened(tmp_path) as volume:
        assert volume.opened == 1
    assert sorted(listing(tmp_path)) == [IDENTITY]


def test_a_person_can_accept_an_empty_disk_as_a_new_volume(tmp_path: Path) -> None:
    row = first(tmp_path)
    (tmp_path / IDENTITY).rename(tmp_path / ACCEPT)
    with opened(tmp_path, row) as volume:
        assert volume.id != row.id
        assert volume.opened == 1
    assert sorted(listing(tmp_path)) == [IDENTITY]


def test_a_person_can_accept_a_disk_that_lost_its_identity(tmp_path: Path) -> None:
    with opened(tmp_path) as volume:
        put(volume)
        row = known(volume)
    (tmp_path / IDENTITY).rename(tmp_path / ACCEPT)
    with opened(tmp_path, row) as again:
        assert (again.id, again.opened) == (row.id, 2)


def test_a_person_can_accept_a_backup(tmp_path: Path) -> None:
    row = first(tmp_path)
    (tmp_path / ACCEPT).touch()
    with opened(tmp_path, Known(row.id, row.path, 7)) as volume:
        assert (volume.id, volume.opened) == (row.id, 8)
    assert "restored" in refused(tmp_path, Known(row.id, row.path, 9))


OWNER = """
import sys
from pathlib import Path
from redshank.clock import SystemClock
from redshank.volume import open_volume
volume = open_volume(Path(sys.argv[1]), None, SystemClock(), "default")
print(volume.id, flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_at_once_and_the_first_goes_on(tmp_path: Path) -> None:
    """rel:T08."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdin
        assert owner.stdout
        row = Known(owner.stdout.readline().strip(), str(tmp_path), 1)
        for who in (None, row):
            assert "in use by another running Redshank" in refused(tmp_path, who)
        joined = join_volume(tmp_path, row.id, "default")
        assert still_there(joined) == ""
        joined.close()
        owner.kill()
    with opened(tmp_path, row) as volume:
        assert volume.opened == 2


def test_two_that_start_at_once_do_not_both_own_it(tmp_path: Path) -> None:
    """rel:T08."""
    owners = [
        subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]  # fmt: skip
    said = [owner.stdout.readline() for owner in owners if owner.stdout]
    for owner in owners:
        _, errors = owner.communicate("")
        assert owner.returncode == 0 or "in use by another" in errors
    assert sum(bool(line) for line in said) == 1


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Volume, Volume]]:
    """The owner's view and that of the process that records."""
    with ExitStack() as stack:
        owner = stack.enter_context(opened(tmp_path / "above" / "disk"))
        recorder = join_volume(owner.root, owner.id, "default")
        stack.callback(recorder.close)
        yield owner, recorder


def test_a_healthy_volume_has_nothing_to_say(pair: tuple[Volume, Volume]) -> None:
    for volume in pair:
        assert still_there(volume) == ""
        assert volume.disk.trouble == ""


def test_an_unmounted_volume_is_not_written_until_it_is_back(pair: tuple[Volume, Volume], tmp_path: Path) -> None:
    """rel:T11: the mount point stands there empty; then the disk is mounted again."""
    root = pair[0].root
    put(pair[1])
    root.rename(tmp_path / "unplugged")
    for stage in ("gone", "empty"):
        for volume in pair:
            assert "mounted" in still_there(volume)
            with pytest.raises(StoreError, match="mounted"):
                put(volume, f"{stage}.part")
            with pytest.raises(StoreError, match="mounted"):
                volume.disk.unlink(NAME)
        if stage == "gone":
            root.mkdir()
    assert listing(root) == {}
    root.rmdir()
    (tmp_path / "unplugged").rename(root)
    for volume in pair:
        assert still_there(volume) == ""
        assert volume.disk.read(NAME, 0, 99) == b"footage"
    put(pair[1], "again.part")


def test_who_writes_sees_by_himself_that_the_disk_is_gone_and_back(pair: tuple[Volume, Volume], tmp_path: Path) -> None:
    """rel:T11: at the next sync, without anybody asking `still_there`."""
    disk, root = pair[1].disk, pair[0].root
    file = disk.create(NAME)
    disk.append(file, b"footage")
    disk.sync(file)
    root.rename(tmp_path / "unplugged")
    root.mkdir()
    for call in (lambda: disk.sync(file), lambda: disk.append(file, b"x"), lambda: disk.create("other.part")):
        with pytest.raises(StoreError, match="right disk mounted"):
            call()
    assert listing(root) == {}
    root.rmdir()
    (tmp_path / "unplugged").rename(root)
    put(pair[1], "other.part")
    assert disk.read(NAME, 0, 99) == b"footage"


def test_a_disk_swapped_while_running_is_not_written(pair: tuple[Volume, Volume], tmp_path: Path) -> None:
    """rel:T11."""
    root = pair[0].root
    first(tmp_path / "other")
    root.rename(tmp_path / "away")
    (tmp_path / "other").rename(root)
    before = listing(root)
    for volume in pair:
        assert "swapped" in still_there(volume)
        with pytest.raises(StoreError, match="swapped"):
            put(volume)
    assert listing(root) == before


def test_a_backup_played_back_while_running_is_not_written(pair: tuple[Volume, Volume]) -> None:
    """rel:T11."""
    identity = pair[0].root / IDENTITY
    identity.write_text(identity.read_text().replace('"opened": 1', '"opened": 0'))
    for volume in pair:
        assert "restored from a backup" in still_there(volume)


def test_a_deleted_root_is_made_again_with_its_identity_and_told(pair: tuple[Volume, Volume]) -> None:
    """rel:T50: parents and all; the next segment is saved."""
    owner, recorder = pair
    put(recorder)
    shutil.rmtree(owner.root.parent)
    with pytest.raises(StoreError, match="is the disk mounted"):
        put(recorder)
    assert "mounted" in still_there(recorder)  # making it again is the owner's
    for volume in (owner, recorder):
        assert "the footage in it is lost" in still_there(volume)
        assert still_there(volume) == ""
    put(recorder)
    assert sorted(listing(owner.root)) == [IDENTITY, NAME]
    row = known(owner)
    assert "in use by another" in refused(owner.root, row)
    with pytest.raises(VolumeRefused, match="another volume"):
        join_volume(owner.root, "somebody", "default")


def test_a_root_deleted_and_made_by_somebody_else_stays_refused(pair: tuple[Volume, Volume]) -> None:
    shutil.rmtree(pair[0].root)
    pair[0].root.mkdir()
    for volume in pair:
        assert IDENTITY in still_there(volume)
        with pytest.raises(StoreError, match=IDENTITY):
            put(volume)
    assert listing(pair[0].root) == {}


def test_a_deleted_identity_is_written_again_by_its_owner(pair: tuple[Volume, Volume]) -> None:
    owner, recorder = pair
    (owner.root / IDENTITY).unlink()
    assert IDENTITY in still_there(recorder)
    assert "written again" in still_there(owner)
    assert [still_there(volume) for volume in pair] == ["", ""]
    assert "in use by another" in refused(owner.root, known(owner))


def test_the_root_may_be_a_link_to_the_disk(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    with opened(tmp_path / "link") as volume:
        put(volume)
        assert still_there(volume) == ""


def test_opening_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    row = first(tmp_path)
    with opened(tmp_path, row) as volume:
        assert "in use" in refused(tmp_path, row)
        shutil.rmtree(tmp_path)
        assert "lost" in still_there(volume)
    refused(tmp_path, Known("other", str(tmp_path), 1))
    assert len(os.listdir("/proc/self/fd")) == before
