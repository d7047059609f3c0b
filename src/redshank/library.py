"""The hub's side of recording: files that capture closed become rows, what is missing becomes gaps, capture hears what to record.

    capture ──segment──▶ row committed ──▶ `.part` name removed        (the order of writes: docs/design/recording.md)
    capture ──running──▶ `running`, for playback and the watch
    user, schedule ──record──▶ capture · motion, alerts ──keep──▶ capture

Everything runs on the event loop; disk and database in threads. Rows are committed in the order capture closed the files; while the
database refuses they wait here, and after a kill their `.part` names tell the next start (`adopt`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from redshank.activity import Activity, followed
from redshank.clock import NS_PER_S, US_PER_S, Clock, rfc3339
from redshank.clock_watch import ClockWatch
from redshank.entries import Adopted, Begun, Entries
from redshank.errors import StoreError
from redshank.leftover import Leftovers
from redshank.model import Alert, CameraState, CameraStatus, Gap, GapReason, Observation, Segment
from redshank.pipe import Note
from redshank.record_settings import SEQ_BITS, Mode, RecordSettings
from redshank.schedule import Span, inside
from redshank.store import alerts, ledger
from redshank.store.base import Store
from redshank.volume import Volume

log = logging.getLogger(__name__)

Key = tuple[str, str]
TICK_S = 1.0
UNRECORDED_US = 12 * US_PER_S
"""Nothing new on disk for so long is told (rel:T16 asks for 15 s)."""
KEEP_EVERY_US = US_PER_S
BLIND_NS = 10 * NS_PER_S
"""Analysis that has not looked for so long is down, or held up: modes that record what it sees record all then."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one camera is recorded, as the user wrote it."""

    settings: tuple[RecordSettings, ...]
    """One per recorded stream, before schedule and private switch."""
    schedule: tuple[Span, ...]
    zone: ZoneInfo


@dataclass(slots=True)
class _Camera:
    """What is so at the moment."""

    plan: Plan
    activity: Activity = field(default_factory=Activity)
    told: tuple[Mode, bool] | None = None
    """Mode and private as capture heard them last."""
    private: bool = False
    """As was told last to who shows it."""
    kept: int = 0
    """Newest time capture was told to keep."""
    alerts: set[str] = field(default_factory=set)
    """Open ones."""
    seen_ns: int = 0
    """When analysis looked last (monotonic)."""

    @property
    def mode(self) -> Mode:
        """As the user wrote it."""
        return self.plan.settings[0].mode if self.plan.settings else "off"


class Library:
    """One per site. `start`, then `run` until cancelled."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        states: Mapping[Key, CameraState],
        boot: str = "",
        judge_fails: Callable[[], bool] = lambda: False,
    ) -> None:
        self.running: dict[Key, Segment] = {}
        """Files being written, as capture told last: their path still ends in `.part`."""
        self.trouble: dict[str, str] = {}
        """What is wrong, by what it is about; for the status."""
        self.buffers: dict[str, Mapping[str, object]] = {}
        """By volume: what capture says of what waits for the disk."""
        self.on_private: Callable[[str], None] = lambda _camera: None
        """Told of each camera that becomes private, whether or not there is a capture process that could say so."""
        self._store = store
        self._clock = clock
        self._volumes: Mapping[str, Volume] = {}
        self._leftovers = Leftovers(clock, {}, {}, lambda _segment: None)
        self._entries = Entries(store, clock, lambda segments: self._leftovers.unmark(segments), self._note)
        self._states = states
        self._cameras: dict[str, _Camera] = {}
        self._begun = clock.now()
        self._recorded: set[Key] = set()
        """Streams that should be, by their plans."""
        self._reached: dict[Key, int] = {}
        """Up to when a stream is on disk, or was not to be."""
        self._tell: dict[str, Callable[[Note], bool]] = {}
        self._judge_fails = judge_fails
        """Alerts come late then."""
        self._private: Mapping[str, int | None] = {}
        self._first_seq: dict[str, int] = {}
        """By camera: files with a lower number belong to no living capture process."""
        self._clock_watch = ClockWatch(store, clock, boot)

    @property
    def waiting(self) -> int:
        """Rows not committed yet."""
        return self._entries.waiting

    async def start(self, plans: Mapping[str, Plan], volumes: Mapping[str, Volume], least_epoch: int = 1) -> None:
        """Since it was recorded last, every stream has a gap; which cameras are private is known. Files follow in `run`.

        volumes: by id; one that can be used only later is put in by its owner.
        """
        self._volumes = volumes
        self.plan(plans)
        begin = partial(ledger.begin, wanted=self._recorded, now=self._clock.now())
        last_epoch = await asyncio.wrap_future(self._store.write(begin))
        self._first_seq = dict.fromkeys(self._cameras, max(last_epoch + 1, least_epoch) << SEQ_BITS)
        self._leftovers = Leftovers(
            self._clock, volumes, self._first_seq, lambda segment: self._entries.put(Adopted(segment))
        )
        self._private = await asyncio.to_thread(self._store.read, partial(ledger.private, now=self._clock.now()))
        for alert, _grouped in await asyncio.to_thread(self._store.read, alerts.live):
            self.alerted(alert)

    def silent(self, cameras: Iterable[str]) -> tuple[str, ...]:
        """Those that are private now, recorded or not."""
        return tuple(name for name in cameras if name in self._cameras and self._wanted(name)[1])

    def plan(self, plans: Mapping[str, Plan]) -> None:
        """How cameras are recorded from now on; those not named are not any more. What was recorded of them still comes."""
        for name in self._cameras.keys() - plans.keys():
            del self._cameras[name]
        for name, plan in plans.items():
            camera = self._cameras.setdefault(name, _Camera(plan, seen_ns=self._clock.mono_ns()))
            camera.plan = plan
        recorded = {(s.camera, s.stream) for camera in self._cameras.values() for s in camera.plan.settings}
        self._reached |= dict.fromkeys(recorded - self._recorded, self._clock.now())
        for camera_name, stream in self._recorded - recorded:
            self._note(f"{camera_name}/{stream}", "")
        self._recorded = recorded

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_back())
            group.create_task(self._entries.run())
            group.create_task(self._direct_forever())
            group.create_task(self._ask_forever())
            group.create_task(self._settle_forever())

    async def _look_back(self) -> None:
        """What an earlier life left; its capture may still be closing files."""
        for volume in list(self._volumes):
            await self._leftovers.search_on(volume)
        self._leftovers.search(self._cameras)

    async def adopt_on(self, volume: str) -> None:
        """A volume that can be used only now."""
        await self._leftovers.search_on(volume)

    async def drain(self) -> None:
        """At the end, when capture is gone: what it closed last becomes rows."""
        await self._entries.drain()
        await self._leftovers.settle()
        with contextlib.suppress(StoreError):
            await asyncio.wrap_future(self._store.write(partial(ledger.alive, now=self._clock.now())))

    def started(self, cameras: Iterable[str], epoch: int) -> None:
        """Their capture process begins and is told `settings`: files of an earlier one are nobody's now."""
        for name in cameras:
            if name in self._cameras:
                self._cameras[name].told = self._wanted(name)
                self._first_seq[name] = epoch << SEQ_BITS

    def settings(self, cameras: Iterable[str]) -> list[RecordSettings]:
        """Their streams as they should be recorded now."""
        found = []
        for name in cameras:
            if name in self._cameras:
                mode, private = self._wanted(name)
                found += [
                    replace(s, mode=mode, private=private)
                    for s in self._cameras[name].plan.settings
                    if s.volume in self._volumes
                ]
        return found

    def state(self, camera: str, stream: str) -> dict[str, object] | None:
        """How a stream is recorded, for the status; None when it is not."""
        known = self._cameras.get(camera)
        if known is None or not any(s.stream == stream for s in known.plan.settings):
            return None
        mode, private = known.told or self._wanted(camera)
        file = self.running.get((camera, stream))
        return {
            "mode": mode,
            "private": private,
            "recording": file is not None,
            "until": rfc3339(file.end) if file else None,
            "trouble": self.trouble.get(f"{camera}/{stream}", ""),
        }

    def closed(self, camera: str, stream: str) -> list[Segment]:
        """Finished files whose row is not committed yet. From any thread."""
        return [one for one in self._entries.closed() if (one.camera, one.stream) == (camera, stream)]

    def serves(self, camera: str, tell: Callable[[Note], bool]) -> None:
        """How the capture process of a camera is spoken to."""
        self._tell[camera] = tell

    def ended(self, cameras: Iterable[str]) -> None:
        """Their capture process is gone: what it left open is adopted, and nothing is recorded until the next one."""
        for key in [key for key in self.running if key[0] in set(cameras)]:
            del self.running[key]
        self._leftovers.search(cameras)

    # --- from capture ------------------------------------------------------------------------------------------------

    async def on_note(self, note: Note) -> bool:
        """Whether the note was for us."""
        h = note.header
        match note.kind:
            case "segment":
                self._forget_running(segment := _segment(h))
                self._entries.put(segment)
            case "running":
                self._runs(_segment(h))
            case "gap":
                self._entries.put(self._gap(h))
            case "volume":
                self.buffers[h["id"]] = h
                self._note(f"recording on {self._volumes[h['id']].root}", h["trouble"])
            case _:
                return False
        return True

    def _runs(self, segment: Segment) -> None:
        key = (segment.camera, segment.stream)
        if key not in self.running or self.running[key].seq != segment.seq:
            self._entries.put(Begun(segment))
        self.running[key] = segment
        self._reached[key] = segment.end

    def _forget_running(self, segment: Segment) -> None:
        key = (segment.camera, segment.stream)
        self._reached[key] = max(segment.end, self._reached.get(key, 0))
        if key in self.running and self.running[key].seq == segment.seq:
            del self.running[key]

    def _gap(self, h: Mapping[str, Any]) -> Gap:
        """Capture knows that nothing came; why a camera sent nothing, its state says better."""
        gap = Gap(h["camera"], h["stream"], h["start"], h.get("end"), GapReason(h["reason"]))
        state = self._states.get((gap.camera, gap.stream))
        if gap.reason is GapReason.OFFLINE and state is not None and state.status is CameraStatus.STALLED:
            return replace(gap, reason=GapReason.STALLED)
        return gap

    # --- from analysis and judge -------------------------------------------------------------------------------------

    def seen(self, observation: Observation) -> None:
        """Something moves or is followed: worth keeping, told to capture about once a second."""
        camera = self._cameras.get(observation.camera)
        if camera is None:
            return
        camera.activity.hear(observation)
        camera.seen_ns = self._clock.mono_ns()
        if observation.motion > 0 or followed(observation):
            important = followed(observation) and (camera.mode != "alert" or self._judge_fails())
            self._keep(camera, observation.camera, observation.time, observation.time, important)

    def alerted(self, alert: Alert) -> None:
        """While it is open its camera is kept (`_watch`)."""
        camera = self._cameras.get(alert.camera)
        if camera is None:
            return
        if alert.state == "open" and alert.severity == "alert":
            camera.alerts.add(alert.id)
            self._keep(camera, alert.camera, alert.opened, self._clock.now(), True, alert=True)
        else:
            camera.alerts.discard(alert.id)

    def _keep(self, camera: _Camera, name: str, since: int, until: int, important: bool, alert: bool = False) -> None:
        if not alert and 0 <= until - camera.kept < KEEP_EVERY_US:
            return
        camera.kept = until
        header = {"camera": name, "since": since, "until": until, "important": important}
        self._say(name, Note("keep", header))

    def _say(self, camera: str, note: Note) -> bool:
        tell = self._tell.get(camera)
        return tell is not None and tell(note)

    # --- once a second -----------------------------------------------------------------------------------------------

    async def _direct_forever(self) -> None:
        """What capture has to hear: nothing here waits for a database or a disk."""
        while True:
            now, mono_ns = self._clock.now(), self._clock.mono_ns()
            for name, camera in self._cameras.items():
                self._tell_mode(name, camera)
                if camera.alerts:
                    self._keep(camera, name, now, now, True, alert=True)
                elif camera.mode in ("motion", "alert") and mono_ns - camera.seen_ns > BLIND_NS:
                    # Nobody looks, so nobody knows that nothing happens.
                    self._keep(camera, name, now, now, True)
            self._watch_progress()
            await self._clock.sleep(TICK_S)

    async def _ask_forever(self) -> None:
        """What the database has to say or to be told; late when it is."""
        while True:
            with contextlib.suppress(StoreError):
                now = self._clock.now()
                self._private = await asyncio.to_thread(self._store.read, partial(ledger.private, now=now))
            await self._clock.sleep(TICK_S)

    async def _settle_forever(self) -> None:
        while True:
            await self._clock_watch.look()
            await self._measure_motion()
            await self._clock.sleep(TICK_S)

    def _wanted(self, name: str) -> tuple[Mode, bool]:
        plan = self._cameras[name].plan
        local = datetime.fromtimestamp(self._clock.now() / US_PER_S, UTC).astimezone(plan.zone)
        off = plan.schedule and not inside(plan.schedule, local)
        mode = "off" if off or not plan.settings else plan.settings[0].mode
        return mode, bool({"", name} & self._private.keys())

    def _tell_mode(self, name: str, camera: _Camera) -> None:
        wanted = self._wanted(name)
        if wanted[1] and not camera.private:
            self.on_private(name)
        camera.private = wanted[1]
        if wanted != camera.told and self._say(
            name, Note("record", {"camera": name, "mode": wanted[0], "private": wanted[1]})
        ):
            camera.told = wanted
            self._reached |= {(name, s.stream): self._clock.now() for s in camera.plan.settings}

    def _watch_progress(self) -> None:
        """rel:T16: judged by what reached the disk, not by what arrived."""
        now = self._clock.now()
        for name, camera in self._cameras.items():
            for s in camera.plan.settings:
                key, what = (name, s.stream), f"{name}/{s.stream}"
                state = self._states.get(key)
                reached = max(self._begun, self._reached.get(key, 0))
                due = camera.told == ("continuous", False) and s.volume in self._volumes
                late = (
                    due
                    and state is not None
                    and state.status is not CameraStatus.ENDED
                    and now - reached > UNRECORDED_US
                )
                why = f" ({state.reason})" if state is not None and state.reason else ""
                self._note(what, f"nothing has been recorded for {(now - reached) // US_PER_S} s{why}" if late else "")

    async def _measure_motion(self) -> None:
        """Of files that were closed a little while ago: by now analysis has looked at all of them."""
        for segment in self._entries.settled():
            camera = self._cameras.get(segment.camera)
            motion = camera.activity.motion(segment.start, segment.end) if camera else None
            if motion is not None:
                await self._entries.moved(segment, motion)

    def _note(self, what: str, trouble: str) -> None:
        if trouble:
            if what not in self.trouble:
                log.error("%s: %s", what, trouble)
            self.trouble[what] = trouble
        elif self.trouble.pop(what, None):
            log.info("%s: well again", what)


def _segment(header: Mapping[str, Any]) -> Segment:
    return Segment(**{**header, "index": bytes.fromhex(header["index"])})
