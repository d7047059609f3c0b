"""Every section of the configuration, frozen. The docstring under a field is its line in docs/reference/config.md.

A component never gets the whole: the composition root hands each its own section or plain values.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import unquote

from pydantic import Field, field_validator, model_validator

from redshank.config.channel import Channel
from redshank.config.fields import (
    AllowedTarget,
    BusUrl,
    CameraUrl,
    File,
    Name,
    Polygon,
    Polygons,
    Score,
    Seconds,
    Section,
    Share,
    Slug,
    TimeZone,
    Words,
    check_web_url,
    named,
    split_login,
)
from redshank.config.record import Backup, Record, Storage
from redshank.config.secret import Secret
from redshank.config.source import ACCESS
from redshank.config.web import Rtsp, Web
from redshank.model import SITE

MOTION = "motion"
"""Stands for whatever moves where a rule names labels."""
Level = Literal["debug", "info", "warning", "error"]


class Bus(Section):
    url: BusUrl = "memory:"
    """`memory` (in process) or `kafka://host:port,host2:port/?prefix=redshank`. Short form: `bus: memory`."""
    user: str = ""
    """Login for the broker."""
    password: Secret | None = None
    """See secrets."""
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    """How to talk to the broker; `sasl_*` uses `user` and `password`."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    """For `sasl_*`."""
    ca_file: File | None = None
    """Certificate authority of the broker; default: the system's."""
    create_topics: bool = True
    """Make topics that are missing."""
    partitions: int = Field(default=4, ge=1, le=1000)
    """Of topics we make."""
    replication: int = Field(default=1, ge=1, le=100)
    """Of topics we make."""
    outbox_mb: int = Field(default=200, ge=1, le=100_000)
    """Disk for what the broker has not acknowledged yet."""


class Detector(Section):
    model: str = "yolov4-tiny"
    """A name from `redshank models list`, or the path of an .onnx file."""
    device: Literal["auto", "cpu", "openvino", "cuda"] = "auto"
    """Where it runs; `auto` takes the fastest that works."""
    threads: int = Field(default=0, ge=0, le=256)
    """CPU threads of the detector; 0: chosen for the machine."""


class Detect(Section):
    enabled: bool = True
    """Look for objects on this camera."""
    stream: Literal["auto", "main", "sub"] = "auto"
    """Which stream is analysed; `auto`: sub where there is one, else main."""
    fps: float = Field(default=5.0, gt=0, le=60)
    """Pictures looked at per second, at most."""
    min_score: Score = 0.5
    """From here a detection begins an object (0–1); weaker ones only continue one."""
    full_every_s: Seconds = 60.0
    """A full picture is searched at least this often, also without motion; 0: never."""
    width: int | None = Field(default=None, ge=16, le=16384)
    """Picture size that coordinates and areas in pixels refer to; not needed for values from 0 to 1."""
    height: int | None = Field(default=None, ge=16, le=16384)
    """See `width`."""


class Motion(Section):
    sensitivity: int = Field(default=50, ge=1, le=100)
    """1 (only strong changes) to 100 (the faintest)."""
    min_area: Share = 0.0001
    """Smallest moving area that counts: share of the picture (0–1), or pixels."""
    min_frames: int = Field(default=2, ge=1, le=100)
    """Pictures in a row with motion before it counts."""
    mask: Polygons = Field(default_factory=dict)
    """Areas where motion is ignored (a clock, a tree): `name: x,y,x,y,…`. Objects are still seen there."""


class Filter(Section):
    min_score: Score = 0.0
    """Of a detection of this label."""
    min_area: Share = 0.0
    """Box area: share of the picture (0–1), or pixels."""
    max_area: Share = 1.0
    """As `min_area`."""
    min_ratio: float = Field(default=0.0, ge=0)
    """Width divided by height of the box."""
    max_ratio: float = Field(default=1000.0, gt=0)
    """As `min_ratio`."""


class Objects(Section):
    track: Words = ("person",)
    """Labels to follow. Labels a rule names are followed too."""
    filters: Annotated[Mapping[str, Filter], named] = Field(default_factory=dict)
    """What a detection of a label must be like."""


class Zone(Section):
    coordinates: Polygon
    """Corners in order, `x,y,x,y,…` from 0 to 1 (or pixels, see `detect.width`); an object is where the bottom centre of its box is."""
    objects: Words = ()
    """Only these labels; empty: every label."""
    inertia: int = Field(default=3, ge=1, le=100)
    """Pictures in a row an object must be inside."""
    loitering_time: Seconds = 0.0
    """How long it must stay before it counts as inside."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        """`porch: x,y,x,y,…` is a zone with every default."""
        return {"coordinates": data} if isinstance(data, str | list) else data


class Stream(Section):
    url: CameraUrl
    """`rtsp://…`, `rtsps://…`, `http(s)://…`, a file, `usb:/dev/video0` (or `usb:0`), `csi:0`."""
    user: str = ""
    """Login; a login inside the address works too."""
    password: Secret | None = None
    """Fields of their own, so that `@ : / #` in a password need no escaping."""
    kind: Literal["auto", "flv", "mjpeg", "jpeg"] = "auto"
    """What an `http(s)` address delivers: `flv`, `mjpeg` (an endless picture stream) or `jpeg` (one picture a request)."""
    transport: Literal["tcp", "udp"] = "tcp"
    """For RTSP."""
    tls_verify: bool = True
    """Check the certificate of `rtsps` and `https`."""
    interval_s: float = Field(default=1.0, ge=0.05, le=3600)
    """For `jpeg`: seconds between requests."""
    width: int | None = Field(default=None, ge=16, le=16384)
    """For USB and CSI: the picture size to ask for."""
    height: int | None = Field(default=None, ge=16, le=16384)
    """As `width`."""
    fps: float | None = Field(default=None, gt=0, le=240)
    """For USB and CSI: the rate to ask for."""
    loop: bool = False
    """For a file: start again at its end."""
    audio: bool = True
    """Take its sound along."""

    @model_validator(mode="before")
    @classmethod
    def _login_apart(cls, data: Any) -> Any:
        """`rtsp://user:password@host` becomes three fields; the fields win."""
        if not isinstance(data, dict) or not isinstance(data.get("url"), str):
            return data
        url, user, password = split_login(data["url"])
        if url == data["url"]:
            return data
        return {"user": unquote(user), "password": unquote(password) or None, **data, "url": url}


class Camera(Section):
    also: ClassVar[tuple[str, ...]] = ("url", "inputs", *ACCESS)

    enabled: bool = True
    """Switch a camera off without deleting it."""
    friendly_name: str = ""
    """For people; default: the name in the file."""
    location: str = ""
    """The place, shown in alerts."""
    order: int = 0
    """Cameras are shown in rising order, then by name."""
    sleeps: bool = False
    """A battery camera that is away most of the time: absence is not a fault."""
    streams: Mapping[Literal["main", "sub"], Stream]
    """`main` (recorded) and `sub` (small, analysed). Short form for one stream: `url:` and its fields directly under the camera.
    Frigate's `inputs: [{path, roles: [detect, record]}]` works too."""
    detect: Detect = Detect()
    """As the global section; keys here win."""
    motion: Motion = Motion()
    """As the global section; keys here win."""
    objects: Objects = Objects()
    """As the global section; keys here win."""
    record: Record = Record()
    """As the global section; keys here win."""
    privacy_masks: Polygons = Field(default_factory=dict)
    """Areas made black before detection and in every picture: `name: x,y,x,y,…`."""
    zones: Annotated[Mapping[Name, Zone], named] = Field(default_factory=dict)
    """Named areas for rules."""

    @model_validator(mode="after")
    def _complete(self) -> Camera:
        if "main" not in self.streams:
            raise ValueError("expected a source: url, inputs or streams.main")
        if self.detect.stream == "sub" and "sub" not in self.streams:
            raise ValueError("detect.stream is sub: expected streams.sub")
        return self

    @property
    def detect_stream(self) -> Literal["main", "sub"]:
        """The stream that is analysed."""
        if self.detect.stream == "auto":
            return "sub" if "sub" in self.streams else "main"
        return self.detect.stream


class Rule(Section):
    enabled: bool = True
    """Switch a rule off without deleting it."""
    cameras: Words = ()
    """Only these cameras; empty: all."""
    labels: Words = ("person",)
    """Any of these labels; `motion` alone: whatever moves."""
    zones: Words = ()
    """In any of these zones; empty: anywhere."""
    min_score: Score = 0.5
    """The best score of the object so far must reach this."""
    min_time: Seconds = 0.0
    """How long the object must be there (`2s`, `1m`)."""
    cooldown: Seconds = 0.0
    """No second notification of this rule and camera within this time."""
    max_per_minute: int = Field(default=30, ge=1, le=1000)
    """Alerts opened on one camera; further ones join the newest."""
    min_motion: Score = 0.0
    """With `labels: motion`: share of the picture (0–1) that must move."""
    motion_gap: Seconds = 10.0
    """With `labels: motion`: motion after a pause up to this long belongs to the same alert."""
    severity: Literal["alert", "quiet"] = "alert"
    """`quiet` alerts are kept and shown but sent to nobody."""
    channels: Words | None = None
    """Who is told; not given: every channel; `[]`: nobody."""
    notify_close: bool = False
    """Also tell when it is over."""

    @model_validator(mode="after")
    def _motion_alone(self) -> Rule:
        if self.on_motion and (len(self.labels) > 1 or self.zones):
            raise ValueError("labels: motion is for a rule of its own: expected no other labels and no zones")
        return self

    @property
    def on_motion(self) -> bool:
        """Whether it is about plain motion."""
        return MOTION in self.labels


class Security(Section):
    allow_targets: tuple[AllowedTarget, ...] = ()
    """`host:port` on this machine that cameras, webhooks and brokers may use (`127.0.0.1:8554`)."""


class Logger(Section):
    default: Level = "info"
    """debug, info, warning or error."""
    logs: Mapping[str, Level] = Field(default_factory=dict)
    """Other levels for parts: `redshank.media: debug`."""


class Config(Section):
    site: Slug = SITE
    """The tenant; leave it when there is one."""
    timezone: TimeZone = "UTC"
    """For times in messages and on screen; default: the machine's."""
    public_url: str = ""
    """Where people reach this system; messages link to it."""
    data: Path = Path("~/.local/share/redshank")
    """Folder for the database, pictures and recordings; `$REDSHANK_DATA_DIR` is its default."""
    bus: Bus = Bus()
    """How parts talk to each other."""
    detector: Detector = Detector()
    """The model that finds objects."""
    detect: Detect = Detect()
    """How cameras are looked at; each camera may differ."""
    motion: Motion = Motion()
    """What counts as motion; each camera may differ."""
    objects: Objects = Objects()
    """What is followed; each camera may differ."""
    record: Record = Record()
    """What is recorded and how long it stays; each camera may differ."""
    storage: Storage = Storage()
    """Where recordings lie."""
    backup: Backup = Backup()
    """Copies of the database."""
    web: Web = Web()
    """The page and the API."""
    rtsp: Rtsp = Rtsp()
    """Cameras for other programs."""
    cameras: Mapping[Slug, Camera] = Field(default_factory=dict)
    """By name: lower-case letters, digits, `_` and `-`. The name never changes; `friendly_name` may."""
    rules: Mapping[Name, Rule] = Field(default_factory=dict)
    """What you want to know. None: one alert for each person, on every camera, to every channel."""
    channels: Mapping[Name, Channel] = Field(default_factory=dict)
    """Where alerts are sent."""
    security: Security = Security()
    """Which addresses may be used."""
    logger: Logger = Logger()
    """How much is logged."""

    @field_validator("public_url")
    @classmethod
    def _link(cls, value: str) -> str:
        return check_web_url(value) if value else value

    def labels_of(self, camera: str) -> tuple[str, ...]:
        """Labels to follow on a camera: its own and those of every rule that applies to it."""
        rules = [r for r in self.rules.values() if r.enabled and (not r.cameras or camera in r.cameras)]
        wanted = [*self.cameras[camera].objects.track, *(label for rule in rules for label in rule.labels)]
        return tuple(label for label in dict.fromkeys(wanted) if label != MOTION)
