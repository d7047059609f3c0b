"""Which family an unknown .onnx file belongs to: from its metadata, its inputs, and what one run on a grey picture puts out.

A run shows what names and symbolic shapes do not: how many rows there are and whether sizes are pixels or logarithms. Where two
readings stay possible the model is refused with one line that says what to state.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from redshank.errors import ModelError
from redshank.vision.families import FAMILIES, INPUT_RANGES, InputRange, Recipe, grid
from redshank.vision.labels import COCO, canonical, coco91
from redshank.vision.letterbox import GREY
from redshank.vision.onnx import OnnxRunner, default_threads, open_session

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
_FREE_SIZE = 640
_SSD = ("detection_boxes", "detection_classes", "detection_scores")


@dataclass(frozen=True, slots=True)
class Stated:
    """What the user says about a model; None and empty leave it to us."""

    family: str | None = None
    input_range: InputRange | None = None
    bgr: bool | None = None
    labels: tuple[str, ...] = ()
    size: int | None = None
    """Side of the input where the file leaves it free."""


def input_range_of(text: str | None) -> InputRange | None:
    """A user's word for the input range. Raises ModelError."""
    for known in INPUT_RANGES:
        if text == known:
            return known
    if text is not None:
        raise ModelError(f"unknown input range {text!r}: use one of {', '.join(INPUT_RANGES)}")
    return None


@dataclass(frozen=True, slots=True)
class _Probe:
    """What the file shows."""

    outputs: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, str]
    width: int
    height: int
    input: str
    size_input: str
    layout: str
    dtype: str
    flexible: bool
    batches: bool


@dataclass(frozen=True, slots=True)
class _Guess:
    family: str
    outputs: tuple[str, ...]
    classes: int
    """0: the outputs do not show it."""


def recognise(path: Path, stated: Stated) -> Recipe:
    """How to feed and read the file. Raises ModelError: damaged, no detector, or ambiguous (then it says what to state)."""
    if stated.family is not None and stated.family not in FAMILIES:
        raise ModelError(f"unknown family {stated.family!r}: use one of {', '.join(FAMILIES)}")
    probe = _probe(path, stated)
    guess = _guess(probe, stated.family, path.name)
    family = FAMILIES[guess.family]
    known_range: InputRange | None = "0-255" if probe.dtype == "uint8" else family.input_range
    input_range, bgr = stated.input_range or known_range, family.bgr if stated.bgr is None else stated.bgr
    if input_range is None or bgr is None:
        raise ModelError(
            f"{path.name} is of family {guess.family}, whose exports differ: state --input-range 0-1 or 0-255, and --bgr or --rgb"
        )
    return Recipe(
        family=guess.family,
        labels=_labels(probe, guess, stated, path.name),
        width=probe.width,
        height=probe.height,
        input_range=input_range,
        bgr=bgr,
        layout="nhwc" if probe.layout == "nhwc" else "nchw",
        dtype="uint8" if probe.dtype == "uint8" else "float16" if probe.dtype == "float16" else "float32",
        flexible=probe.flexible,
        batches=probe.batches,
        input=probe.input,
        size_input=probe.size_input,
        outputs=guess.outputs,
    )


def whole(path: Path) -> bytes:
    """The model as one file, with weights that an export left in a file of their own."""
    data: bytes = onnx.load(str(path)).SerializeToString()
    return data


def _probe(path: Path, stated: Stated) -> _Probe:
    session = open_session(path, "cpu", default_threads())
    inputs = session.get_inputs()
    pictures = [value for value in inputs if len(value.shape) == 4]
    others = [value for value in inputs if len(value.shape) != 4]
    if len(pictures) != 1 or len(others) > 1 or pictures[0].type not in _DTYPES:
        raise ModelError(
            f"{path.name} is no detector we can feed: its inputs are {', '.join(f'{v.name}{v.shape}' for v in inputs)}"
        )
    shape = pictures[0].shape
    layout = "nhwc" if shape[3] == 3 else "nchw"
    sides = shape[1:3] if layout == "nhwc" else shape[2:4]
    if layout == "nchw" and isinstance(shape[1], int) and shape[1] != 3:
        raise ModelError(f"{path.name} wants {shape} as its picture: three channels are needed")
    height, width = (side if isinstance(side, int) else stated.size or _FREE_SIZE for side in sides)
    full = (1, height, width, 3) if layout == "nhwc" else (1, 3, height, width)
    dtype = _DTYPES[pictures[0].type]
    feed: dict[str, NDArray[Any]] = {pictures[0].name: np.full(full, GREY if dtype == "uint8" else GREY / 255, dtype)}
    if others:
        feed[others[0].name] = np.array([[width, height]], np.int64)
    names = [value.name for value in session.get_outputs()]
    return _Probe(
        outputs=dict(zip(names, _run(session, names, feed, path), strict=True)),
        metadata=session.get_modelmeta().custom_metadata_map,
        width=width,
        height=height,
        input=pictures[0].name,
        size_input=others[0].name if others else "",
        layout=layout,
        dtype=dtype,
        flexible=False,
        batches=not isinstance(shape[0], int),
    )


def _run(session: Any, names: list[str], feed: dict[str, NDArray[Any]], path: Path) -> Sequence[NDArray[Any]]:
    try:
        return OnnxRunner(session, "cpu", 1, names)(feed)
    except ModelError as error:
        raise ModelError(f"{path.name} does not run on a grey picture: {error}") from error


def _guess(probe: _Probe, family: str | None, file: str) -> _Guess:
    """The families the outputs allow, then the user's word or the file's metadata among them."""
    allowed = _by_shape(probe)
    chosen = [guess for guess in allowed if guess.family == family] if family else _by_metadata(allowed, probe)
    if len(chosen) == 1:
        return chosen[0]
    shapes = ", ".join(f"{name}{list(value.shape)}" for name, value in probe.outputs.items())
    if family is not None:
        raise ModelError(f"{file} cannot be read as {family}: its outputs are {shapes}")
    if allowed:
        raise ModelError(
            f"{file} can be read in {len(allowed)} ways: state --family {' or '.join(g.family for g in allowed)}"
        )
    raise ModelError(f"{file} is no detector we know: its outputs are {shapes}")


def _by_metadata(allowed: Sequence[_Guess], probe: _Probe) -> Sequence[_Guess]:
    """Ultralytics exports carry their class names, and what they are in `description`."""
    names = len(_metadata_names(probe.metadata))
    fitting = [guess for guess in allowed if not names or guess.classes in (0, names)]
    words = probe.metadata.get("description", "").lower().replace("-", "")
    return [guess for guess in fitting if guess.family in words] or fitting or allowed


def _by_shape(probe: _Probe) -> list[_Guess]:
    names = tuple(probe.outputs)
    shapes = {name: value.shape for name, value in probe.outputs.items()}
    if all(name in shapes for name in _SSD):
        return [_Guess("ssd", _SSD, 0)]
    if {"labels", "boxes", "scores"} <= set(names):
        return [_Guess("dfine", ("labels", "boxes", "scores"), 0)]
    if {"dets", "labels"} <= set(names):
        return [_Guess("rfdetr", ("dets", "labels"), shapes["labels"][-1])]
    if {"pred_boxes", "logits"} <= set(names):
        return [_Guess("rtdetr-logits", ("pred_boxes", "logits"), shapes["logits"][-1])]
    if len(names) == 2 and all(len(shape) == 3 for shape in shapes.values()):
        pair = sorted(names, key=lambda name: shapes[name][-1] != 4)
        if shapes[pair[0]][-1] == 4 and shapes[pair[0]][1] == shapes[pair[1]][1]:
            return [_Guess("yolonas", (pair[0], pair[1]), shapes[pair[1]][-1])]
    if len(names) == 1:
        return [_Guess(family, names, classes) for family, classes in _single(probe.outputs[names[0]], probe)]
    return []


def _single(output: NDArray[Any], probe: _Probe) -> list[tuple[str, int]]:
    """Families of one output, with their number of classes."""
    if output.ndim == 2 and output.shape[1] == 7:
        return [("yolonas-flat", 0)]
    if output.ndim != 3:
        return []
    _, rows, columns = output.shape
    cells = len(grid(probe.width, probe.height)[0])
    if columns == cells and rows > 4:
        return [("yolov8", rows - 4)]
    if rows == 3 * cells and columns > 5:
        return [("yolov5", columns - 5)]
    if rows == cells and columns > 5:
        raw = bool((output[0, :, 2:4] <= 0).any())  # logarithms of sizes; a size in pixels is never below zero
        return [("yolox", columns - 5)] if raw else [("yolov6", columns - 5), ("yolox-decoded", columns - 5)]
    if rows < cells and columns > 4:
        ways = [("rtdetr", columns - 4)]
        return [*ways, ("yolov10", 0)] if columns == 6 else ways
    return []


def _labels(probe: _Probe, guess: _Guess, stated: Stated, file: str) -> tuple[str, ...]:
    names = stated.labels or _metadata_names(probe.metadata)
    if guess.family == "ssd" and stated.labels:
        names = ("", *names)  # classes count from 1
    if not names and guess.family in ("ssd", "rfdetr") and guess.classes in (0, 91):
        names = coco91()
    if not names and guess.classes in (0, len(COCO)):
        names = COCO
    if not names or guess.classes not in (0, len(names)):
        raise ModelError(
            f"{file} has {guess.classes} classes and {len(names)} names: state --labels FILE with one name a line"
        )
    return names


def _metadata_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Ultralytics: `names` holds a Python dict {0: 'person', …}."""
    try:
        names = ast.literal_eval(metadata.get("names", "{}"))
        return tuple(canonical(str(names[number])) for number in range(len(names)))
    except (ValueError, SyntaxError, KeyError, TypeError):
        return ()
