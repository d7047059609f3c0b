"""The hub: hears capture and vision, has it judged, tells the bus, gets pictures made, and says how everything is.

    capture ──state──▶ states ──▶ bus `cameras`
    vision ──look──▶ judge ──one transaction──▶ events, alerts ──▶ bus; notifications ──▶ notifier
    alert ──still──▶ vision ──jpeg──▶ blobs, channels

Everything runs on the event loop; it never touches a codec.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

from redshank.alert.base import Picture
from redshank.alert.message import local_time, picture_name
from redshank.bus.base import Bus
from redshank.bus.messages import TOPICS, Value, decode, encode, envelope
from redshank.clock import Clock, new_id
from redshank.errors import BusError, SourceError
from redshank.geometry import Polygon
from redshank.judge import Judge
from redshank.judgement import Changes
from redshank.model import Alert, CameraState, CameraStatus, Detection, Event, Observation
from redshank.pipe import Note
from redshank.process.settings import StillRequest
from redshank.store import alerts, events
from redshank.store import still as still_store
from redshank.store.base import Store
from redshank.supervisor import Worker, guard

log = logging.getLogger(__name__)

LOOKS_WAITING = 1000
CHANGES_WAITING = 2000
NEWS_WAITING = 500
AGAIN = 200
"""Events, and alerts, said again at a start: more than a commit and the queue behind it hold in practice."""
STILL_DEADLINE_S = 4.0
RECENT = 100
"""Observations kept per camera: what else was in an alert's picture."""
LATEST = 50
"""Alerts kept for the live view."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the hub knows of a camera's settings."""

    name: str
    title: str
    """For people."""
    zone: ZoneInfo
    """Of times in pictures."""
    zones: Mapping[str, Polygon] = field(default_factory=dict)
    privacy: tuple[Polygon, ...] = ()
    streams: tuple[str, ...] = ("main", "sub")


@dataclass(slots=True)
class Analysed:
    """What the analysis of one camera said lately."""

    recent: deque[Observation] = field(default_factory=lambda: deque(maxlen=RECENT))
    looks: int = 0
    detections: int = 0


@dataclass(frozen=True, slots=True)
class Links:
    """What the hub talks to."""

    judge: Judge
    store: Store
    bus: Bus
    clock: Clock
    wake_notifier: Callable[[], None]
    keep_picture: Callable[[Alert], None]
    """Begin to make and store the picture of an alert that has just opened."""
    seen: Callable[[Observation], None] = lambda _observation: None
    """For the recorder: what is in front of a camera …"""
    alerted: Callable[[Alert], None] = lambda _alert: None
    """… and each state of an alert, once it is committed."""


class Hub:
    """One per site. `run` until cancelled."""

    def __init__(self, links: Links, cameras: Sequence[Watched], still_s: float = STILL_DEADLINE_S) -> None:
        self._links = links
        self._still_s = still_s
        self._watched = {camera.name: camera for camera in cameras}
        self._looks: asyncio.Queue[Observation] = asyncio.Queue(LOOKS_WAITING)
        self._changes: asyncio.Queue[Value] = asyncio.Queue(CHANGES_WAITING)
        self._news: asyncio.Queue[Value] = asyncio.Queue(NEWS_WAITING)
        """Observations and states for the bus: a slow broker or disk costs the oldest, never a judgement."""
        self._stills: dict[int, asyncio.Future[bytes]] = {}
        self._numbers = count(1)
        self.vision: dict[str, Worker] = {}
        """By camera: the worker that analyses it."""
        self.states: dict[tuple[str, str], CameraState] = {}
        self.analysed: dict[str, Analysed] = {camera.name: Analysed() for camera in cameras}
        self.alerts: dict[str, Alert] = {}
        """The latest, newest last."""
        self.alerts_opened = 0
        self.suppressed = 0
        self.model: Mapping[str, Any] = {}
        self.trouble: dict[str, str] = {}
        """By worker: why it cannot work."""
        self.on_tried: Callable[[Note], None] = lambda _note: None
        """What vision says of a picture somebody tried."""
        self.changed = asyncio.Event()
        """Set when a camera's status changes and when it is first looked at; whoever shows it clears it."""
        self.unsent = 0
        """Messages the bus could keep nowhere."""

    def change(self, cameras: Sequence[Watched]) -> None:
        """These are there from now on. What was known of one that stays is kept."""
        self._watched = {camera.name: camera for camera in cameras}
        self.analysed = {name: self.analysed.get(name) or Analysed() for name in self._watched}
        for key in [key for key in self.states if not self._knows(*key)]:
            del self.states[key]
        self.changed.set()

    async def say_again(self) -> None:
        """At a start: what was committed last may have been killed on its way to the bus. Readers know a message by its id."""
        read = self._links.store.read
        last_alerts = await asyncio.to_thread(read, partial(alerts.latest, limit=AGAIN))
        last_events = await asyncio.to_thread(read, partial(events.latest, limit=AGAIN))
        # All at once, in order: the outbox puts what waits together into one commit, and nobody's cameras wait for a slow disk.
        again = [self._publish(event) for event in reversed(last_events)]
        await asyncio.gather(*again, *[self._publish(alert) for alert in reversed(last_alerts)])

    def bus_stats(self) -> Mapping[str, int]:
        return self._links.bus.stats()

    async def drain(self) -> None:
        """At the end: judge what was heard, and wait until it is committed and said."""
        while not self._looks.empty():
            await self._links.judge.observe(self._looks.get_nowait())
        await self._links.judge.settle()
        while not self._changes.empty():
            await self._publish(self._changes.get_nowait())

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name, part in (
                ("judge", self._judge_forever),
                ("bus: events and alerts", partial(self._publish_forever, self._changes)),
                ("bus: observations", partial(self._publish_forever, self._news)),
            ):
                group.create_task(guard(name, part, self._links.clock))

    # --- from the workers --------------------------------------------------------------------------------------------

    async def on_capture(self, note: Note) -> None:
        """A camera's state: each change, and once a second."""
        if note.kind != "state":
            return
        state = decode(CameraState, note.header)
        if not self._knows(state.camera, state.stream):
            return  # said before it went
        before = self.states.get((state.camera, state.stream))
        self.states[state.camera, state.stream] = state
        if before is None or before.status is not state.status:
            self.changed.set()
            log.log(
                logging.WARNING if state.status in (CameraStatus.OFFLINE, CameraStatus.STALLED) else logging.INFO,
                "camera %s/%s: %s %s",
                state.camera,
                state.stream,
                state.status,
                state.reason,
                extra={"camera": state.camera},
            )
        self._publish_news(state)

    async def on_vision(self, worker: Worker, note: Note) -> None:
        """Observations, pictures, registers; what waits here holds the worker's pipe up, never its camera."""
        match note.kind:
            case "look":
                await self._hear(decode(Observation, note.header))
            case "still":
                self._still_made(note)
            case "tried":
                self.on_tried(note)
            case "register":
                camera = note.header["camera"]
                register = note.header["register"]
                self._links.store.write(lambda conn: still_store.replace(conn, camera, register))
            case "ready":
                self.model = note.header
                log.info("detector ready", extra={"worker": worker.name, "model": note.header["model"]})
                self.trouble.pop(worker.name, None)
            case "trouble":
                self.trouble[worker.name] = note.header["reason"]
                log.error("%s: %s", worker.name, note.header["reason"])

    def _knows(self, camera: str, stream: str) -> bool:
        return camera in self._watched and stream in self._watched[camera].streams

    async def _hear(self, seen: Observation) -> None:
        analysed = self.analysed.get(seen.camera)
        if analysed is None:
            return  # said before it went
        analysed.recent.append(seen)
        analysed.looks += 1
        if analysed.looks == 1:
            self.changed.set()
        analysed.detections += len(seen.detections)
        self._links.seen(seen)
        await self._looks.put(seen)
        self._publish_news(seen)

    # --- judging and telling -----------------------------------------------------------------------------------------

    async def _judge_forever(self) -> None:
        while True:
            await self._links.judge.observe(await self._looks.get())

    def heard(self, changes: Changes) -> None:
        """Called by the judge after each commit: the database holds this now."""
        for alert in changes.alerts:
            if alert.revision == 0 and alert.state == "open":
                self.alerts_opened += 1
                self._links.keep_picture(alert)
            self.alerts.pop(alert.id, None)
            self.alerts[alert.id] = alert
        for old in list(self.alerts)[:-LATEST]:
            del self.alerts[old]
        self.suppressed += sum(n.status == "suppressed" for n in changes.notifications)
        if changes.notifications:
            self._links.wake_notifier()
        for event in changes.events:
            self._publish_soon(event)
        for alert in changes.alerts:
            self._links.alerted(alert)
            self._publish_soon(alert)

    def _publish_soon(self, value: Value) -> None:
        """Events and alerts are in the database; the queue holds seconds of them, and what does not fit is counted."""
        try:
            self._changes.put_nowait(value)
        except asyncio.QueueFull:
            self.unsent += 1

    def _publish_news(self, value: Value) -> None:
        if self._news.full():
            self._news.get_nowait()
            self.unsent += 1
        self._news.put_nowait(value)

    async def _publish_forever(self, queue: asyncio.Queue[Value]) -> None:
        while True:
            await self._publish(await queue.get())

    async def _publish(self, value: Value) -> None:
        now = self._links.clock.now()
        message = envelope(value, _message_id(value, now), now)
        try:
            await self._links.bus.publish(TOPICS[message.kind], message)
        except BusError as error:
            self.unsent += 1
            log.error("bus: %s", error)

    # --- pictures ----------------------------------------------------------------------------------------------------

    async def picture(self, alert: Alert) -> Picture | None:
        """The annotated still of the moment an alert opened, cut from the main stream. Raises SourceError: why there is none."""
        worker = self.vision.get(alert.camera)
        number = next(self._numbers)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._stills[number] = future
        try:
            if worker is None or not worker.tell(self._request(number, alert).note()):
                raise SourceError("the analysis process is being started again")
            async with asyncio.timeout(self._still_s):
                jpeg = await future
        except TimeoutError:
            raise SourceError("the analysis process did not make it in time") from None
        finally:
            self._stills.pop(number, None)
        width, height = jpeg_size(jpeg)
        return Picture(picture_name(alert.camera, alert.opened), jpeg, width, height)

    def _request(self, number: int, alert: Alert) -> StillRequest:
        camera = self._watched.get(alert.camera)
        if camera is None:
            raise SourceError("the camera is not there any more")
        verdict = alert.verdict
        shown = (Detection(verdict.label, verdict.score, verdict.box),) if verdict.box else ()
        zones = {name: tuple(camera.zones[name]) for name in verdict.zones if name in camera.zones}
        privacy = tuple(tuple(polygon) for polygon in camera.privacy)
        track = alert.tracks[0] if alert.tracks else ""
        caption = f"{camera.title}  {local_time(alert.opened, camera.zone)}"
        return StillRequest(number, alert.camera, alert.opened, track, shown, zones, privacy, caption)

    def _still_made(self, note: Note) -> None:
        future = self._stills.get(note.header["number"])
        if future is None or future.done():
            return
        if note.body:
            future.set_result(note.body)
        else:
            future.set_exception(SourceError(note.header["reason"]))

    def seen(self, alert: Alert) -> Sequence[Detection]:
        """Everything the detector saw in the picture that opened the alert."""
        recent = self.analysed[alert.camera].recent if alert.camera in self.analysed else ()
        near = [o for o in recent if o.detected]
        if not near:
            return ()
        return min(near, key=lambda o: abs(o.time - alert.opened)).detections

    def online(self) -> bool:
        """Whether every camera is where it should be."""
        good = (CameraStatus.ONLINE, CameraStatus.SLEEPING, CameraStatus.DISABLED, CameraStatus.ENDED)
        return all(state.status in good for state in self.states.values())


def _message_id(value: Value, now: int) -> str:
    """Of an event or alert: the same for the same state of it, so that saying it again is no second message."""
    if not isinstance(value, Event | Alert):
        return new_id(now)
    state = json.dumps(encode(value), sort_keys=True, separators=(",", ":")).encode()
    return f"{value.id}-{crc32(state):08x}"


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height from the frame header (ITU-T T.81 B.2.2); (0, 0) when there is none."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + length
    return 0, 0
