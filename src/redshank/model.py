"""The nouns: every value that travels between rooms, frozen and small. Imports nothing heavy.

Times are int64 UTC microseconds (`time`, `start`, `end`); `mono_ns` is monotonic nanoseconds; `pts`/`dts` are ticks of
`StreamFormat.time_base`. Boxes are 0–1 of the camera's reference picture (its main stream, after rotation). Ids of tracks,
events and alerts are UUIDv7 text; a camera's id is its immutable slug. Pixel arrays are owned by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SITE = "default"
"""The tenant when there is only one."""


@dataclass(frozen=True, slots=True)
class Box:
    """Left, top, right, bottom; x1 <= x2 and y1 <= y2. 0–1 of the reference picture unless a docstring says pixels."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def foot(self) -> tuple[float, float]:
        """Bottom-centre: where the object stands. Zones are tested with this point."""
        return (self.x1 + self.x2) / 2, self.y2


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """How the packets of one stream are encoded. A new object means new parameters: a recorder cuts, a decoder starts again."""

    kind: Literal["video", "audio"]
    codec: str
    """FFmpeg's name: h264, hevc, mjpeg, aac, pcm_alaw …"""
    time_base: Fraction
    """Seconds per tick of pts and dts."""
    extradata: bytes = b""
    width: int = 0
    height: int = 0
    declared_fps: float = 0.0
    """What the source claims (0 = nothing). Never used for time."""
    sample_rate: int = 0
    channels: int = 0


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded media unit, as it came."""

    camera: str
    stream: str
    """main or sub."""
    epoch: int
    seq: int
    """Rises by one per packet of (camera, stream, epoch), in decode order, audio included."""
    format: StreamFormat
    time: int
    """Wall time of the packet's picture or sound, on one steady line per connection: arrival time without its jitter."""
    mono_ns: int
    """Monotonic arrival time, stamped once by the reader."""
    pts: int
    dts: int
    """Repaired: dts rises strictly within a connection, pts >= dts."""
    duration: int
    """Ticks; 0 when unknown."""
    keyframe: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture, 8-bit YUV 4:2:0. The planes are views of (height, width), (height/2, width/2) ×2, read-only."""

    camera: str
    stream: str
    epoch: int
    seq: int
    """Of the packet it came from."""
    time: int
    mono_ns: int
    pts: int
    keyframe: bool
    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    full_range: bool = False
    """True for JPEG-style 0–255 luma, False for 16–235."""

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])


@dataclass(frozen=True, slots=True)
class Detection:
    """What a detector saw in one picture."""

    label: str
    score: float
    """0–1."""
    box: Box


class TrackState(StrEnum):
    """new: seen, not yet confirmed · active: confirmed and moving or recent · stationary: confirmed and still · ended: gone."""

    NEW = "new"
    ACTIVE = "active"
    STATIONARY = "stationary"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Track:
    """One object over time, as it stands after one picture."""

    id: str
    number: int
    """Small, per camera and epoch, for people and MOT files; from 1."""
    label: str
    state: TrackState
    box: Box
    score: float
    """Of the detection in this picture; the last one's when `seen` is False."""
    top_score: float
    top_time: int
    """When the best still of it was seen."""
    start: int
    """Time of the first detection that became this track."""
    last_seen: int
    seen: bool
    """True when a detection of this picture belongs to it; False when the box is predicted."""
    hits: int
    """Detections so far."""
    moved: float = 0.0
    """Path length of the box centre since the start, in picture heights."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What vision tells the judge about one camera at one time."""

    camera: str
    stream: str
    epoch: int
    seq: int
    time: int
    tracks: tuple[Track, ...] = ()
    """All live ones, and those that ended with this observation."""
    detections: tuple[Detection, ...] = ()
    """Everything the detector saw in this picture above its floor, also labels no track or rule wants."""
    motion: float = 0.0
    """Share of the unmasked picture that moves, 0–1."""
    regions: tuple[Box, ...] = ()
    """Where it moves."""
    detected: bool = False
    """Whether the detector ran on this picture."""
    health: str = "ok"
    """ok, or one word for what is wrong (light_jump, detector_slow, detector_down, undecodable …)."""


class CameraStatus(StrEnum):
    """connecting: never had a packet · online · stalled: connected, no packet for 6 s · offline: cannot connect · sleeping: a battery
    camera that is away as expected · disabled: switched off · ended: a file that was played once."""

    CONNECTING = "connecting"
    ONLINE = "online"
    STALLED = "stalled"
    OFFLINE = "offline"
    SLEEPING = "sleeping"
    DISABLED = "disabled"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class CameraState:
    """How one stream of a camera is, sent at each change and once a second."""

    camera: str
    stream: str
    status: CameraStatus
    since: int
    """Time of the last change of `status`."""
    time: int
    reason: str = ""
    """One line a person can act on; empty when online."""
    codec: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    """Measured, last seconds."""
    bitrate: int = 0
    """Bits per second, measured."""
    packets: int = 0
    connects: int = 0
    """Successful opens since start."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Packets or frames dropped so far, by reader (vision, live …) and reason."""
    tls_verified: bool | None = None
    """False when the certificate check is switched off for this camera; None without TLS."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One recorded MP4 file of a stream: the row about it. (camera, stream, seq) names it for ever."""

    camera: str
    stream: str
    seq: int
    """Rises with each file of a stream and never repeats: `epoch` * 2**20 + a counter."""
    volume: str
    """Id of the volume it lies on."""
    path: str
    """Below the volume's root: `<camera>/<stream>/<YYYY-MM-DD>/<HH>/<MM.SS>-<seq>.mp4`, UTC."""
    start: int
    """Wall time at which its first picture is shown."""
    end: int
    """Wall time at which what follows it is shown, or would be; start < end."""
    size: int
    """Bytes of the whole file."""
    media_from: int
    """Where its first fragment begins: the bytes before are ftyp and moov."""
    media_to: int
    """Where its last fragment ends: the bytes after are an index for other players."""
    frames: int
    """Pictures in it."""
    video: str
    """h264 or hevc."""
    width: int
    height: int
    epoch: int
    setup: str
    """Equal for two segments exactly when they share track formats, so that one `moov` serves both: 16 hex digits."""
    index: bytes
    """Where playing can begin: per keyframe (µs since `start`, byte offset), packed `<II`; see `media.segment`."""
    audio: str = ""
    """aac, or empty."""
    boot: str = ""
    """The kernel's boot id: the monotonic times of two segments compare only within one."""
    mono_ns: int = 0
    """Monotonic time of `start`: with it a wall clock that was wrong can be put right later (rel:T30)."""
    sha256: str = ""
    """Of the whole file, hex."""
    motion: float | None = None
    """Most motion analysis saw meanwhile, 0–1; None when nobody looked, which retention treats as motion."""


class GapReason(StrEnum):
    """Why there is no footage.

    Wanted: private, off (the user's mode or schedule), idle (nothing moved, in a mode that records only then), expired (retention).
    Not wanted: the rest. `lost` is footage that was there and is damaged or missing.
    """

    OFFLINE = "offline"
    STALLED = "stalled"
    RESTART = "restart"
    PRIVATE = "private"
    OFF = "off"
    IDLE = "idle"
    EXPIRED = "expired"
    DISK_FULL = "disk_full"
    DISK_ERROR = "disk_error"
    SLOW_DISK = "slow_disk"
    CORRUPT = "corrupt"
    CLOCK = "clock"
    LOST = "lost"
    UNKNOWN = "unknown"


WANTED_GAPS = frozenset({GapReason.PRIVATE, GapReason.OFF, GapReason.IDLE, GapReason.EXPIRED})
"""Do not count against completeness."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of an enabled stream without footage. Every second of it is in a segment or in a gap, never in both."""

    camera: str
    stream: str
    start: int
    end: int | None
    """None while it goes on."""
    reason: GapReason


class KeepClass(StrEnum):
    """What a segment is kept for, least first: retention lets go of plain footage first, of alerts last."""

    CONTINUOUS = "continuous"
    MOTION = "motion"
    DETECTION = "detection"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Hold:
    """What retention must not delete."""

    id: str
    camera: str
    """Empty: every camera."""
    start: int
    end: int
    reason: str
    """Why, for people."""
    created: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: a track's life, plain motion, a health change. Sent again with the same id as it grows."""

    id: str
    kind: Literal["track", "motion", "health"]
    camera: str
    start: int
    end: int | None
    """None while it goes on."""
    label: str = ""
    score: float = 0.0
    box: Box | None = None
    best_time: int | None = None
    """When it was seen best: the time of its still."""
    zones: tuple[str, ...] = ()
    """Every zone entered so far."""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Condition:
    """One part of a rule, held against one object."""

    name: str
    """label, score, zone, min_time, state, cooldown …"""
    wanted: str
    got: str
    met: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule held against a track (or a camera) at one time. Kept also when nothing fires."""

    rule: str
    camera: str
    time: int
    fired: bool
    """True at the change that opens, updates or closes an alert."""
    conditions: tuple[Condition, ...]
    track: str = ""
    label: str = ""
    score: float = 0.0
    box: Box | None = None
    zones: tuple[str, ...] = ()
    change: Literal["open", "update", "close", "none"] = "none"


@dataclass(frozen=True, slots=True)
class Alert:
    """An incident a user wants to know of: opens, updates, closes."""

    id: str
    rule: str
    camera: str
    state: Literal["open", "closed"]
    opened: int
    updated: int
    closed: int | None
    label: str
    score: float
    box: Box | None
    tracks: tuple[str, ...]
    zones: tuple[str, ...]
    severity: Literal["alert", "quiet"]
    verdict: Verdict
    """The one that opened it."""
    revision: int = 0
    """Rises with each update."""


@dataclass(frozen=True, slots=True)
class Notification:
    """Telling one channel about one state of one alert; a row of the outbox."""

    id: str
    alert: str
    channel: str
    kind: Literal["open", "update", "close", "test"]
    status: Literal["queued", "sent", "dry_run", "suppressed", "dead"]
    created: int
    due: int
    """Not tried before this time."""
    attempts: int = 0
    error: str = ""
    """Why the last attempt failed, or why it is held back."""
