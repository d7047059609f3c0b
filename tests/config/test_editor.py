"""The file as the page edits it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from redshank.clock import US_PER_S
from redshank.config.edit import Edit
from redshank.config.editor import Change, Conflict, Editor
from redshank.errors import ConfigError
from tests.harness.clocks import FakeClock

NOON = 1_795_262_400 * US_PER_S
FILE = """\
# My site
cameras:
  yard:   # behind the house
    url: rtsp://10.0.0.9:554/live
    user: admin
    password: hunter2
detect:
  fps: 5     # enough
"""


class Site:
    """A configuration file and its editor."""

    def __init__(self, folder: Path, text: str | None = FILE, environ: Mapping[str, str] | None = None) -> None:
        self.path = folder / "etc" / "redshank.yaml"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            self.path.write_bytes(text.encode())
        self.clock = FakeClock(NOON)
        self.environ = {"TZ": "UTC", "HOME": str(folder), **(environ or {})}
        self.editor = Editor(self.path, self.environ, folder / "data", self.clock)

    @property
    def text(self) -> str:
        return self.path.read_bytes().decode()

    def save(self, *edits: Edit, who: str = "ann", note: str = "") -> None:
        self.clock.advance(1)
        self.editor.save(self.editor.version(), Change(edits=edits), who, note)


def fps(value: float) -> Edit:
    return Edit("set", ("detect", "fps"), value)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_one_key_is_saved_and_every_comment_stays(site: Site) -> None:
    site.save(fps(4))
    assert site.text == FILE.replace("fps: 5 ", "fps: 4 ")


def test_the_second_of_two_people_sees_who_was_first_and_changes_nothing(site: Site) -> None:
    version = site.editor.read().version
    site.save(fps(4), who="ann")
    with pytest.raises(ConfigError) as caught:
        site.editor.save(version, Change(edits=(fps(3),)), "bob")
    assert isinstance(caught.value, Conflict)
    assert (caught.value.who, caught.value.when) == ("ann", NOON + US_PER_S)
    assert caught.value.current == site.editor.version()
    assert "fps: 4" in site.text


def test_an_edit_by_hand_meanwhile_is_a_conflict_too(site: Site) -> None:
    version = site.editor.read().version
    site.path.write_text(FILE + "# by hand\n")
    with pytest.raises(Conflict) as caught:
        site.editor.save(version, Change(edits=(fps(3),)), "bob")
    assert caught.value.who == ""
    assert site.text == FILE + "# by hand\n"
