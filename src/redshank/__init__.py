"""Redshank as a library: what happens in a clip, in five lines.

    import redshank

    for finding in redshank.analyse("clip.mp4", labels=["person"]):
        print(finding.event.label, finding.start_s, finding.end_s)

The same pipeline as `redshank analyse` and `redshank run`, in the caller's thread. Nothing heavy is loaded before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from redshank.errors import RedshankError

if TYPE_CHECKING:
    from redshank.analysis import Finding, Options
    from redshank.vision.detect import Detector

    __version__: str

__all__ = ["RedshankError", "Wanted", "__version__", "analyse", "open_detector"]

MODEL = "yolov4-tiny"


class Wanted(TypedDict, total=False):
    """What to look for and what to write; the same names and defaults as the options of `redshank analyse`."""

    labels: Iterable[str]
    """Only these; none = all the model knows."""
    zones: Mapping[str, Sequence[float]]
    """By name the corners x1, y1, x2, y2, …: 0–1, or pixels when any value is above 1. Only what enters one of them."""
    min_score: float
    """Of the best detection of an object, 0–1."""
    fps: float
    """Pictures looked at per second of video."""
    every_frame: bool
    """Decode and detect every frame: no motion gate."""
    snapshots: str | Path
    """Folder for the best picture of every event."""
    annotate: str | Path
    """The clip with boxes drawn on it; one clip only."""
    mot: str | Path
    """MOTChallenge lines of every analysed frame; one clip only."""


def analyse(path: str | Path, model: str | Detector = MODEL, **wanted: Unpack[Wanted]) -> Iterator[Finding]:
    """Events of a clip, a picture, or a folder of them, each as soon as it ends.

    `model` is a name of `redshank models list` (fetched at the first use), an .onnx file, or a detector of `open_detector` that is
    used again. Raises RedshankError: SourceError for a file, ConfigError for what is wanted, ModelError, StoreError for an output.
    """
    from redshank.analysis import media_files
    from redshank.errors import ConfigError

    files, options = media_files([Path(path)]), _options(wanted)
    if len(files) > 1 and (options.mot or options.annotate):
        raise ConfigError(f"mot and annotate take one clip; {path} has {len(files)}: call analyse once for each")
    return _findings(files, model, options)


def open_detector(model: str = MODEL, device: str = "auto") -> Detector:
    """A model ready to run, for several calls of `analyse`; close it at the end. Raises ModelError."""
    from redshank.app import open_detector

    return open_detector(model, device=device)


def _findings(files: Sequence[Path], model: str | Detector, options: Options) -> Iterator[Finding]:
    from redshank.analysis import Analysis

    detector = open_detector(model) if isinstance(model, str) else model
    try:
        for file in files:
            yield from Analysis(file, options, detector).run()
    finally:
        if detector is not model:
            detector.close()


def _options(wanted: Wanted) -> Options:
    from redshank.analysis import Options

    given: dict[str, Any] = dict(wanted)
    for name, value in given.items():
        match name:
            case "labels":
                given[name] = (value,) if isinstance(value, str) else tuple(value)
            case "zones":
                given[name] = tuple(f"{zone}={','.join(map(str, corners))}" for zone, corners in value.items())
            case "snapshots" | "annotate" | "mot":
                given[name] = Path(value)
    return Options(**given)


if not TYPE_CHECKING:  # else every name would pass as a str

    def __getattr__(name: str) -> str:
        """`redshank.__version__`, read from the installed package when somebody asks."""
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib.metadata import version

        return version("redshank")
