"""The contract of a detector on every implementation that can run here, with the default model on its sample picture.

A machine without the network and without the model in its store skips, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from redshank.errors import ModelError
from redshank.geometry import iou
from redshank.vision.detect import Detector
from redshank.vision.models import DEFAULT, Stored, default_store, load, pull
from redshank.vision.openvino import installed
from redshank.vision.picture import Pixels
from redshank.vision.trial import read_picture

SCORE_TOLERANCE = 0.05
IOU_TOLERANCE = 0.9


@pytest.fixture(scope="module")
def model() -> Stored:
    try:
        return pull(DEFAULT, default_store())
    except ModelError as error:
        pytest.skip(f"the default model is not to be had: {error}")


@pytest.fixture(scope="module", params=["cpu", "openvino"])
def detector(request: pytest.FixtureRequest, model: Stored) -> Iterator[Detector]:
    if request.param == "openvino" and not installed():
        pytest.skip("the package openvino is not installed")
    made = load(DEFAULT, default_store(), request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def street(model: Stored) -> Pixels:
    return read_picture(model.sample)


def test_it_names_the_model_and_its_labels(detector: Detector, model: Stored) -> None:
    assert detector.model_id == f"yolov4-tiny@{model.sha256[:12]}"
    assert len(detector.labels) == 80
    assert {"person", "dog", "motorcycle", "tv"} <= set(detector.labels)
    assert detector.input_size == (416, 416)
    assert detector.max_batch == 1


def test_a_known_picture_gives_its_classes_best_first(detector: Detector, street: Pixels) -> None:
    found = detector.detect([street], 0.3)[0]
    assert sorted(d.label for d in found) == ["bus", "person", "person"]
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)
    assert found[0].label == "person"
    assert found[0].score > 0.9
    for each in found:
        assert 0 <= each.box.x1 < each.box.x2 <= 1
        assert 0 <= each.box.y1 < each.box.y2 <= 1


def test_a_higher_floor_gives_a_part_of_the_same(detector: Detector, street: Pixels) -> None:
    low, high = detector.detect([street], 0.1)[0], detector.detect([street], 0.7)[0]
    assert high == [d for d in low if d.score > 0.7]
    assert len(high) == 2


def test_boxes_do_not_depend_on_the_size_of_the_picture(detector: Detector, street: Pixels) -> None:
    whole, twice = (
        detector.detect([street], 0.3)[0],
        detector.detect([np.repeat(np.repeat(street, 2, 0), 2, 1)], 0.3)[0],
    )
    assert [d.label for d in whole] == [d.label for d in twice]
    assert all(iou(a.box, b.box) > 0.9 for a, b in zip(whole, twice, strict=True))


def test_an_empty_scene_and_no_picture_give_nothing(detector: Detector) -> None:
    assert detector.detect([np.full((480, 640, 3), 120, np.uint8)], 0.3) == [[]]
    assert detector.detect([], 0.3) == []


def test_more_pictures_than_the_device_takes_are_refused(detector: Detector, street: Pixels) -> None:
    with pytest.raises(ModelError, match="2 pictures at once"):
        detector.detect([street, street], 0.3)


def test_cpu_and_openvino_see_the_same_within_tolerance(model: Stored, street: Pixels) -> None:
    if not installed():
        pytest.skip("the package openvino is not installed")
    pictures = [street, street[:, ::-1].copy(), street[300:900, 100:700].copy(), street // 3]
    onnx, openvino = (load(DEFAULT, default_store(), device) for device in ("cpu", "openvino"))
    for picture in pictures:
        (a,), (b,) = onnx.detect([picture], 0.3), openvino.detect([picture], 0.3)
        clear = [d for d in a if d.score > 0.3 + SCORE_TOLERANCE]
        assert clear
        for each in clear:
            twin = max(b, key=lambda other, each=each: (other.label == each.label) * iou(other.box, each.box))  # type: ignore[misc]
            assert twin.label == each.label
            assert iou(twin.box, each.box) > IOU_TOLERANCE
            assert twin.score == pytest.approx(each.score, abs=SCORE_TOLERANCE)
        assert len([d for d in b if d.score > 0.3 + 2 * SCORE_TOLERANCE]) <= len(a)
