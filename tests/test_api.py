"""`import redshank`: light, typed, and the same findings as the command."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import redshank
from redshank.errors import ConfigError, ModelError, SourceMissing, SourceUnusable
from redshank.model import Box, Detection
from tests.fakes import ScriptedDetector
from tests.harness.footage import Actor, Encoding, scene_clip

HEAVY = ("av", "numpy", "cv2", "onnxruntime", "sqlalchemy", "pydantic", "typer", "rich")


def walker(picture: NDArray[np.uint8]) -> list[Detection]:
    """Sees a person wherever the picture is the whole scene; enough to make a track."""
    return [Detection("person", 0.9, Box(0.4, 0.3, 0.5, 0.8))]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "walk.mp4"
    return scene_clip(path, 3, (Actor((0.2, 0.6), (0.8, 0.6), moves_s=3),), encoding=Encoding(fps=10))


@pytest.fixture
def detector() -> ScriptedDetector:
    return ScriptedDetector(walker, max_batch=8)


def test_importing_it_loads_nothing_heavy() -> None:
    code = f"import sys, redshank; print([name for name in {HEAVY!r} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_it_says_its_version_and_nothing_it_has_not() -> None:
    assert redshank.__version__ == version("redshank")
    with pytest.raises(AttributeError, match="nonsense"):
        vars(redshank)["__getattr__"]("nonsense")


def test_everything_it_promises_is_there() -> None:
    assert all(getattr(redshank, name) is not None for name in redshank.__all__)


def test_a_clip_gives_findings_in_five_lines(clip: Path, detector: ScriptedDetector) -> None:
    findings = list(redshank.analyse(clip, detector, labels=["person"], every_frame=True))
    assert findings
    assert {finding.event.label for finding in findings} == {"person"}
    assert all(0 <= finding.start_s <= finding.end_s <= 3.1 for finding in findings)
    assert findings[0].data["file"] == str(clip)


def test_a_path_may_be_text_and_a_folder(clip: Path, detector: ScriptedDetector) -> None:
    found = list(redshank.analyse(str(clip.parent), detector, labels="person", every_frame=True))
    assert {finding.path for finding in found} == {clip}


def test_a_zone_nobody_enters_finds_nothing(clip: Path, detector: ScriptedDetector) -> None:
    corner = {"corner": (0.9, 0.0, 1.0, 0.0, 1.0, 0.1, 0.9, 0.1)}
    assert list(redshank.analyse(clip, detector, zones=corner, every_frame=True)) == []


def test_a_zone_somebody_enters_is_named(clip: Path, detector: ScriptedDetector) -> None:
    floor = {"floor": (0.0, 0.5, 1.0, 0.5, 1.0, 1.0, 0.0, 1.0)}
    found = list(redshank.analyse(clip, detector, zones=floor, every_frame=True))
    assert found
    assert all(finding.event.zones == ("floor",) for finding in found)


def test_outputs_are_written_where_asked(clip: Path, detector: ScriptedDetector, tmp_path: Path) -> None:
    wanted = redshank.Wanted(
        every_frame=True, snapshots=tmp_path / "stills", annotate=str(tmp_path / "out.mp4"), mot=tmp_path / "mot.txt"
    )
    assert list(redshank.analyse(clip, detector, **wanted))
    assert list((tmp_path / "stills").glob("*.jpg"))
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert {len(line.split(",")) for line in (tmp_path / "mot.txt").read_text().splitlines()} == {10}


def test_a_detector_given_is_left_open(clip: Path, detector: ScriptedDetector) -> None:
    list(redshank.analyse(clip, detector))
    assert not detector.closed


def test_a_missing_file_is_told_at_the_call_not_at_the_first_finding(detector: ScriptedDetector) -> None:
    with pytest.raises(SourceMissing, match=r"nowhere\.mp4"):
        redshank.analyse("nowhere.mp4", detector)


def test_a_file_that_is_no_clip_is_one_clear_error(tmp_path: Path, detector: ScriptedDetector) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no film" * 100)
    with pytest.raises(SourceUnusable, match=r"broken\.mp4"):
        list(redshank.analyse(broken, detector))


def test_an_unknown_label_is_refused(clip: Path, detector: ScriptedDetector) -> None:
    with pytest.raises(ConfigError, match="unicorn"):
        list(redshank.analyse(clip, detector, labels=["unicorn"]))


def test_an_unknown_model_is_refused(clip: Path) -> None:
    with pytest.raises(ModelError, match="no-such-model"):
        list(redshank.analyse(clip, "no-such-model"))


def test_one_output_for_several_clips_is_refused(clip: Path, tmp_path: Path, detector: ScriptedDetector) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(clip.read_bytes())
    with pytest.raises(ConfigError, match="one clip"):
        redshank.analyse(tmp_path, detector, mot=tmp_path / "mot.txt")
