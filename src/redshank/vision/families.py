"""How each family of detectors is fed and read: input scale, colour order, and its outputs to boxes. Pure.

A `Recipe` says all there is to know about one model file beside its weights; it is stored as JSON next to the file. Each decoder takes
the outputs of one run and the index of a picture in it and returns candidates in the input's pixels; `suppress` comes after
where the family wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from redshank.errors import ModelError

Floats = NDArray[np.float32]
InputRange = Literal["0-1", "0-255", "imagenet"]
INPUT_RANGES: tuple[InputRange, ...] = ("0-1", "0-255", "imagenet")


@dataclass(frozen=True, slots=True)
class YoloHead:
    """One raw Darknet head."""

    anchors: tuple[tuple[float, float], ...]
    """Width and height in the input's pixels."""
    scale_xy: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to feed and read one model."""

    family: str
    labels: tuple[str, ...]
    """By class number; an empty name means drop it."""
    width: int
    height: int
    input_range: InputRange
    bgr: bool
    layout: Literal["nchw", "nhwc"] = "nchw"
    dtype: Literal["float32", "float16", "uint8"] = "float32"
    flexible: bool = False
    """Height and width are free, in multiples of 32."""
    batches: bool = False
    """The number of pictures is free."""
    input: str = "images"
    size_input: str = ""
    """RT-DETR and D-FINE exports also want the picture's size here."""
    outputs: tuple[str, ...] = ()
    """In the order the decoder takes them."""
    heads: tuple[YoloHead, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes x1, y1, x2, y2 in the input's pixels (n, 4), scores (n,), class numbers (n,)."""

    boxes: Floats
    scores: Floats
    classes: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Looked:
    """One run of a model: its outputs by the recipe's order, and the size of the input."""

    outputs: Sequence[NDArray[Any]]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Family:
    """What all models of a family share."""

    decode: Callable[[Looked, int, Recipe, float], Candidates]
    input_range: InputRange | None
    bgr: bool | None
    """None: exports differ, the user has to say."""
    suppress: bool = True
    proven: bool = False
    """Shown on a real model's weights, not only on a graph made for the test."""


def to_json(recipe: Recipe) -> dict[str, Any]:
    return asdict(recipe)


def from_json(data: Mapping[str, Any]) -> Recipe:
    """Raises ModelError when a field is missing or unknown: the file was written by another version."""
    try:
        heads = tuple(YoloHead(tuple((w, h) for w, h in head["anchors"]), head["scale_xy"]) for head in data["heads"])
        fields = {**data, "labels": tuple(data["labels"]), "outputs": tuple(data["outputs"]), "heads": heads}
        return Recipe(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the model's description does not fit this version of redshank ({error}): add the model again"
        ) from error


def decode_darknet(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """Raw heads: (x, y, w, h, objectness, classes…) logits for each anchor and cell. Only cells above the floor are decoded.

    Formula: AlexeyAB/darknet src/yolo_layer.c (get_yolo_box, scale_x_y).
    """
    found = [
        _decode_head(output[index].astype(np.float32, copy=False), head, looked, floor)
        for output, head in zip(looked.outputs, recipe.heads, strict=True)
    ]
    return Candidates(
        np.concatenate([c.boxes for c in found]),
        np.concatenate([c.scores for c in found]),
        np.concatenate([c.classes for c in found]),
    )


def _decode_head(output: Floats, head: YoloHead, looked: Looked, floor: float) -> Candidates:
    """`output` is (anchors·(5 + classes), rows, columns)."""
    _, rows, columns = output.shape
    cells = output.reshape(len(head.anchors), -1, rows, columns)
    which, row, column = np.nonzero(cells[:, 4] > _logit(floor))
    raw = cells[which, :, row, column]
    scores = _sigmoid(raw[:, 5:]) * _sigmoid(raw[:, 4:5])
    xy = _sigmoid(raw[:, :2]) * head.scale_xy - (head.scale_xy - 1) / 2
    cell = np.array([looked.width / columns, looked.height / rows], np.float32)
    centres = (xy + np.stack([column, row], axis=1)) * cell
    sizes = np.exp(np.minimum(raw[:, 2:4], 20)) * np.array(head.anchors, np.float32)[which]
    return _best_class(_corners(centres, sizes), scores, floor)


def decode_yolov5(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """(rows, 5 + classes): centre and size in pixels, objectness and classes as probabilities."""
    rows = looked.outputs[0][index]
    rows = rows[rows[:, 4] > floor]
    return _best_class(_corners(rows[:, :2], rows[:, 2:4]), rows[:, 5:] * rows[:, 4:5], floor)


def decode_yolox(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """As YOLOv5, but centres in cells and sizes as logarithms of cells, strides 8, 16, 32 (Megvii YOLOX, demo_postprocess)."""
    rows = looked.outputs[0][index]
    cells, strides = grid(looked.width, looked.height)
    wanted = rows[:, 4] > floor
    rows, cells, strides = rows[wanted], cells[wanted], strides[wanted]
    boxes = _corners((rows[:, :2] + cells) * strides, np.exp(np.minimum(rows[:, 2:4], 20)) * strides)
    return _best_class(boxes, rows[:, 5:] * rows[:, 4:5], floor)


def decode_yolov8(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """(4 + classes, cells): centre and size in pixels, classes as probabilities. YOLOv8, v9, 11, 12."""
    columns = looked.outputs[0][index]
    wanted = columns[4:].max(axis=0) > floor
    rows = columns[:, wanted].T
    return _best_class(_corners(rows[:, :2], rows[:, 2:4]), rows[:, 4:], floor)


def decode_yolov10(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """(rows, 6): corners in pixels, score, class. YOLOv10 and exports with suppression inside."""
    rows = looked.outputs[0][index]
    rows = rows[rows[:, 4] > floor]
    return Candidates(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp))


def decode_yolonas(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """Corners in pixels (rows, 4) and class probabilities (rows, classes)."""
    boxes, scores = (output[index] for output in looked.outputs)
    wanted = scores.max(axis=1) > floor
    return _best_class(boxes[wanted], scores[wanted], floor)


def decode_yolonas_flat(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """(found, 7) for the whole batch: picture, corners in pixels, score, class."""
    rows = looked.outputs[0]
    rows = rows[(rows[:, 0] == index) & (rows[:, 5] > floor)]
    return Candidates(rows[:, 1:5], rows[:, 5], rows[:, 6].astype(np.intp))


def decode_detr(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """(queries, 4 + classes): centre and size as 0–1 of the input, classes as probabilities. RT-DETR as Ultralytics exports it."""
    rows = looked.outputs[0][index]
    return _relative(rows[:, :4], rows[:, 4:], looked, floor)


def decode_detr_logits(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """Boxes (queries, 4) as 0–1 of the input and class logits (queries, classes). RF-DETR; RT-DETR and D-FINE of Transformers."""
    boxes, logits = (output[index] for output in looked.outputs)
    return _relative(boxes, _sigmoid(logits), looked, floor)


def decode_detr_done(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """Labels, boxes (corners in pixels of the size we gave: the input's) and scores. RT-DETR's and D-FINE's own exports."""
    labels, boxes, scores = (output[index] for output in looked.outputs)
    wanted = scores > floor
    return Candidates(boxes[wanted], scores[wanted], labels[wanted].astype(np.intp))


def decode_ssd(looked: Looked, index: int, recipe: Recipe, floor: float) -> Candidates:
    """TensorFlow's object detection API: boxes (rows, 4) as top, left, bottom, right in 0–1, classes counted from 1, scores."""
    boxes, classes, scores = (output[index] for output in looked.outputs)
    wanted = scores > floor
    size = np.array([looked.width, looked.height] * 2, np.float32)
    return Candidates(boxes[wanted][:, [1, 0, 3, 2]] * size, scores[wanted], classes[wanted].astype(np.intp))


def grid(width: int, height: int) -> tuple[Floats, Floats]:
    """Cell x, y (n, 2) and stride (n, 1) of an anchor-free YOLO's rows, strides 8, 16, 32 in this order."""
    cells, strides = [], []
    for stride in (8, 16, 32):
        y, x = np.mgrid[: height // stride, : width // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def _relative(boxes: Floats, scores: Floats, looked: Looked, floor: float) -> Candidates:
    size = np.array([looked.width, looked.height], np.float32)
    wanted = scores.max(axis=1) > floor
    boxes = boxes[wanted]
    return _best_class(_corners(boxes[:, :2] * size, boxes[:, 2:4] * size), scores[wanted], floor)


def _best_class(boxes: Floats, scores: Floats, floor: float) -> Candidates:
    """One label per box: its most likely class."""
    if not len(boxes):
        return Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.intp))
    classes = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), classes]
    wanted = best > floor
    return Candidates(boxes[wanted], best[wanted], classes[wanted])


def _corners(centres: Floats, sizes: Floats) -> Floats:
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)


def _sigmoid(x: Floats) -> Floats:
    result: Floats = np.float32(1) / (np.float32(1) + np.exp(-np.clip(x, -60, 60)))
    return result


def _logit(probability: float) -> float:
    return (
        float(np.log(probability / (1 - probability))) if 0 < probability < 1 else -60.0 if probability <= 0 else 60.0
    )


FAMILIES: Mapping[str, Family] = {
    "darknet": Family(decode_darknet, "0-255", True, proven=True),
    "yolox": Family(decode_yolox, "0-255", True),
    "yolox-decoded": Family(decode_yolov5, "0-255", True),
    "yolov5": Family(decode_yolov5, "0-1", False),
    "yolov6": Family(decode_yolov5, "0-1", False),
    "yolov8": Family(decode_yolov8, "0-1", False),
    "yolov10": Family(decode_yolov10, "0-1", False, suppress=False),
    "yolonas": Family(decode_yolonas, None, None),
    "yolonas-flat": Family(decode_yolonas_flat, None, None, suppress=False),
    "rtdetr": Family(decode_detr, "0-1", False, suppress=False),
    "rtdetr-logits": Family(decode_detr_logits, "0-1", False, suppress=False),
    "dfine": Family(decode_detr_done, "0-1", False, suppress=False),
    "rfdetr": Family(decode_detr_logits, "imagenet", False, suppress=False),
    "ssd": Family(decode_ssd, "0-255", False, suppress=False),
}
"""By the name `models add --family` takes. yolov8 serves v8, v9, 11 and 12; dfine also RT-DETR's own exports."""
