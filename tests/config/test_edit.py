"""Edits change what they say and not one other byte."""

from __future__ import annotations

import difflib

import pytest

from redshank.config.document import parse
from redshank.config.edit import Edit, Plain, edited, plain
from redshank.config.template import TEMPLATE
from redshank.config.yaml_text import Value
from redshank.errors import ConfigError


def changed(before: str, *edits: Edit) -> list[str]:
    """Lines taken away (`-…`) and put in (`+…`)."""
    after = edited(before, edits)
    lines = difflib.ndiff(before.splitlines(True), after.splitlines(True))
    return [line[0] + line[2:].rstrip("\n") for line in lines if line[0] in "-+"]


def set_to(value: Value, *path: str | int) -> Edit:
    return Edit("set", path, value)


def read(text: str) -> Plain:
    return plain(parse(text, "")[0])


LONG = "# A head\n\ncameras:\n" + "".join(
    f"""\
  # camera {i}: on the   wall
  cam-{i}:
    url:   'rtsp://10.0.0.{i}:554/main'     # odd   spacing stays
    friendly_name: "Camera \\u00e9 {i}"
    detect: {{fps: 5,   min_score: 0.5}}  # flow
    zones:
        porch: &z{i} {{coordinates: "0,0,1,0,1,1"}}

    motion: {{mask: {{clock: '0,0,0.3,0,0.3,0.06,0,0.06'}}}}
    # record: {{mode: motion}}
"""
    for i in range(34)
)


def test_one_change_in_a_long_commented_file_changes_that_line_only() -> None:
    assert len(LONG.splitlines()) > 300
    assert (
        changed(LONG, set_to(4, "cameras", "cam-7", "detect", "fps"))
        == [
            "-    detect: {fps: 5,   min_score: 0.5}  # flow",
            "+    detect: {fps: 4,   min_score: 0.5}  # flow",
        ][:2]
        or LONG.count("detect: {fps: 5") == 34
    )
    after = edited(LONG, [set_to(4, "cameras", "cam-7", "detect", "fps")])
    different = [(a, b) for a, b in zip(LONG.splitlines(), after.splitlines(), strict=True) if a != b]
    assert different == [
        ("    detect: {fps: 5,   min_score: 0.5}  # flow", "    detect: {fps: 4,   min_score: 0.5}  # flow")
    ]


def test_a_new_key_goes_behind_its_siblings_and_what_is_commented_out_there() -> None:
    after = edited(LONG, [set_to("Yard", "cameras", "cam-3", "location")])
    lines = after.splitlines()
    place = lines.index("    location: Yard")
    assert lines[place - 1] == "    # record: {mode: motion}"
    assert lines[place + 1] == "  # camera 4: on the   wall"
    assert after.replace("    location: Yard\n", "") == LONG


def test_windows_line_endings_stay() -> None:
    windows = LONG.replace("\n", "\r\n")
    after = edited(windows, [set_to("Yard", "cameras", "cam-3", "location"), set_to(1, "cameras", "cam-4", "order")])
    assert after.count("\n") == after.count("\r\n") == windows.count("\n") + 2


def test_a_tab_in_a_comment_and_a_byte_order_mark_stay() -> None:
    text = "\ufeff# a\ttab\nweb: # port\there\n  port: 8970 # the\tport\n"
    assert edited(text, [set_to(8971, "web", "port")]) == text.replace("8970", "8971")


def test_a_comment_beside_a_value_stays_in_its_column() -> None:
    assert changed(TEMPLATE, set_to(True, "cameras", "front-door", "enabled")) == [
        "-    enabled: false                   # <- true, once the address is right; then `redshank doctor` tries it",
        "+    enabled: true                    # <- true, once the address is right; then `redshank doctor` tries it",
    ]


def test_quotes_stay_as_they_were() -> None:
    text = "a: 'x'\nb: \"y\"\nc: z\n"
    assert (
        edited(text, [set_to("1'", "a"), set_to("2", "b"), set_to("3: 4", "c")]) == "a: '1'''\nb: \"2\"\nc: \"3: 4\"\n"
    )


def test_a_section_that_is_set_changes_only_the_keys_that_differ() -> None:
    zone: Value = {"coordinates": "0,0,1,0,1,1", "inertia": 5}
    door: Value = {"url": "rtsp://10.0.0.7:554/main", "friendly_name": "Camera é 7", "zones": {"porch": zone}}
    lines = changed(LONG, set_to(door, "cameras", "cam-7"))
    assert [one for one in lines if one[0] == "+"] == ['+        porch: &z7 {coordinates: "0,0,1,0,1,1", inertia: 5}']
    assert len(lines) == 4


@pytest.mark.parametrize(
    "text", ["", "# only a head", "# head\n", "cameras:\n", "cameras:   # none yet\n", "cameras: {}\n", "cameras: ~\n"]
)
def test_the_first_camera_goes_into_an_empty_place(text: str) -> None:
    after = edited(text, [set_to({"url": "rtsp://10.0.0.1/a"}, "cameras", "yard")])
    assert read(after) == {"cameras": {"yard": {"url": "rtsp://10.0.0.1/a"}}}
    assert after.startswith("".join(f"{line}\n" for line in text.splitlines() if "#" in line))


@pytest.mark.parametrize("edit", [set_to(5, "a"), Edit("remove", ("a",)), Edit("rename", ("a",), "c")])
def test_a_key_that_is_written_twice_is_refused(edit: Edit) -> None:
    with pytest.raises(ConfigError, match="written twice"):
        edited("a: 1\nb: 2\na: 3\n", [edit])


def test_what_is_written_elsewhere_by_an_alias_is_refused_but_may_be_overridden() -> None:
    text = "base: &b {fps: 5}\none: *b\ntwo: {<<: *b, x: 1}\n"
    with pytest.raises(ConfigError, match="alias"):
        edited(text, [set_to(4, "one", "fps")])
    with pytest.raises(ConfigError, match="cannot be changed alone"):
        edited(text, [set_to(4, "base", "fps")])
    with pytest.raises(ConfigError, match="base"):
        edited(text, [Edit("remove", ("base",))])
    assert edited(text, [set_to(4, "two", "fps")]) == text.replace("x: 1}", "x: 1, fps: 4}")


def test_hidden_values_are_left_as_they_are_and_never_written() -> None:
    text = "cameras:\n  a:\n    url: rtsp://me:hunter2@10.0.0.1/x\n    password: hunter2\n"
    shown: Value = {"url": "rtsp://***@10.0.0.1/x", "password": "***", "order": 1}
    assert edited(text, [set_to(shown, "cameras", "a")]) == text + "    order: 1\n"
    with pytest.raises(ConfigError, match="write the value out"):
        edited(text, [set_to("***", "cameras", "b", "password")])
    with pytest.raises(ConfigError, match="write the value out"):
        edited(text, [set_to("rtsp://***@evil.example/x", "cameras", "a", "url")])


def test_a_camera_keeps_its_name() -> None:
    with pytest.raises(ConfigError, match="friendly_name"):
        edited(LONG, [Edit("rename", ("cameras", "cam-1"), "cam-x")])


def test_a_renamed_zone_is_the_same_zone() -> None:
    after = edited(LONG, [Edit("rename", ("cameras", "cam-1", "zones", "porch"), "gate")])
    assert after == LONG.replace("porch: &z1 ", "gate: &z1 ")
    with pytest.raises(ConfigError, match="already"):
        edited("a: {b: 1, c: 2}", [Edit("rename", ("a", "b"), "c")])


def test_items_of_a_list_are_set_added_and_removed() -> None:
    text = "l:\n  - x: 1\n    y: 2  # two\n  - z   # zed\n"
    assert edited(text, [set_to(5, "l", 0, "y")]) == text.replace("y: 2", "y: 5")
    assert edited(text, [Edit("remove", ("l", 0))]) == "l:\n  - z   # zed\n"
    assert edited(text, [Edit("remove", ("l", 0, "x"))]) == "l:\n  - y: 2  # two\n  - z   # zed\n"
    assert edited(text, [set_to("end", "l", 2)]) == text + "  - end\n"
    assert read(edited(text, [Edit("remove", ("l", 0)), Edit("remove", ("l", 0))])) == {"l": []}
