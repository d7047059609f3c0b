"""One camera from packets to observations: the only such loop, shared by `run`, `analyse` and the tests.

    packet → how awake are we (wake) → decode → privacy mask → motion → crops → detect → filter → track → Observation

One analysis thread owns a Camera. Nothing here reads a clock, a file or a socket: time is the frame's. The detector is a
callable, so that many cameras can share one device (`vision.device`) and tests can script it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from redshank.clock import US_PER_S, new_id
from redshank.geometry import Polygon
from redshank.media.decode import Decoder
from redshank.model import Box, Detection, Frame, Observation, Packet, Track, TrackState
from redshank.rules.filter import ObjectFilter
from redshank.stages import Stages
from redshank.vision.crops import FULL, PictureSize, merge, plan
from redshank.vision.frozen import Frozen
from redshank.vision.motion import Motion, MotionDetector, MotionSettings
from redshank.vision.picture import bgr, cover
from redshank.vision.still import StillObject
from redshank.vision.stills import BestStills
from redshank.vision.track import Tracker, TrackSettings
from redshank.vision.track_look import look
from redshank.vision.wake import Attention, Backlog, Feed, Wake, WakeSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Detect = Callable[[Sequence["NDArray[np.uint8]"], float], list[list[Detection]] | None]
"""Pictures (BGR) and the score floor → detections of each; None when there was no time for them. Raises ModelError."""

TAIL_US = 2 * US_PER_S
"""Who stops is still there: where motion was, the detector looks so long afterwards."""
CATCH_UP_US = US_PER_S
"""Of what a waking decoder catches up with, so much is looked at."""


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What one camera's analysis needs to know."""

    camera: str
    input_size: tuple[int, int]
    """Of the model, pixels."""
    epoch: int = 0
    """Of this start of the analysis: observations are numbered within it."""
    fps: float = 5.0
    """Looks per second while something moves."""
    every_frame: bool = False
    """Decode and detect every frame, no motion gate."""
    floor: float = 0.1
    """Detections below this score do not exist."""
    labels: frozenset[str] | None = None
    """Labels that become tracks; None = all."""
    filters: Mapping[str, ObjectFilter] = field(default_factory=dict)
    privacy: tuple[Polygon, ...] = ()
    full_every_s: float = 60.0
    """A look at the whole picture even when nothing moves."""
    motion: MotionSettings = field(default_factory=MotionSettings)
    tracking: TrackSettings = field(default_factory=TrackSettings)
    wake: WakeSettings = field(default_factory=WakeSettings)


@dataclass(frozen=True, slots=True)
class Look:
    """A picture that was looked at and what was seen."""

    frame: Frame
    observation: Observation


class Camera:
    """Feed it packets of the analysed stream in order; get a Look for every picture that was looked at."""

    def __init__(self, settings: CameraSettings, detect: Detect, stages: Stages | None = None) -> None:
        self._settings = settings
        self._detect = detect
        self.stages = stages or Stages()
        self.stills = BestStills()
        """The best picture of each live track, as JPEG."""
        self._decoder = Decoder()
        self._frozen = Frozen()
        self._wake = Wake(settings.wake)
        self._backlog = Backlog()
        self._motion = MotionDetector(settings.motion)
        self._tracker: Tracker | None = None
        self._known: tuple[StillObject, ...] = ()
        self._tracks: tuple[Track, ...] = ()
        self._moved: tuple[int, tuple[Box, ...]] = 0, ()
        """When and where motion was last seen."""
        self._detected = 0
        """Time of the last picture the detector looked at."""
        self._number = 0
        self._next_look = 0
        self._next_full = 0

    def still(self) -> tuple[StillObject, ...]:
        """Objects that stand still now, to be remembered over a restart."""
        return self._known if self._tracker is None else self._tracker.still()

    def restore(self, objects: tuple[StillObject, ...]) -> None:
        """Before the first packet: what stood still when the program stopped."""
        self._known = objects

    def feed(self, packet: Packet, late: bool = False) -> list[Look]:
        """Raises ModelError when the detector fails.

        `late`: we are behind; decode to keep the picture whole but look at nothing older than necessary.
        """
        if packet.format.kind != "video":
            return []
        if self._settings.every_frame:
            return self._look_at(self._decode(Feed((packet,))), late)
        with self.stages.measure("wake"):
            attention = self._wake.packet(packet)
            self._backlog.keep(packet)
            feed = self._backlog.feed(attention)
        if attention is Attention.SLEEP:
            return []
        frames = self._decode(feed)
        if attention is Attention.LOOK and not frames:
            self._wake.blind(packet.time)
        if attention is Attention.LOOK and feed.alone:
            return self._glance(frames[-1:], packet, late)
        return self._look_at(frames, late)

    def _decode(self, feed: Feed) -> list[Frame]:
        with self.stages.measure("decode"):
            if feed.fresh:
                self._decoder.reset()
            frames = [frame for packet in feed.packets for frame in self._decoder.decode(packet)]
        for frame in frames:
            if frame.keyframe:
                self._frozen.look(frame.time, frame.y)
        return frames

    def finish(self) -> list[Look]:
        """The end of a clip: what the decoder still holds."""
        return self._look_at(self._decoder.flush(), late=False)

    def _glance(self, frames: Sequence[Frame], packet: Packet, late: bool) -> list[Look]:
        """A picture decoded without its predecessors can only raise a suspicion; then everything up to now is decoded and looked at."""
        for frame in frames:
            with self.stages.measure("motion"):
                motion = self._motion.look(self._covered(frame), learn=False)
            if motion.anything:
                self._wake.suspect(packet.time)
                return self._look_at(self._decode(self._backlog.rest()), late)
            self._wake.quiet(packet.time)
        return []

    def _covered(self, frame: Frame) -> Frame:
        if not self._settings.privacy:
            return frame
        with self.stages.measure("privacy"):
            return cover(frame, self._settings.privacy)

    def _look_at(self, frames: Sequence[Frame], late: bool) -> list[Look]:
        newest = frames[-1].time if frames else 0
        due = [frame for frame in frames if frame.time >= newest - CATCH_UP_US and self._is_due(frame)]
        looks: list[Look] = []
        for frame in due:
            # After a catch-up only the newest picture is worth an inference; the older ones teach motion what is moving. Who is
            # always late still looks once a second.
            hurried = late and 0 <= frame.time - self._detected < US_PER_S
            fresh = self._settings.every_frame or (frame is due[-1] and not hurried)
            looks.append(self._look(frame, fresh))
        return looks

    def _is_due(self, frame: Frame) -> bool:
        if self._settings.every_frame:
            return True
        period = round(US_PER_S / self._settings.fps)
        # A camera's 15 fps never divides into 5 exactly: half a frame early is on time. A time far back is a new clip.
        if self._next_look - period // 8 > frame.time > self._next_look - 10 * period:
            return False
        self._next_look = max(self._next_look + period, frame.time + period // 2)
        return True

    def _look(self, frame: Frame, fresh: bool) -> Look:
        frame = self._covered(frame)
        with self.stages.measure("motion"):
            motion = self._motion.look(frame)
        if motion.light_jump:
            # Motion has just forgotten what stood where: whoever came with the light (or with a cut) is found by looking everywhere.
            self._next_full = frame.time
        crops = self._crops(frame, motion) if fresh else ()
        found = self._find(frame, crops) if crops else None
        if found is not None:
            self._detected = frame.time
            with self.stages.measure("track"):
                self._tracks = self._follow(frame, self._wanted(found, frame), crops)
                self.stills.offer(frame, self._tracks, self.stages)
        self._attend(frame, motion)
        return Look(frame, self._observation(frame, motion, found))

    def _crops(self, frame: Frame, motion: Motion) -> tuple[Box, ...]:
        if self._settings.every_frame:
            return (FULL,)
        if frame.time >= self._next_full or frame.time < self._next_full - 2 * self._full_period:
            self._next_full = frame.time + self._full_period
            return (FULL,)
        if motion.regions:
            self._moved = frame.time, motion.regions
        moved_at, where = self._moved
        recent = where if 0 <= frame.time - moved_at <= TAIL_US else ()
        watched = [t.box for t in self._tracks if t.state in (TrackState.NEW, TrackState.ACTIVE)]
        size = PictureSize(frame.width, frame.height, *self._settings.input_size)
        return plan([*recent, *watched], size)

    @property
    def unreadable(self) -> int:
        """Packets that could not be decoded so far."""
        return self._decoder.broken + self._decoder.skipped

    @property
    def _full_period(self) -> int:
        return round(self._settings.full_every_s * US_PER_S)

    def _find(self, frame: Frame, crops: Sequence[Box]) -> tuple[Detection, ...] | None:
        with self.stages.measure("crop"):
            pictures = [bgr(frame, None if crop == FULL else crop) for crop in crops]
        with self.stages.measure("detect"):
            answers = self._detect(pictures, self._settings.floor)
        return None if answers is None else merge(crops, answers)

    def _follow(self, frame: Frame, wanted: Sequence[Detection], looked: Sequence[Box]) -> tuple[Track, ...]:
        """The tracker is made at the first picture, whose shape it needs."""
        if self._tracker is None:
            self._tracker = Tracker(replace(self._settings.tracking, aspect=frame.width / frame.height), new_id)
            self._tracker.restore(self._known, frame.time)
        appearance = look(frame, [d.box for d in wanted])
        return self._tracker.update(frame.time, wanted, looked=looked, appearance=appearance)

    def _wanted(self, found: Sequence[Detection], frame: Frame) -> list[Detection]:
        labels, filters = self._settings.labels, self._settings.filters
        aspect = frame.width / frame.height
        return [
            d
            for d in found
            if (labels is None or d.label in labels) and (d.label not in filters or filters[d.label].passes(d, aspect))
        ]

    def _attend(self, frame: Frame, motion: Motion) -> None:
        """Tell the wake-up whether it was right: something moves, or somebody moving is still followed."""
        live = any(t.state in (TrackState.NEW, TrackState.ACTIVE) for t in self._tracks)
        if motion.anything or live:
            self._wake.moved(frame.time)
        else:
            self._wake.quiet(frame.time)

    def _observation(self, frame: Frame, motion: Motion, found: tuple[Detection, ...] | None) -> Observation:
        # Not the packet's number: with B-frames those do not rise in the order of presentation.
        self._number += 1
        tracks = self._tracks
        self._tracks = tuple(t for t in tracks if t.state is not TrackState.ENDED)
        return Observation(
            camera=frame.camera,
            stream=frame.stream,
            epoch=self._settings.epoch,
            seq=self._number,
            time=frame.time,
            tracks=tracks,
            detections=found or (),
            motion=motion.amount,
            regions=motion.regions,
            detected=found is not None,
            health="light_jump" if motion.light_jump else "frozen" if self._frozen.frozen else "ok",
        )
