"""rel:S05, rel:S04: whatever somebody types is a value, or is refused in one line; never syntax, never another key, never a file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from redshank.config.document import parse
from redshank.config.edit import Edit, Plain, edited, plain, said
from redshank.config.yaml_text import Value
from redshank.errors import ConfigError
from tests.config.test_edit import read
from tests.config.test_editor import FILE, Site

CORPUS = [
    'a: b', 'a\nb: c', '\n- x', '# no', 'x # y', 'x #y', ' x', 'x ', '', '-', '- a', '?', '? a', ':', ': a', 'a:', '!',
    '!!python/object/apply:os.system', '!!python/name:os.system', '!secret x', '!secret', '&a', '*a', '*a b', '<<',
    '<<: *a', '|', '|\n  x', '>', '%YAML 1.1', '---', '...', '--- a', "'", "''", '"', '"a"', "'a'", '\\', '\\n',
    '\\x41', '{a: b}', '[a]', '{', '}', '[', ']', ',', 'a, b', '@a', '`a`', 'true', 'True', 'yes', 'no', 'on', 'off',
    'y', 'null', '~', 'Null', 'NULL', '1', '01', '0x1f', '0o17', '1_000', '1e3', '.5', '1.', '-1', '+1', '.inf',
    '-.inf', '.nan', '12:30:45', '2026-11-21', '2026-11-21T12:00:00Z', '=', '\t', '\ta', 'a\tb', '\x00', '\x07',
    '\x1b[31m', '\x7f', '\x85', '\u2028', '\u2029', '\ufeff', '\ufffe', '\u202e', '\xe9', '\u65e5\u672c', '\U0001f986',
    '\r', '\r\n', 'a\r\nb: c', '${HOME}', '${A:-b}', '{FRIGATE_X}', '$(id)', '`id`', '; rm -rf /', '| cat', '-i x',
    '--help', 'exec:id', 'concat:a|b', 'movie=/etc/passwd', '../../etc/passwd', '/etc/passwd', '..\\..\\x', '%2e%2e%2f',
    'file:///etc/passwd', '~/x', 'C:\\x', '<script>alert(1)</script>', "' or 1=1 --", 'a;b', 'a&b', 'a b  c', "a: 'b",
    'a: "b', '0,0,1,0,1,1', 'x,y', 'key: &x value', '[*a, *a]',
    "a" * 10_000, "\xe9" * 10_000,
]  # fmt: skip
BASE = """\
# head
cameras:
  cam:   # one
    url: 'rtsp://10.0.0.1/a'
    friendly_name: "Cam"  # two
    zones: {porch: {coordinates: "0,0,1,0,1,1"}}
    # tail
detect: {fps: 5}
"""
PLACES: list[tuple[str | int, ...]] = [
    ("cameras", "cam", "friendly_name"),
    ("cameras", "cam", "zones", "porch", "coordinates"),
    ("public_url",),
]


@pytest.mark.parametrize("value", CORPUS, ids=range(len(CORPUS)))
def test_any_text_is_read_back_as_itself_and_touches_one_key(value: str) -> None:
    before = read(BASE)
    for place in PLACES:
        after = read(edited(BASE, [Edit("set", place, value)]))
        assert value_at(after, place) == value
        assert without(after, place) == without(before, place)
    for whole in ([value, value], {"k": value}):
        after = read(edited(BASE, [Edit("set", ("new",), whole)]))  # type: ignore[arg-type]
        assert value_at(after, ("new",)) == whole


@pytest.mark.parametrize("name", CORPUS, ids=range(len(CORPUS)))
def test_any_name_is_a_key_of_its_own_or_is_refused(name: str) -> None:
    for edit in (
        Edit("set", ("rules", name, "labels"), "person"),
        Edit("rename", ("cameras", "cam", "zones", "porch"), name),
    ):
        made, error = tried(BASE, edit)
        assert "\n" not in error
        if made:
            at = ("rules", name) if edit.op == "set" else ("cameras", "cam", "zones", name)
            assert value_at(read(made), at) is not None
            assert sorted(plain_keys(made)) == sorted({*plain_keys(BASE), *(["rules"] if edit.op == "set" else [])})


@pytest.mark.parametrize("value", CORPUS, ids=range(len(CORPUS)))
def test_any_password_comes_back_from_the_secrets_file_as_it_was_typed(value: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    made, error = saved(site, Edit("set", ("cameras", "yard", "password"), value))
    assert "\n" not in error
    assert value == "" or len(value) < 4 or value not in error
    if made and "!secret" in made:
        secrets = read((site.path.parent / "secrets.yaml").read_bytes().decode())
        assert secrets == {"yard_password": value}
        assert sorted(one.name for one in site.path.parent.iterdir()) == ["redshank.yaml", "secrets.yaml"]


def nest(depth: int) -> Value:
    value: Value = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("inf"), float("nan"), 1e300, -1e16, 10**400, nest(21), nest(500), [[[[]]]] * 30_000, {"a": "x" * 10_001},
        {"<<": {"a": 1}},
        {"a\nb": 1}, {"": 1}, {"k" * 201: 1}, "\ud800", {"\ud800": 1}, object(), {"a": object()}, b"x",
    ],
    ids=range(18),
)  # fmt: skip
def test_what_is_too_much_or_no_value_at_all_is_refused(value: Value) -> None:
    with pytest.raises(ConfigError) as caught:
        edited(BASE, [Edit("set", ("public_url",), value)])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("a",) * 21,
        ("",),
        ("a\nb",),
        ("<<", "a"),
        ("cameras", -1),
        ("cameras", 0),
        ("cameras", "cam", "url", "x"),
        (True,),
    ],
)
def test_a_path_that_cannot_be_is_refused(path: tuple[str | int, ...]) -> None:
    for edit in (Edit("set", path, 1), Edit("rename", path, "x")):
        with pytest.raises(ConfigError):
            edited(BASE, [edit])


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    with pytest.raises(ConfigError, match="too many"):
        edited(bomb, [Edit("set", ("public_url",), "x")])
    with pytest.raises(ConfigError, match="too many"):
        edited("a: &a [*a]\n", [Edit("set", ("public_url",), "x")])


def test_a_file_of_anything_is_shown_and_saved_without_a_traceback(tmp_path: Path) -> None:
    good = 0
    for seed in range(100):
        text = damaged(random.Random(seed))
        folder = tmp_path / str(seed)
        site = Site(folder, text)
        shown = site.editor.read()
        assert "hunter2" not in shown.text
        made, error = saved(site, Edit("set", ("web", "port"), 9000))
        assert "\n" not in error
        good += bool(made)
    assert good > 20


def damaged(random_: random.Random) -> str:
    lines = FILE.splitlines(keepends=True)
    odd = ["[]", "{}", "null", "*nope", "!!python/object:x y", "&a [*a]", "'", "? [x]", "|", "{a: b}"]
    for _ in range(random_.randint(1, 3)):
        i = random_.randrange(len(lines))
        match random_.randrange(4):
            case 0:
                lines.insert(i, random_.choice(lines))
            case 1:
                lines[i] = " " * random_.randrange(6) + lines[i].lstrip()
            case 2:
                lines[i] = lines[i].split(":")[0] + ": " + random_.choice(odd) + "\n"
            case 3:
                lines[i] = lines[i].replace(random_.choice([":", " ", "#"]), random_.choice(["", ": ", "\t", "\r"]), 1)
    return "".join(lines)


def tried(text: str, edit: Edit) -> tuple[str, str]:
    """The text made, or the error."""
    try:
        return edited(text, [edit]), ""
    except ConfigError as error:
        return "", str(error)


def saved(site: Site, edit: Edit) -> tuple[str, str]:
    """The text of the file, or the error."""
    try:
        site.save(edit)
    except ConfigError as error:
        return "", str(error)
    return site.text, ""


def value_at(tree: Plain, path: tuple[str | int, ...]) -> Plain:
    for part in path:
        tree = tree[part] if isinstance(tree, list) else tree.get(part) if isinstance(tree, dict) else None  # type: ignore[index,arg-type]
    return tree


def without(tree: Plain, path: tuple[str | int, ...]) -> Plain:
    if not isinstance(tree, dict):
        return tree
    if len(path) == 1:
        return {key: one for key, one in tree.items() if key != path[0]}
    return {
        key: without(one, path[1:]) if key == path[0] else one
        for key, one in tree.items()
        if key != path[0] or without(one, path[1:])
    }


def plain_keys(text: str) -> list[str]:
    return list(plain(parse(text, "")[0]))  # type: ignore[arg-type]


def test_said_is_what_a_file_reads() -> None:
    assert said({"a": [1, 2.5, True, None, "x"]}) == {"a": ["1", "2.5", "true", None, "x"]}
