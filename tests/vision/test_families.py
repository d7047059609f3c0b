"""Each family on a graph made for the test: recognised from its outputs, and one known box comes back at its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from redshank.errors import ModelError
from redshank.vision.families import FAMILIES, Recipe, from_json, grid, to_json
from redshank.vision.inference import ModelDetector
from redshank.vision.models import load
from redshank.vision.onnx import OnnxRunner
from redshank.vision.recognise import Stated, recognise
from tests.vision.graphs import SIDE, write_model

CELLS = 8 * 8 + 4 * 4 + 2 * 2
BICYCLE = 1
NAMES = ("person", "bicycle", "car")
BOX = (16.0, 8.0, 32.0, 56.0)  # x1, y1, x2, y2 in pixels of the 64 px input
CENTRE = (24.0, 32.0, 16.0, 48.0)  # the same as centre and size
ULTRALYTICS = {"names": "{0: 'Person', 1: 'bicycle', 2: 'car'}"}


def rows(count: int, row: tuple[float, ...], at: int = 5) -> NDArray[np.float32]:
    """(1, count, n), empty but for one row."""
    table = np.zeros((1, count, len(row)), np.float32)
    table[0, at] = row
    return table


def yolox_raw() -> NDArray[np.float32]:
    table = np.full((1, CELLS, 8), -1.0, np.float32)
    table[..., 4:] = 0
    cells, strides = grid(SIDE, SIDE)
    at = 70  # a cell of stride 16
    centre, size = np.array(CENTRE[:2]), np.array(CENTRE[2:])
    table[0, at, :2] = centre / strides[at] - cells[at]
    table[0, at, 2:4] = np.log(size / strides[at])
    table[0, at, 4:] = (0.9, 0.1, 1.0, 0.0)
    return table


def logits(count: int, classes: int, best: int) -> NDArray[np.float32]:
    table = np.full((1, count, classes), -9.0, np.float32)
    table[0, 3, best] = 2.1972246  # sigmoid 0.9
    return table


UNIT_CENTRE = tuple(value / SIDE for value in CENTRE)
GRAPHS: Mapping[str, tuple[Mapping[str, NDArray[Any]], Mapping[str, str]]] = {
    "yolov5": ({"output0": rows(3 * CELLS, (*CENTRE, 0.9, 0.0, 1.0, 0.0))}, ULTRALYTICS),
    "yolov6": (
        {"outputs": rows(CELLS, (*CENTRE, 0.9, 0.0, 1.0, 0.0)) + 0.01},
        {**ULTRALYTICS, "description": "YOLOv6"},
    ),
    "yolov8": ({"output0": rows(CELLS, (*CENTRE, 0.0, 0.9, 0.0)).transpose(0, 2, 1)}, ULTRALYTICS),
    "yolov10": ({"output0": rows(30, (*BOX, 0.9, BICYCLE))}, ULTRALYTICS),
    "yolox": ({"output": yolox_raw()}, ULTRALYTICS),
    "rtdetr": ({"output0": rows(30, (*UNIT_CENTRE, 0.0, 0.9, 0.0))}, ULTRALYTICS),
    "rtdetr-logits": ({"logits": logits(30, 3, 1), "pred_boxes": rows(30, UNIT_CENTRE, 3)}, ULTRALYTICS),
    "rfdetr": ({"dets": rows(30, UNIT_CENTRE, 3), "labels": logits(30, 91, 2)}, {}),
    "dfine": (
        {
            "labels": np.full((1, 30), BICYCLE, np.int64),
            "boxes": rows(30, BOX, 3),
            "scores": rows(30, (0.9,), 3)[..., 0],
        },
        ULTRALYTICS,
    ),
    "ssd": (
        {
            "detection_boxes": rows(10, (BOX[1] / SIDE, BOX[0] / SIDE, BOX[3] / SIDE, BOX[2] / SIDE)),
            "detection_classes": np.full((1, 10), 2, np.float32),
            "detection_scores": rows(10, (0.9,))[..., 0],
        },
        {},
    ),
}


@pytest.mark.parametrize("family", GRAPHS)
def test_a_family_is_recognised_and_its_box_comes_back(family: str, tmp_path: Path) -> None:
    outputs, metadata = GRAPHS[family]
    model = write_model(tmp_path / "mine.onnx", outputs, metadata=metadata)
    detector = load(str(model), tmp_path, device="cpu")
    assert recognise(model, Stated()).family == family
    # Twice as wide as the input's side, half as high: the letterbox puts it at y 16–48 of the input, scaled by 0.5.
    found = detector.detect([np.zeros((64, 128, 3), np.uint8)], 0.5)[0]
    assert [d.label for d in found] == ["bicycle"]
    assert found[0].score == pytest.approx(0.9, abs=0.02)
    box = found[0].box
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((0.25, 0.0, 0.5, 1.0), abs=0.002)


def test_yolo_nas_is_recognised_but_its_colours_have_to_be_stated(tmp_path: Path) -> None:
    outputs = {"boxes": rows(CELLS, BOX), "classes": rows(CELLS, (0.0, 0.9, 0.0))}
    model = write_model(tmp_path / "nas.onnx", outputs, metadata=ULTRALYTICS)
    with pytest.raises(ModelError, match=r"nas.onnx is of family yolonas.*--input-range.*--bgr"):
        recognise(model, Stated())
    recipe = recognise(model, Stated(input_range="0-1", bgr=True))
    assert (recipe.family, recipe.bgr, recipe.input_range) == ("yolonas", True, "0-1")
    session = load_with(model, recipe)
    assert [d.label for d in session.detect([np.zeros((64, 64, 3), np.uint8)], 0.5)[0]] == ["bicycle"]


def test_flat_yolo_nas_reads_only_rows_of_its_picture(tmp_path: Path) -> None:
    flat = np.array([[0, *BOX, 0.9, BICYCLE], [1, *BOX, 0.8, 0]], np.float32)
    model = write_model(tmp_path / "flat.onnx", {"predictions": flat}, dtype="uint8", metadata=ULTRALYTICS)
    recipe = recognise(model, Stated(bgr=True))
    assert recipe.input_range == "0-255"
    found = load_with(model, recipe).detect([np.zeros((64, 64, 3), np.uint8)], 0.5)[0]
    assert [(d.label, round(d.score, 2)) for d in found] == [("bicycle", 0.9)]


def test_decoded_rows_that_two_families_write_are_refused_until_one_is_stated(tmp_path: Path) -> None:
    model = write_model(tmp_path / "two.onnx", {"output": GRAPHS["yolov6"][0]["outputs"]}, metadata=ULTRALYTICS)
    with pytest.raises(ModelError, match="state --family yolov6 or yolox-decoded"):
        recognise(model, Stated())
    recipe = recognise(model, Stated(family="yolox-decoded"))
    assert (recipe.input_range, recipe.bgr) == ("0-255", True)


def test_six_columns_are_two_families_until_the_class_names_settle_it(tmp_path: Path) -> None:
    outputs = {"output0": rows(30, (*BOX, 0.9, 1.0))}
    bare = write_model(tmp_path / "bare.onnx", outputs)
    with pytest.raises(ModelError, match="--family rtdetr or yolov10"):
        recognise(bare, Stated())
    assert recognise(bare, Stated(family="yolov10", labels=NAMES)).labels == NAMES
    named = write_model(tmp_path / "named.onnx", outputs, metadata=ULTRALYTICS)
    assert recognise(named, Stated()).family == "yolov10"


def test_a_graph_that_is_no_detector_is_refused_with_its_shapes(tmp_path: Path) -> None:
    model = write_model(tmp_path / "classifier.onnx", {"probabilities": np.zeros((1, 1000), np.float32)})
    with pytest.raises(ModelError, match=r"classifier.onnx is no detector we know.*probabilities\[1, 1000\]"):
        recognise(model, Stated())


def test_unknown_classes_need_names(tmp_path: Path) -> None:
    model = write_model(tmp_path / "anon.onnx", {"output0": rows(CELLS, (*CENTRE, 0.0, 0.9, 0.0)).transpose(0, 2, 1)})
    with pytest.raises(ModelError, match=r"3 classes and 0 names: state --labels"):
        recognise(model, Stated())
    assert recognise(model, Stated(labels=NAMES)).labels == NAMES


def test_a_stated_family_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "eight.onnx", GRAPHS["yolov8"][0], metadata=ULTRALYTICS)
    with pytest.raises(ModelError, match=r"eight\.onnx cannot be read as yolov5"):
        recognise(model, Stated(family="yolov5"))
    with pytest.raises(ModelError, match="unknown family 'yolov99'"):
        recognise(model, Stated(family="yolov99"))


def test_only_families_shown_on_real_weights_are_called_proven() -> None:
    assert [name for name, family in FAMILIES.items() if family.proven] == ["darknet"]


def test_a_recipe_survives_its_json() -> None:
    recipe = Recipe("yolov8", NAMES, 640, 480, "0-1", False, batches=True, outputs=("output0",))
    assert from_json(to_json(recipe)) == recipe
    with pytest.raises(ModelError, match="add the model again"):
        from_json({**to_json(recipe), "added_later": 1})


class Listening:
    """A runner that keeps what it was fed."""

    device, threads, max_batch, flexible = "fake", 1, 1, True

    def __init__(self) -> None:
        self.fed: dict[str, NDArray[Any]] = {}

    def __call__(self, feed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        self.fed = {name: value.copy() for name, value in feed.items()}
        return [np.zeros((1, 0, 8), np.float32)]

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("input_range", "bgr", "first_channel", "last_channel"),
    [
        ("0-255", True, 51.0, 204.0),
        ("0-255", False, 204.0, 51.0),
        ("0-1", False, 0.8, 0.2),
        ("imagenet", False, (0.8 - 0.485) / 0.229, (0.2 - 0.406) / 0.225),
        ("imagenet", True, (0.2 - 0.406) / 0.225, (0.8 - 0.485) / 0.229),
    ],
)
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_pixels_reach_the_model_in_its_range_order_and_layout(
    input_range: Any, bgr: bool, first_channel: float, last_channel: float, layout: Any
) -> None:
    runner = Listening()
    recipe = Recipe("yolov5", NAMES, 64, 64, input_range, bgr, layout=layout)
    ModelDetector("m", recipe, runner).detect([np.full((32, 32, 3), (51, 102, 204), np.uint8)], 0.5)
    fed = runner.fed["images"]
    assert fed.shape == ((1, 3, 64, 64) if layout == "nchw" else (1, 64, 64, 3))
    planes = fed[0] if layout == "nchw" else fed[0].transpose(2, 0, 1)
    assert planes[0] == pytest.approx(first_channel, abs=1e-4)
    assert planes[2] == pytest.approx(last_channel, abs=1e-4)


@pytest.mark.parametrize(
    ("picture", "shape"),
    [((720, 1280), (256, 416)), ((1280, 720), (416, 256)), ((64, 64), (416, 416)), ((1, 900), (32, 416))],
)
def test_a_flexible_input_is_cut_down_to_what_the_picture_needs(
    picture: tuple[int, int], shape: tuple[int, int]
) -> None:
    runner = Listening()
    ModelDetector("m", Recipe("yolov5", NAMES, 416, 416, "0-255", True, flexible=True), runner).detect(
        [np.zeros((*picture, 3), np.uint8)], 0.5
    )
    assert runner.fed["images"].shape == (1, 3, *shape)


def test_what_is_not_a_picture_is_an_error_of_ours() -> None:
    detector = ModelDetector("m", Recipe("yolov5", NAMES, 64, 64, "0-1", True), Listening())
    for wrong in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)):
        with pytest.raises(ModelError, match="not a BGR picture"):
            detector.detect([wrong], 0.5)  # type: ignore[list-item]


def load_with(path: Path, recipe: Recipe) -> ModelDetector:
    from redshank.vision.onnx import open_session

    return ModelDetector("m", recipe, OnnxRunner(open_session(path, "cpu", 1), "cpu", 1, recipe.outputs))
