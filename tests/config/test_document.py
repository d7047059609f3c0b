from __future__ import annotations

import random
from pathlib import Path

import pytest

from redshank.config.document import parse
from redshank.config.load import load
from redshank.config.template import TEMPLATE
from redshank.errors import ConfigError

GOOD = (
    TEMPLATE
    + """
detect: {fps: 4, width: 640, height: 480}
rules:
  door: &door {cameras: [front-door, c2], labels: [person, car], min_time: 2s, channels: [log, mail]}
  again: {<<: *door, cooldown: 1m}
"""
).replace(
    "objects:\n",
    "".join(
        f'  c{i}: {{url: "rtsp://u:hunter2@10.0.0.{i}/live", zones: {{z: {{coordinates: "0,0,1,0,1,1"}}}}}}\n'
        for i in range(2, 9)
    )
    + "objects:\n",
    1,
)


def damaged(random_: random.Random) -> bytes:
    """One to four wounds of the kinds files get: bytes, lines, indents, tabs, truncation, odd values."""
    lines = GOOD.encode().splitlines(keepends=True)
    for _ in range(random_.randint(1, 4)):
        i = random_.randrange(len(lines) - 1) if len(lines) > 1 else 0
        match random_.randrange(8):
            case 0:
                lines[i] = b""
            case 1:
                lines.insert(i, lines[random_.randrange(len(lines))])
            case 2:
                lines[i] = b"\t" + lines[i]
            case 3:
                lines[i] = b" " * random_.randrange(9) + lines[i].lstrip()
            case 4:
                at = random_.randrange(len(lines[i]) + 1)
                lines[i] = lines[i][:at] + bytes([random_.randrange(256)]) + lines[i][at + 1 :]
            case 5:
                lines[i:] = [lines[i][: random_.randrange(len(lines[i]) + 1)]]
            case 6:
                odd = [b"[]", b"{}", b"null", b"-1e999", b"*nope", b"!!python/object:x y", b"&a [*a]", b"'", b"? [x]"]
                lines[i] = lines[i].split(b":")[0] + b": " + random_.choice(odd) + b"\n"
            case 7:
                lines[i] = lines[i].replace(b":", b"", 1)
    return b"".join(lines)


def test_the_good_file_is_good(tmp_path: Path) -> None:
    path = tmp_path / "redshank.yaml"
    path.write_text(GOOD)
    result = load(path, {"TZ": "UTC"})
    assert [str(p) for p in result.problems if "mail" not in str(p)] == []
    assert len(result.config.cameras) == 8
    assert result.config.rules["again"].cooldown == 60


def test_three_hundred_damaged_files_never_crash_and_never_show_a_password(tmp_path: Path) -> None:
    """rel:T58"""
    random_ = random.Random(58)
    path = tmp_path / "redshank.yaml"
    refused = 0
    complete = 0
    for _ in range(300):
        path.write_bytes(damaged(random_))
        try:
            result = load(path, {"TZ": "UTC"})
            said = [str(p) for p in result.problems]
            complete += len(result.config.cameras) >= 7
        except ConfigError as error:
            said = [str(error)]
            refused += 1
        for line in said:
            assert "\n" not in line
            assert "hunter2" not in line
            assert line.startswith(f"{path}:")
    assert 0 < refused < 200
    assert complete > 80


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a:\n\tb: 1\n", "f.yaml:2: a tab: indent with spaces"),
        ("a: [1, 2\n", "f.yaml:2: not YAML here or just above"),
        ("a: 'x\n", "f.yaml:2: not YAML here or just above"),
        ("- a\n", "f.yaml:1: the file: expected `key: value` lines"),
        ("hello", "f.yaml:1: the file: expected `key: value` lines"),
        ("a: &a [*a]\n", "too many values or levels"),
        ("[" * 1000, "nested too deeply"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]\n" for p, n in zip("abcde", "bcdef", strict=True)),
            "too many values",
        ),
        ("x" * 1_000_001, "1000001 characters"),
    ],
)
def test_a_file_that_is_no_configuration_is_one_line(source: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(source, "f.yaml")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_an_empty_configuration() -> None:
    assert parse("", "f") == ({}, [])
    assert parse("# nothing yet\n", "f") == ({}, [])


def test_a_key_written_twice_is_told_and_the_first_counts() -> None:
    tree, problems = parse("a: {b: 1, b: 2}\nc: 3\nc: 4\n", "f.yaml")
    assert tree == {"a": {"b": "1"}, "c": "3"}
    assert [str(p) for p in problems] == [
        "f.yaml:1: a.b: written twice: the first one counts, remove one",
        "f.yaml:3: c: written twice: the first one counts, remove one",
    ]


def test_scalars_stay_as_they_were_typed() -> None:
    tree, _ = parse("a: 0123\nb: no\nc: 'null'\nd: null\ne: 12:30\n", "f")
    assert tree == {"a": "0123", "b": "no", "c": "null", "d": None, "e": "12:30"}


def test_merge_keys_give_way_to_what_is_written() -> None:
    tree, _ = parse("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\n", "f")
    assert tree["y"] == {"a": "1", "b": "3"}
