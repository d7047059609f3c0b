"""What `redshank init` writes: right as it is, and right with its commented parts put to use."""

from __future__ import annotations

import re
from pathlib import Path

from redshank.config.record import Record
from redshank.config.template import TEMPLATE
from tests.config.writing import loaded


def test_the_template_has_nothing_wrong_in_it(tmp_path: Path) -> None:
    result = loaded(tmp_path, TEMPLATE)
    assert result.problems == ()
    assert list(result.config.cameras) == ["front-door"]


def test_the_commented_lines_about_recording_say_what_is_so_without_them(tmp_path: Path) -> None:
    (block,) = re.findall(r"^(# record:.*\n(?:#.*\n)+)", TEMPLATE, re.MULTILINE)
    result = loaded(tmp_path, re.sub("^# ", "", block, flags=re.MULTILINE))
    assert result.problems == ()
    assert result.config.record == Record()
    assert str(result.config.storage.volumes["default"].path) == "/mnt/video"


def test_the_commented_lines_of_a_camera_may_be_used(tmp_path: Path) -> None:
    used = TEMPLATE.replace("    # record: {", "    record: {")
    assert used != TEMPLATE
    result = loaded(tmp_path, used)
    assert result.problems == ()
    record = result.config.cameras["front-door"].record
    assert (record.mode, record.pre_capture, record.quota) == ("motion", 10.0, 500_000_000_000)


def test_the_commented_schedule_is_one(tmp_path: Path) -> None:
    (schedule,) = re.findall(r"# (schedule: \[.*?\])", TEMPLATE)
    result = loaded(tmp_path, f"record: {{{schedule}}}\n")
    assert result.problems == ()
    assert len(result.config.record.schedule) == 2
