from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redshank.blobs.base import checked
from redshank.blobs.disk import DiskBlobs
from redshank.errors import DiskFull, StoreError

NAME = "alerts/2026-11-21/a.jpg"


@pytest.fixture
def blobs(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path / "media")


def test_what_is_put_is_read_again(blobs: DiskBlobs) -> None:
    blobs.put(NAME, b"bytes")
    assert blobs.read(NAME) == b"bytes"


def test_nothing_there_is_none_not_an_error(blobs: DiskBlobs) -> None:
    assert blobs.read("alerts/none/there.jpg") is None
    assert blobs.delete("alerts/none/there.jpg") is False


def test_an_existing_name_is_never_overwritten_unasked(blobs: DiskBlobs) -> None:
    blobs.put(NAME, b"first")
    with pytest.raises(StoreError, match="exists already"):
        blobs.put(NAME, b"second")
    assert blobs.read(NAME) == b"first"
    blobs.put(NAME, b"second", replace=True)
    assert blobs.read(NAME) == b"second"


def test_delete_takes_it_away(blobs: DiskBlobs) -> None:
    blobs.put(NAME, b"")
    assert blobs.delete(NAME) is True
    assert blobs.read(NAME) is None


def test_names_by_prefix_in_order(blobs: DiskBlobs) -> None:
    for name in ("alerts/b/2", "alerts/a/1", "other/x"):
        blobs.put(name, b"")
    assert list(blobs.names("alerts/")) == ["alerts/a/1", "alerts/b/2"]
    assert list(blobs.names()) == ["alerts/a/1", "alerts/b/2", "other/x"]


def test_names_look_only_below_the_prefix(blobs: DiskBlobs, tmp_path: Path) -> None:
    """An hour's sheet among years of them: what lies elsewhere may even be unreadable."""
    for name in ("sprites/yard/2026/1.jpg", "sprites/yard/2026/2.jpg", "sprites/yardie/1.jpg"):
        blobs.put(name, b"")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.jpg").touch()
    (tmp_path / "media" / "sprites" / "link").symlink_to(tmp_path / "elsewhere")
    walked: list[str] = []
    sys.addaudithook(lambda event, args: walked.append(str(args[0])) if event in ("os.scandir", "open") else None)
    assert list(blobs.names("sprites/yard/2026/")) == ["sprites/yard/2026/1.jpg", "sprites/yard/2026/2.jpg"]
    assert not any("yardie" in one for one in walked)
    assert list(blobs.names("sprites/yard")) == [
        "sprites/yard/2026/1.jpg", "sprites/yard/2026/2.jpg", "sprites/yardie/1.jpg",
    ]  # fmt: skip
    assert list(blobs.names("sprites/nobody/")) == []
    for prefix in ("../", "sprites/link/", "sprites/../../"):
        with pytest.raises(StoreError):
            list(blobs.names(prefix))


def test_only_we_can_read_them(blobs: DiskBlobs, tmp_path: Path) -> None:
    blobs.put(NAME, b"")
    assert (tmp_path / "media" / NAME).stat().st_mode & 0o777 == 0o600
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in (tmp_path / "media").rglob("*") if path.is_dir())


def test_no_part_is_left_behind(blobs: DiskBlobs, tmp_path: Path) -> None:
    blobs.put(NAME, b"1")
    with pytest.raises(StoreError):
        blobs.put(NAME, b"2")
    assert [path.name for path in (tmp_path / "media" / "alerts" / "2026-11-21").iterdir()] == ["a.jpg"]


def test_a_part_of_a_crash_is_never_listed_and_swept_at_start(blobs: DiskBlobs, tmp_path: Path) -> None:
    blobs.put(NAME, b"1")
    (tmp_path / "media" / "alerts" / ".x.jpg.00.part").write_bytes(b"half")
    assert list(blobs.names()) == [NAME]
    assert blobs.sweep() == 1
    assert list(blobs.names()) == [NAME]


def test_of_many_writers_of_one_name_exactly_one_wins(blobs: DiskBlobs) -> None:
    refused: list[bool] = []

    def write(number: int) -> None:
        try:
            blobs.put(NAME, str(number).encode() * 1000)
            refused.append(False)
        except StoreError:
            refused.append(True)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(refused) == [False] + [True] * 7
    assert len(set(blobs.read(NAME) or b"")) == 1


def corpus() -> list[str]:
    """rel:S04: 300 and more ways out of a folder."""
    seeds = [
        "..", "../x", "a/../../x", "/etc/passwd", "//etc/passwd", "./x", "a/./x", "a//x", "", "/", "a/", "x\0", "\0", "..\\x",
        "a\\..\\x", "C:\\x", "C:x", "%2e%2e/x", "%252e%252e%252fx", "..%2fx", "..%5cx", "%00", "\u2025/x", "\uff0e\uff0e/x", "..;/x",
        "file:///etc/passwd", "http://x/y", "~/x", "~root/x", "$HOME/x", "`id`", "$(id)", ";id", "|id", "-rf\n", "a\nb", "a\rb", "a b",
        "a\tb", ".hidden", "a/.hidden", "...", "....//x", "..../x", "x/..", "x/.", "con:", "a:b", "a*b", "a?b", "x" * 300,
        "/".join("a" * 9), "\xe9", "a\u202eb", "\ufeffx", "\udc2e\udc2e/x", "%c0%ae%c0%ae/x", "\xc0\xae/x", ".git/config",
        "a/.x.jpg.00.part",
    ]  # fmt: skip
    wraps = ["{}", "alerts/{}", "{}/a.jpg", "alerts/{}/a.jpg", "alerts/2026/{}.gz", "{}\0.jpg"]
    return [wrap.format(seed) for seed in seeds for wrap in wraps if not checkable(wrap.format(seed))]


def checkable(name: str) -> bool:
    """The few combinations that are ordinary names after all, such as `-rf` inside a path."""
    return all(
        part and part[0] != "." and part.isascii() and part.replace(".", "").replace("-", "").isalnum()
        for part in name.split("/")
    ) and (len(name) <= 200 and name.count("/") < 8)


def test_no_name_leads_out_of_the_root(blobs: DiskBlobs, tmp_path: Path) -> None:
    """rel:S04."""
    names = corpus()
    assert len(names) >= 300
    canary = tmp_path / "x"
    canary.write_bytes(b"canary")
    for name in names:
        for use in (lambda n: blobs.put(n, b"!", replace=True), blobs.read, blobs.delete):
            with pytest.raises(StoreError, match="not a name"):
                use(name)
    assert canary.read_bytes() == b"canary"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["media", "x"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.text())
def test_whatever_passes_the_check_stays_inside(tmp_path: Path, name: str) -> None:
    try:
        checked(name)
    except StoreError:
        return
    assert Path(os.path.normpath(tmp_path / name)).is_relative_to(tmp_path)


def test_a_link_planted_inside_is_not_followed(blobs: DiskBlobs, tmp_path: Path) -> None:
    """rel:S04."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.jpg").write_bytes(b"canary")
    (tmp_path / "media" / "alerts").symlink_to(outside)
    (tmp_path / "media" / "one.jpg").symlink_to(outside / "a.jpg")
    for use in (blobs.read, blobs.delete, lambda n: blobs.put(n, b"!", replace=True)):
        with pytest.raises(StoreError):
            use("alerts/a.jpg")
    with pytest.raises(StoreError):
        blobs.read("one.jpg")
    blobs.put("one.jpg", b"mine", replace=True)
    assert (outside / "a.jpg").read_bytes() == b"canary"
    assert blobs.read("one.jpg") == b"mine"


def test_a_full_disk_is_one_clear_line(blobs: DiskBlobs) -> None:
    with (
        pytest.raises(DiskFull, match=r"no space left to write .*/a\.jpg: free some space"),
        blobs._translated("write", NAME),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_really_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    """On a tiny file system; needs the right to mount one."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("not allowed to mount a file system here")
    try:
        blobs = DiskBlobs(tmp_path / "media")
        blobs.put(NAME, b"small")
        with pytest.raises(DiskFull):
            blobs.put(NAME, bytes(200_000), replace=True)
        assert blobs.read(NAME) == b"small"
        assert [path.name for path in (tmp_path / "media/alerts/2026-11-21").iterdir()] == ["a.jpg"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_an_unusable_root_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"cannot create .*file/media: Not a directory"):
        DiskBlobs(tmp_path / "file" / "media")
