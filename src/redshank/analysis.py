"""Clips and pictures through the camera pipeline: what `redshank analyse` and `redshank.analyse` do.

    for finding in Analysis(Path("clip.mp4"), Options(), detector).run():
        print(finding.event.label, finding.start_s)

The same `camera.Camera` as in `run`, fed from a file as fast as it can be read. One thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from redshank.bus.messages import encode
from redshank.camera import Camera, CameraSettings, Look
from redshank.clock import US_PER_S, new_id
from redshank.config.fields import Polygon as PolygonField
from redshank.drawing import draw_clip, write_snapshot
from redshank.errors import ConfigError, SourceMissing, SourceUnusable, StoreError
from redshank.geometry import Polygon
from redshank.media.clip import Clip, open_clip
from redshank.model import Detection, Event, Observation, Track
from redshank.rules.scene import Scene, SceneSettings, View, finish, view
from redshank.stages import Stages
from redshank.vision.detect import Detector
from redshank.vision.mot import PEOPLE, MotLines
from redshank.vision.picture import Pixels
from redshank.vision.stills import Still
from redshank.vision.track import TrackSettings

CLIPS = frozenset(
    {".mp4", ".mov", ".mkv", ".avi", ".webm", ".ts", ".m4v", ".flv", ".mpg", ".mpeg", ".3gp", ".h264", ".h265"}
)
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
Progress = Callable[[float, float | None], object]
"""Seconds done, seconds in all (None = unknown)."""
_POLYGON: TypeAdapter[Polygon] = TypeAdapter(PolygonField)


@dataclass(frozen=True, slots=True)
class Options:
    """What to look for and what to write; the same names as the command's options."""

    labels: tuple[str, ...] = ()
    """Only these; empty = all the model knows."""
    zones: tuple[str, ...] = ()
    """`NAME=x1,y1,…`: only what enters one of them."""
    fps: float = 5.0
    every_frame: bool = False
    min_score: float = 0.5
    mot: Path | None = None
    annotate: Path | None = None
    snapshots: Path | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One event in one file."""

    path: Path
    event: Event
    start_s: float
    """Into the clip; 0 for a picture."""
    end_s: float

    @property
    def data(self) -> dict[str, Any]:
        """The documented JSON of an event, with `file`, `start_s` and `end_s`."""
        times = {"start_s": round(self.start_s, 3), "end_s": round(self.end_s, 3)}
        return {"file": str(self.path), **times, **encode(self.event)}


@dataclass(slots=True)
class Analysis:
    """One file. `run` once; `stages` then say what it cost."""

    path: Path
    options: Options
    detector: Detector
    stages: Stages = field(default_factory=Stages)
    unreadable: int = 0
    """Packets of the file that could not be decoded, after `run`."""
    _stills: dict[str, Still] = field(default_factory=dict)
    _seen: dict[int, Sequence[Track]] = field(default_factory=dict)
    """What was seen, by pts of the picture."""

    def run(self, progress: Progress = lambda _done, _total: None) -> Iterator[Finding]:
        """Events as they end. Raises SourceError for the file, ConfigError for an option, ModelError, StoreError for an output."""
        clip = open_clip(self.path)
        zones = dict(parse_zone(text, clip.width, clip.height) for text in self.options.zones)
        settings = SceneSettings(polygons=zones, inertia=1 if clip.is_picture else 2)
        camera = Camera(self._settings(clip), self._detect, self.stages)
        scene, last = Scene(), Observation(clip.camera, "main", 0, 0, clip.start)
        with ExitStack() as files:
            mot = self._mot(files, clip)
            for look in self._looks(camera, clip, progress):
                self._keep(look, camera, clip, mot)
                last = look.observation
                seen = view(settings, scene, last, new_id)
                scene = seen.scene
                yield from self._findings(seen, clip, zones)
            yield from self._findings(finish(scene, last), clip, zones)
        self.unreadable = camera.unreadable
        if not last.seq:
            raise SourceUnusable(f"{self.path} is damaged: none of its pictures can be decoded")
        if self.options.annotate:
            draw_clip(clip, self._seen, zones, self.options.annotate, progress)

    def _detect(self, pictures: Sequence[Pixels], floor: float) -> list[list[Detection]]:
        """As many at once as the device likes."""
        most = self.detector.max_batch
        batches = [pictures[i : i + most] for i in range(0, len(pictures), most)]
        return [found for batch in batches for found in self.detector.detect(batch, floor)]

    def _settings(self, clip: Clip) -> CameraSettings:
        wanted, known = self.options.labels, self.detector.labels
        unknown = [label for label in wanted if label not in known]
        if unknown:
            raise ConfigError(
                f"--labels: {', '.join(unknown)}: not a label of {self.detector.model_id}; it knows {', '.join(known)}"
            )
        tracking, least = TrackSettings(), self.options.min_score
        if least < tracking.birth_score:
            # Who asks for less sure objects gets them.
            tracking = replace(tracking, birth_score=least, confirm_score=least)
        if clip.is_picture:
            # One picture has to be enough where there is only one.
            tracking = replace(tracking, confirm_hits=1, confirm_score=0.0)
        return CameraSettings(
            camera=clip.camera,
            input_size=self.detector.input_size,
            fps=self.options.fps,
            every_frame=self.options.every_frame or clip.is_picture,
            labels=frozenset(wanted) or None,
            tracking=tracking,
        )

    def _mot(self, files: ExitStack, clip: Clip) -> MotLines | None:
        if self.options.mot is None:
            return None
        try:
            file = files.enter_context(self.options.mot.open("w"))
        except OSError as error:
            raise StoreError(f"--mot: {self.options.mot}: {error.strerror}") from error
        lines = MotLines(file.write, (clip.width, clip.height), labels=self.options.labels or PEOPLE)
        files.callback(lines.close)
        return lines

    def _looks(self, camera: Camera, clip: Clip, progress: Progress) -> Iterator[Look]:
        for packet in clip.packets():
            yield from camera.feed(packet)
            progress((packet.time - clip.start) / US_PER_S, clip.duration_s or None)
        yield from camera.finish()

    def _keep(self, look: Look, camera: Camera, clip: Clip, mot: MotLines | None) -> None:
        tracks = look.observation.tracks
        if mot is not None:
            mot.add(clip.frame_number(look.frame.pts), look.frame.time, tracks)
        if self.options.annotate:
            self._seen[look.frame.pts] = tracks
        if self.options.snapshots:
            self._stills |= {t.id: still for t in tracks if (still := camera.stills.get(t.id)) is not None}

    def _findings(self, seen: View, clip: Clip, zones: dict[str, Polygon]) -> Iterator[Finding]:
        for event in seen.events:
            if event.kind != "track" or event.end is None or event.score < self.options.min_score:
                continue
            if zones and not event.zones:
                continue
            start_s, end_s = ((time - clip.start) / US_PER_S for time in (event.start, event.end))
            still = self._stills.get(event.id)
            if self.options.snapshots and still is not None:
                write_snapshot(self.options.snapshots, clip, event, still, zones)
            yield Finding(self.path, event, start_s, end_s)


def parse_zone(text: str, width: int, height: int) -> tuple[str, Polygon]:
    """`NAME=x1,y1,x2,y2,…`, 0–1, or pixels when any value is above 1. Raises ConfigError."""
    name, equals, corners = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"--zone {text!r}: expected NAME=x1,y1,x2,y2,x3,y3,…")
    try:
        return name.strip(), _POLYGON.validate_python(corners, context={"size": (width, height)})
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"--zone {name.strip()}: {reason}") from None


def media_files(paths: Sequence[Path]) -> list[Path]:
    """The files themselves and everything readable in folders, sorted by name. Raises SourceMissing."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise SourceMissing(f"{path}: no such file or folder")
        inside = (
            sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in CLIPS | PICTURES)
            if path.is_dir()
            else [path]
        )
        if not inside:
            raise SourceMissing(f"{path}: no clips or pictures in this folder")
        found += inside
    return found
