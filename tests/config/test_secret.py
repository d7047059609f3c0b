from __future__ import annotations

from pathlib import Path

import pytest

from redshank.config.load import Loaded
from redshank.config.secret import Secret
from tests.config.writing import lines, loaded


def password(result: Loaded) -> str:
    found = result.config.cameras["a"].streams["main"].password
    assert found is not None
    return found.reveal()


def test_a_secret_never_prints(tmp_path: Path) -> None:
    secret = Secret("hunter2")
    result = loaded(tmp_path, "cameras: {a: {url: a.mp4, password: hunter2}}")
    shown = [repr(secret), str(secret), f"{secret}", repr(result), str(result.config), result.config.model_dump_json()]
    assert not any("hunter2" in text for text in shown)
    assert secret.reveal() == "hunter2"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${CAM_PASS}", "hunter2"),
        ("pre-${CAM_PASS}-${NONE:-x}", "pre-hunter2-x"),
        ("${NONE:-}", ""),
        ("$5 {x}", "$5 {x}"),
        ("file:secret.txt", "from file"),
    ],
)
def test_references_are_filled_in(tmp_path: Path, written: str, meant: str) -> None:
    (tmp_path / "secret.txt").write_text("from file\n")
    result = loaded(tmp_path, f"cameras: {{a: {{url: a.mp4, password: '{written}'}}}}", {"CAM_PASS": "hunter2"})
    assert result.problems == ()
    assert password(result) == meant


def test_a_named_secret_comes_from_the_file_beside(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("yard: 0815\n")
    result = loaded(tmp_path, "cameras: {a: {url: a.mp4, password: !secret yard}}")
    assert password(result) == "0815"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${NONE}", "expected the environment variable NONE to be set"),
        ("!secret other", "expected this name in secrets.yaml"),
        ("file:/nowhere", "expected a readable file /nowhere (No such file or directory)"),
    ],
)
def test_a_reference_to_nothing_leaves_the_camera_out(tmp_path: Path, written: str, expected: str) -> None:
    (tmp_path / "secrets.yaml").write_text("yard: hunter2\n")
    value = written if written.startswith("!") else f'"{written}"'
    result = loaded(tmp_path, f"cameras:\n  a:\n    url: a.mp4\n    password: {value}\n  b: {{url: b.mp4}}\n")
    (line,) = lines(result)
    assert line.startswith("4: cameras.a.password is ***: ")
    assert expected in line
    assert sorted(result.config.cameras) == ["b"]


def test_without_secrets_yaml_the_line_says_so(tmp_path: Path) -> None:
    result = loaded(tmp_path, "cameras: {a: {url: a.mp4, password: !secret yard}}")
    assert "secrets.yaml" in lines(result)[0]


def test_what_was_filled_in_is_not_shown_in_an_error(tmp_path: Path) -> None:
    result = loaded(tmp_path, "cameras: {a: {url: '${URL}'}}", {"URL": "ftp://hunter2/x"})
    assert len(result.problems) == 1
    assert "hunter2" not in str(result.problems[0])


def test_a_password_under_a_mistyped_key_is_not_shown(tmp_path: Path) -> None:
    result = loaded(tmp_path, "cameras: {a: {url: a.mp4, pasword: hunter2}}")
    assert lines(result) == ['1: cameras.a.pasword: unknown key, did you mean "password"?']
