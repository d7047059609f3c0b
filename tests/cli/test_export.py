"""`redshank export`, as typed, on a data folder with numbered footage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from redshank.archive import evidence
from redshank.cli.export import export
from redshank.clock import US_PER_S, SystemClock, rfc3339
from redshank.model import SITE, Alert, Verdict
from redshank.store import alerts, recordings, volumes
from redshank.store.base import Store
from redshank.store.volumes import VolumeRow
from redshank.volume import open_volume
from tests.cli.typed import typed
from tests.harness.clocks import FakeClock
from tests.playback.recording import NOON, Recording, numbered
from tests.playback.watching import watch


class Home:
    """A data folder with 20 s of yard/main, a configuration in Berlin, and a place for exports. Picture n is at NOON + n / 10 s."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.out = folder / "out"
        self.config = folder / "redshank.yaml"
        self.config.write_text("timezone: Europe/Berlin\ncameras: {}\n")
        self.volume = open_volume(self.data / "recordings", None, FakeClock(), SITE)
        self.store = Store(f"sqlite:///{self.data / 'redshank.db'}", SystemClock())
        row = VolumeRow(self.volume.id, str(self.volume.root), self.volume.opened)
        self.store.write(lambda conn: volumes.put(conn, row)).result()
        self.recording = Recording(self.volume.root)
        for segment in self.recording.add(numbered(20), NOON):
            mine = replace(segment, volume=self.volume.id)
            self.store.write(lambda conn: recordings.add(conn, mine)).result()  # noqa: B023

    def words(self, *more: str, start_s: float = 2, end_s: float = 9) -> list[str]:
        start, end = (rfc3339(NOON + round(s * US_PER_S)) for s in (start_s, end_s))
        return ["yard", "--from", start, "--to", end, *self.places, *more]

    @property
    def places(self) -> list[str]:
        return ["--config", str(self.config), "--data", str(self.data), "-o", str(self.out)]

    def close(self) -> None:
        self.store.close()
        self.volume.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.close()


def test_a_clip_has_camera_and_local_time_in_its_name(home: Home) -> None:
    said = json.loads(typed(export, *home.words("--json")).stdout)
    path = home.out / "yard_2025-11-21_13-00-02+0100.mp4"
    assert said["files"] == [{"file": str(path), "bytes": path.stat().st_size}]
    assert (said["clips"][0]["seconds"], said["clips"][0]["gaps"]) == (7.0, [])
    assert watch(path.read_bytes(), 7).numbers == list(range(20, 90))


def test_local_times_are_those_of_the_configuration(home: Home) -> None:
    found = typed(export, "yard", "--from", "2025-11-21 13:00:02", "--to", "2025-11-21T13:00:09", *home.places)
    assert found.exit_code == 0, found.output
    assert [one.name for one in home.out.iterdir()] == ["yard_2025-11-21_13-00-02+0100.mp4"]
    assert "7.0 s of footage" in found.stdout


def test_evidence_is_one_file_that_anyone_can_check(home: Home) -> None:
    found = typed(export, *home.words("--zip"))
    assert found.exit_code == 0, found.output
    verdict = evidence.verify(home.out / "yard_2025-11-21_13-00-02+0100.zip")
    assert verdict.problem == ""
    assert verdict.fingerprint == evidence.fingerprint(evidence.public_pem(evidence.signing_key(home.data)))
    secret = (home.data / evidence.KEY).read_text().splitlines()[1]
    assert secret not in found.output
    assert secret.encode() not in (home.out / "yard_2025-11-21_13-00-02+0100.zip").read_bytes()


def test_a_time_lapse_is_a_film(home: Home) -> None:
    found = typed(export, *home.words("--timelapse", "10x"))
    assert found.exit_code == 0, found.output
    assert [one.name for one in home.out.iterdir()] == ["yard_2025-11-21_13-00-02+0100_10x.mp4"]


def test_a_time_lapse_without_a_configuration_shows_nothing_private(home: Home) -> None:
    home.config.write_text("cameras: [\n")
    found = typed(export, *home.words("--timelapse", "10x"))
    assert found.exit_code == 2
    assert "privacy masks" in str(found.exception)
    assert not home.out.exists()


def test_an_alert_is_its_footage_with_some_seconds_around(home: Home) -> None:
    opened = NOON + 8 * US_PER_S
    verdict = Verdict("anyone", "yard", opened, True, ())
    alert = Alert(
        "0190-alert",
        "anyone",
        "yard",
        "closed",
        opened,
        opened,
        opened + 2 * US_PER_S,
        "person",
        0.9,
        None,
        (),
        (),
        "alert",
        verdict,
    )
    home.store.write(lambda conn: alerts.save(conn, alert)).result()
    said = json.loads(typed(export, "--alert", "0190-alert", "--json", *home.places).stdout)
    assert said["clips"][0]["seconds"] == 12.0


def test_a_named_file_is_called_so_and_is_never_replaced(home: Home, tmp_path: Path) -> None:
    words = home.words("-o", str(tmp_path / "thief.mp4"))
    assert typed(export, *words).exit_code == 0
    assert (tmp_path / "thief.mp4").exists()
    again = typed(export, *words)
    assert again.exit_code == 2
    assert "--force" in str(again.exception)
    assert typed(export, *words, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["yard"], "--from and --to"),
        (["yard", "--from", "12:00", "--to", "11:00"], "is not before"),
        (["yard", "--from", "2999-01-01 12:00", "--to", "2999-01-01 13:00"], "in the future"),
        (["yard", "--from", "2025-10-26 02:30", "--to", "now"], "happens twice"),
        (["garage", "--from", "2025-11-21 12:00", "--to", "now"], "recorded: yard/main"),
        (["--alert", "none"], "no such alert"),
        (["yard", "--alert", "none"], "leave CAMERA"),
        (["yard", "--timelapse", "fast"], "60x"),
        (["yard", "--timelapse", "60x", "--zip"], "no evidence"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: list[str], expected: str, home: Home) -> None:
    found = typed(export, *words, *home.places)
    assert found.exit_code == 2
    assert expected in str(found.exception)
    assert "\n" not in str(found.exception)


def test_a_time_without_footage_ends_with_1(home: Home) -> None:
    found = typed(export, *home.words(start_s=-90, end_s=-60))
    assert found.exit_code == 1
    assert "there is no footage" in found.stderr


def test_a_damaged_file_is_told_and_ends_with_1(home: Home) -> None:
    home.recording.file(home.recording.segments[1]).unlink()
    found = typed(export, *home.words())
    assert found.exit_code == 1
    assert f"damaged: {home.recording.segments[1].path}" in found.stdout
