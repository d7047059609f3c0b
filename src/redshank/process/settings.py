"""What the hub tells capture and vision: plain values, importing nothing heavy, since the hub makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redshank.geometry import Point
from redshank.media.settings import SourceSettings
from redshank.model import Box, Detection
from redshank.pipe import Note
from redshank.record_settings import RecordSettings, VolumeSettings
from redshank.rules.filter import ObjectFilter

Corners = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """One stream of one camera."""

    camera: str
    stream: str
    source: SourceSettings
    analysed: bool
    sleeps: bool = False
    ends: bool = False
    """A file played once."""
    ring_s: float = 10.0


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """Everything capture is told at its start."""

    streams: tuple[StreamSettings, ...]
    epoch: int
    allow_targets: tuple[str, ...] = ()
    records: tuple[RecordSettings, ...] = ()
    """Streams to record."""
    volumes: tuple[VolumeSettings, ...] = ()
    silent: tuple[str, ...] = ()
    """Cameras that are private: nothing of them is kept or looked at."""


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """A camera to be tried."""

    source: SourceSettings
    allow_targets: tuple[str, ...] = ()
    seconds: float = 6.0


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """How one camera is looked at. Polygons and areas 0–1 of the picture."""

    camera: str
    stream: str = "main"
    """Which of its streams."""
    fps: float = 5.0
    min_score: float = 0.5
    """An object begins with a detection at least this sure."""
    full_every_s: float = 60.0
    labels: tuple[str, ...] = ("person",)
    filters: Mapping[str, ObjectFilter] = field(default_factory=dict)
    privacy: tuple[Corners, ...] = ()
    sensitivity: int = 50
    min_area: float = 0.0001
    min_frames: int = 2
    masks: tuple[Corners, ...] = ()


@dataclass(frozen=True, slots=True)
class VisionSettings:
    """Everything vision is told at its start."""

    model: str
    device: str
    threads: int | None
    epoch: int
    cameras: tuple[AnalysisSettings, ...]
    registers: Mapping[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    """Per camera: its still objects, as the tracker exported them last."""


@dataclass(frozen=True, slots=True)
class StillRequest:
    """One picture the hub wants. Times UTC µs, boxes 0–1."""

    number: int
    camera: str
    time: int
    track: str
    shown: tuple[Detection, ...]
    zones: Mapping[str, Corners]
    privacy: tuple[Corners, ...]
    caption: str

    def note(self) -> Note:
        shown = [[d.label, d.score, d.box.x1, d.box.y1, d.box.x2, d.box.y2] for d in self.shown]
        header = {name: getattr(self, name) for name in ("number", "camera", "time", "track", "caption", "privacy")}
        return Note("still", {**header, "shown": shown, "zones": dict(self.zones)})

    @classmethod
    def from_note(cls, note: Note) -> StillRequest:
        h = note.header
        shown = tuple(Detection(label, score, Box(*box)) for label, score, *box in h["shown"])
        zones = {name: _points(polygon) for name, polygon in h["zones"].items()}
        privacy = tuple(_points(polygon) for polygon in h["privacy"])
        return cls(h["number"], h["camera"], h["time"], h["track"], shown, zones, privacy, h["caption"])


def _points(polygon: Any) -> Corners:
    return tuple((float(x), float(y)) for x, y in polygon)
