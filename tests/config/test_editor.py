"""The file as the page edits it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from redshank.apply import Applied, difference
from redshank.clock import US_PER_S
from redshank.config.edit import Edit
from redshank.config.editor import HEAD, Change, Conflict, Editor, Unfit, Unknown
from redshank.config.load import load
from redshank.config.secret import Secret
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


def password(value: object, camera: str = "yard") -> Edit:
    return Edit("set", ("cameras", camera, "password"), value)  # type: ignore[arg-type]


def test_a_new_password_goes_to_the_secrets_file_and_its_name_into_the_configuration(site: Site) -> None:
    site.save(password("n3w: #secret'\n\"x"))
    assert "password: !secret yard_password\n" in site.text
    secrets = site.path.parent / "secrets.yaml"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    camera = load(site.path, site.environ).config.cameras["yard"]
    assert camera.streams["main"].password == Secret("n3w: #secret'\n\"x")
    site.save(password("another"))
    assert "password: !secret yard_password_2\n" in site.text
    assert "n3w" in secrets.read_text()
    assert "another" not in site.text + "".join(str(one.path.read_bytes()) for one in site.editor.kept())


def test_a_password_that_was_in_the_file_stays_there_when_something_else_changes(site: Site) -> None:
    site.save(fps(1), password("***"), Edit("set", ("cameras", "yard", "order"), 3))
    assert "password: hunter2\n" in site.text
    assert not (site.path.parent / "secrets.yaml").exists()


def test_a_login_typed_into_an_address_gets_fields_of_its_own(site: Site) -> None:
    site.save(Edit("set", ("cameras", "door", "streams", "main", "url"), "rtsp://ann:p%40ss@10.0.0.4:554/x"))
    stream = load(site.path, site.environ).config.cameras["door"].streams["main"]
    assert (stream.url, stream.user, stream.password) == ("rtsp://10.0.0.4:554/x", "ann", Secret("p@ss"))
    assert "p@ss" not in site.text
    assert "p%40ss" not in site.text


def test_references_to_secrets_are_written_as_they_are(site: Site) -> None:
    site.path.parent.joinpath("pw").write_text("x")
    for value in ("${NOT_SET:-x}", "file:pw"):
        site.save(password(value))
        assert not (site.path.parent / "secrets.yaml").exists()
    assert site.editor.read().values["cameras"]["yard"]["streams"]["main"]["password"] == "file:pw"


def test_a_crash_between_the_writes_leaves_a_secret_that_nothing_names(site: Site) -> None:
    """The configuration cannot be renamed into place: a folder has its temporary name."""
    (site.path.parent / ".redshank.yaml.part").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        site.save(password("n3w"))
    assert site.text == FILE
    assert "n3w" in (site.path.parent / "secrets.yaml").read_text()
    assert load(site.path, site.environ).problems == ()
    (site.path.parent / ".redshank.yaml.part").rmdir()
    site.save(password("n3w"))
    assert "!secret yard_password\n" in site.text


def test_a_secret_of_the_text_comes_back_hidden_and_cannot_be_moved(site: Site) -> None:
    shown = site.editor.read().text
    assert 'password: "***"' in shown
    assert "hunter2" not in shown
    back = Change(text=shown.replace("# behind the house", "# in front"))
    site.editor.save(site.editor.version(), back, "ann")
    assert site.text == FILE.replace("# behind the house", "# in front")
    moved = Change(text=shown + 'bus: {url: memory, password: "***"}\n')
    with pytest.raises(ConfigError, match="written out"):
        site.editor.save(site.editor.version(), moved, "ann")


def test_no_secret_is_shown_of_a_file_that_is_no_yaml(tmp_path: Path) -> None:
    site = Site(tmp_path, FILE + "\tbroken: [\n# password: canary3\nurl: rtsp://a:canary2@h/x\n")
    now = site.editor.read()
    assert not any(canary in now.text for canary in ("hunter2", "canary2"))
    assert now.values == {}
    assert [(one.where.line, one.expected) for one in now.problems] == [(9, "a tab: indent with spaces")]
    fixed = Change(text=now.text.replace("\tbroken: [\n", "").replace("url: rtsp://***@h/x\n", ""))
    site.editor.save(now.version, fixed, "ann")
    assert site.text == FILE + "# password: canary3\n"


def test_a_hidden_secret_is_in_no_comment(tmp_path: Path) -> None:
    site = Site(tmp_path, FILE + "# was rtsp://a:canary@10.0.0.1/x token=canary\n")
    assert "canary" not in site.editor.read().text
    site.save(fps(1))
    assert "rtsp://a:canary@" in site.text


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize(
    "line",
    [
        "# password: canary", "  # smtp_password = 'canary'", '# "bot_token": "canary canary"', "x: 1 # pwd=canary", "# API-KEY:canary",
        "#   passwd : canary # canary", "# Secret_2: |\n#   nothing",
    ],
)  # fmt: skip
def test_a_secret_in_a_comment_is_not_shown(tmp_path: Path, line: str, broken: bool) -> None:
    site = Site(tmp_path, FILE + line + "\n" + ("\tbroken: [\n" if broken else ""))
    shown = site.editor.read().text
    assert "canary" not in shown
    assert len(shown.splitlines()) == len(site.text.splitlines())
    if not broken:
        site.editor.save(site.editor.version(), Change(text=shown.replace("fps: 5", "fps: 4")), "ann")
        assert site.text == FILE.replace("fps: 5", "fps: 4") + line + "\n"


@pytest.mark.parametrize(
    "lines",
    [
        "smtp_password: canary", "bot_token: 'canary'", "a: {password: canary, b: 1}", "password: |\n  canary\n\n  canary",
        "- password: >-\n    canary\n  user: me", "password:\n  canary", "api-key : canary",
    ],
)  # fmt: skip
def test_a_secret_in_what_is_no_yaml_is_not_shown(tmp_path: Path, lines: str) -> None:
    shown = Site(tmp_path, FILE + lines + "\n\tbroken: [\n").editor.read().text
    assert "canary" not in shown
    assert shown.count("\n") == (FILE + lines + "\n\tbroken: [\n").count("\n")
    assert ("user: me" in shown) == ("user: me" in lines)


TWO = """\
cameras:
  a:
    url: rtsp://10.0.0.1/
    password: secretA
  b:
    url: rtsp://10.0.0.2/
    password: secretB
"""


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('  a:\n    url: rtsp://10.0.0.1/\n    password: "***"\n  b:\n    url: rtsp://10.0.0.2/', "  b:\n    url: rtsp://10.0.0.9/"),
        ("  a:\n    url: rtsp://10.0.0.1/", "  c:\n    url: rtsp://6.6.6.6/"),
        ("    url: rtsp://10.0.0.1/\n    password", "    url: rtsp://10.0.0.1/\n    friendly_name: x\n  c:\n    password"),
    ],
)  # fmt: skip
def test_a_hidden_secret_is_given_to_nobody_else(tmp_path: Path, was: str, now: str) -> None:
    site = Site(tmp_path, TWO)
    shown = site.editor.read().text
    assert was in shown
    with pytest.raises(ConfigError, match=r"type the secret again|written out"):
        site.editor.save(site.editor.version(), Change(text=shown.replace(was, now)), "ann")
    assert site.text == TWO


def test_a_hidden_block_does_not_become_a_name(tmp_path: Path) -> None:
    text = "cameras:\n  a:\n    url: rtsp://10.0.0.1/\n    password: |-\n      secretA\n"
    site = Site(tmp_path, text)
    shown = site.editor.read().text
    moved = shown.replace("password: |", "friendly_name: |")
    assert moved != shown
    with pytest.raises(ConfigError, match="type the secret again"):
        site.editor.save(site.editor.version(), Change(text=moved), "ann")


def test_mistakes_that_were_there_before_do_not_stop_an_edit_but_new_ones_do(tmp_path: Path) -> None:
    site = Site(tmp_path, FILE + "  width: nonsense\nodd: 1\n")
    site.save(fps(4))
    assert "fps: 4" in site.text
    with pytest.raises(Unfit) as caught:
        site.save(Edit("set", ("rules", "r"), {"cameras": "gone"}))
    assert [one.where.key for one in caught.value.problems] == ["rules.r.cameras"]
    assert "rules" not in site.text


def test_what_the_environment_sets_is_locked(tmp_path: Path) -> None:
    site = Site(tmp_path, environ={"REDSHANK__CAMERAS__YARD__ENABLED": "true"})
    with pytest.raises(ConfigError, match=r"\$REDSHANK__CAMERAS__YARD__ENABLED"):
        site.save(Edit("set", ("cameras", "yard", "enabled"), False))
    site.save(Edit("set", ("cameras", "yard", "order"), 1))
    assert site.editor.read().locked == ("cameras.yard.enabled",)


def test_the_first_save_writes_a_head_and_makes_the_folder(tmp_path: Path) -> None:
    site = Site(tmp_path, None)
    assert site.editor.read().version == ""
    site.save(Edit("set", ("cameras", "door", "url"), "rtsp://10.0.0.1/x"))
    assert site.text == f"{HEAD}cameras:\n  door:\n    url: rtsp://10.0.0.1/x\n"
    assert stat.S_IMODE(site.path.stat().st_mode) == 0o600


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    site = Site(tmp_path, None)
    real = tmp_path / "real.yaml"
    real.write_text(FILE)
    site.path.symlink_to(real)
    site.save(fps(2))
    assert site.path.is_symlink()
    assert "fps: 2" in real.read_text()


def test_a_file_that_is_not_utf8_is_refused_in_one_line(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.path.write_bytes(FILE.encode() + b"# \xff\n")
    with pytest.raises(ConfigError, match="UTF-8") as caught:
        site.editor.read()
    assert "\n" not in str(caught.value)


def test_every_configuration_that_was_in_use_is_kept_and_comes_back(site: Site) -> None:
    first = site.editor.version()
    for i in range(1, 4):
        site.save(fps(i), who="bob", note=f"try {i}")
    kept = list(site.editor.kept())
    assert [(one.who, one.note, one.lines) for one in kept[:3]] == [("bob", f"try {i}", 1) for i in (3, 2, 1)]
    assert kept[-1].version == first
    assert {stat.S_IMODE(one.path.stat().st_mode) for one in kept} == {0o600}
    text, diff = site.editor.earlier(first)
    assert "+  fps: 5     # enough" in diff
    assert "hunter2" not in text
    site.clock.advance(1)
    site.editor.restore(first, site.editor.version(), "ann")
    assert site.text == FILE
    with pytest.raises(Unknown):
        site.editor.restore("0" * 64, site.editor.version(), "ann")


def test_of_many_who_save_at_once_one_wins_and_the_file_is_whole(site: Site) -> None:
    version = site.editor.version()

    def save(i: int) -> str:
        try:
            site.editor.save(version, Change(edits=(fps(i),)), f"u{i}")
        except Conflict as error:
            return error.who
        return ""

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(save, range(10, 30)))
    winner = told.index("") + 10
    assert sorted(told) == ["", *[f"u{winner}"] * 19]
    assert site.text == FILE.replace("fps: 5 ", f"fps: {winner}")


async def test_after_a_save_the_running_site_takes_the_file_and_says_what_waits(tmp_path: Path) -> None:
    done = Applied(("detect.fps",), ("web.port",))

    async def reload() -> Applied:
        return done

    site = Site(tmp_path)
    editor = Editor(site.path, site.environ, tmp_path / "data", site.clock, difference, reload)
    change = Change(edits=(fps(4), Edit("set", ("web", "port"), 9000)))
    found = await asyncio.to_thread(editor.check, change)
    assert (found.live, found.restart) == (("detect.fps",), ("web.port",))
    assert await editor.apply() == done
    assert (await asyncio.to_thread(editor.read)).pending == ("web.port",)
