"""The vision process: packets in, observations out.

Threads: the event loop (packets from capture, notes from and to the hub), one analysis thread per camera, one detector thread,
a pool of four for stills, one for a picture that is tried. It opens no network and no file but the model.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from redshank.bus.messages import encode
from redshank.camera import Camera, CameraSettings, Look
from redshank.clock import NS_PER_S
from redshank.errors import ModelError, SourceError
from redshank.model import Box, Detection, Packet
from redshank.pipe import Note, Pipe, PipeBroken
from redshank.process.sandbox import forbid_writing
from redshank.process.settings import AnalysisSettings, StillRequest, VisionSettings
from redshank.process.still import Stills
from redshank.process.trying import Tries
from redshank.process.wire import HELLO, PACKET, Receiver
from redshank.process.worker import Worker
from redshank.vision.detect import Detector
from redshank.vision.device import DetectorThread
from redshank.vision.models import default_store, load
from redshank.vision.motion import MotionSettings
from redshank.vision.still import StillObject, still_from_json
from redshank.vision.stills import Still
from redshank.vision.track import TrackSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

QUEUE_PACKETS = 300
QUEUE_BYTES = 16_000_000
LATE_PACKETS = 20
"""More than this waiting means that we are behind: decode, but look only at the newest."""
DETECT_DEADLINE_S = 10.0
FEED_LIMIT_S = 20.0
"""One packet never takes so long, a whole catch-up and the wait for the detector included."""
FAILING_LIMIT_S = 10.0
"""A detector that has only failed for so long (a lost device) gets a new process."""
UNSAID_BYTES = 4_000_000
"""With so much unheard by the hub, looks at nothing are not told."""


SETTINGS = TypeAdapter(VisionSettings)


class CameraThread:
    """One camera's queue and the thread that empties it.

    The queue is bounded in packets and bytes; when it is full everything up to the next keyframe is dropped and counted.
    """

    def __init__(self, camera: Camera, name: str, worker: Worker) -> None:
        self.camera = camera
        self.name = name
        self.dropped = 0
        self.looks = 0
        self.detections = 0
        self.failed = 0
        self.unsaid = 0
        self.trouble = ""
        """Why the last packet could not be analysed."""
        self._failing_since: int | None = None
        self._busy_since: int | None = None
        self._worker = worker
        self._queue: deque[Packet] = deque()
        self._bytes = 0
        self._skipping = False
        self._ready = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._run, name=f"analysis-{name}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def busy_s(self) -> float:
        """How long the packet in hand has taken so far."""
        since = self._busy_since
        return 0.0 if since is None else (self._worker.clock.mono_ns() - since) / NS_PER_S

    @property
    def failing_s(self) -> float:
        """How long every try has failed."""
        since = self._failing_since
        return 0.0 if since is None else (self._worker.clock.mono_ns() - since) / NS_PER_S

    def put(self, packet: Packet) -> None:
        """From the loop; never blocks."""
        with self._ready:
            if packet.keyframe and len(self._queue) < QUEUE_PACKETS // 2:
                self._skipping = False
            if self._skipping or len(self._queue) >= QUEUE_PACKETS or self._bytes + len(packet.data) > QUEUE_BYTES:
                self._skipping = True
                self.dropped += 1
                return
            self._queue.append(packet)
            self._bytes += len(packet.data)
            self._ready.notify()

    def stop(self) -> None:
        with self._ready:
            self._open = False
            self._ready.notify()

    def stats(self) -> dict[str, Any]:
        return {
            "waiting": len(self._queue),
            "dropped": self.dropped,
            "looks": self.looks,
            "detections": self.detections,
            "failed": self.failed,
            "unsaid": self.unsaid,
            "unreadable": self.camera.unreadable,
            "trouble": self.trouble,
            "stages": self.camera.stages.table(),
        }

    def _run(self) -> None:
        while (packet := self._next()) is not None:
            self._busy_since = self._worker.clock.mono_ns()
            try:
                looks = self.camera.feed(packet, late=len(self._queue) > LATE_PACKETS)
            except (ModelError, SourceError) as error:
                self._fail(error)
                continue
            finally:
                self._busy_since = None
            if any(look.observation.detected for look in looks):
                self._failing_since, self.trouble = None, ""
            for look in looks:
                self._tell(look)

    def _fail(self, error: ModelError | SourceError) -> None:
        """This camera's own trouble; a detector that fails is everybody's, and is replaced with the process."""
        self.failed += 1
        if str(error) != self.trouble:
            self.trouble = str(error)
            log.error("not analysed", extra={"camera": self.name, "reason": self.trouble})
        if isinstance(error, ModelError) and self._failing_since is None:
            self._failing_since = self._worker.clock.mono_ns()

    def _next(self) -> Packet | None:
        with self._ready:
            self._ready.wait_for(lambda: self._queue or not self._open)
            if not self._open:
                return None
            packet = self._queue.popleft()
            self._bytes -= len(packet.data)
            return packet

    def _tell(self, look: Look) -> None:
        if self._worker.pipe.waiting > UNSAID_BYTES and not look.observation.tracks:
            self.unsaid += 1
            return
        self.looks += 1
        self.detections += len(look.observation.detections)
        self._worker.tell_soon(Note("look", encode(look.observation)))


class Vision:
    """The process: its cameras, its detector, its connection to capture."""

    def __init__(self, worker: Worker, settings: VisionSettings) -> None:
        self._worker = worker
        self._settings = settings
        self._detector: DetectorThread | None = None
        self._loaded: tuple[Detector, DetectorThread] | None = None
        self._cameras: dict[str, CameraThread] = {}
        self._analyses: dict[str, AnalysisSettings] = {}
        """How each of them is looked at."""
        self._stills = Stills(worker, self.still_of)
        self._tries = Tries(worker)
        self._packets: Pipe | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._registers: dict[str, set[tuple[str, Box]]] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._worker.beat(self.stats))
            await self._load()
            self._worker.on_socket(self._connected)
            group.create_task(self._registers_out())
            group.create_task(self._worker.listen(self._on_note))

    async def _load(self) -> None:
        s = self._settings
        detector = await asyncio.to_thread(load, s.model, default_store(), s.device, s.threads)
        forbid_writing()
        device = self._detector = DetectorThread(detector, self._worker.clock)
        device.start()
        self._change(s, detector, device)
        self._loaded = detector, device
        hello = {"model": detector.model_id, "device": detector.device, "labels": list(detector.labels)}
        self._worker.pipe.write(Note("ready", hello))

    def _change(self, settings: VisionSettings, detector: Detector, device: DetectorThread) -> None:
        """Exactly these cameras are looked at from now on; those that are already, in this way, go on untouched."""
        wanted = {analysis.camera: analysis for analysis in settings.cameras}
        for name in [name for name, analysis in self._analyses.items() if wanted.get(name) != analysis]:
            self._cameras.pop(name).stop()
            self._registers.pop(name, None)
            del self._analyses[name]
        for name, analysis in wanted.items():
            if name not in self._analyses:
                camera = Camera(_camera_settings(analysis, settings.epoch, detector), partial(_detect, device, name))
                camera.restore(tuple(_known(settings.registers.get(name, ()))))
                self._cameras[name] = CameraThread(camera, name, self._worker)
                self._analyses[name] = analysis

    def stats(self) -> dict[str, Any]:
        """The beat: also says when the detector has been at one picture for too long."""
        if self._detector is None:
            return {"loading": True}
        counts = self._detector.statistics
        return {
            "cameras": {name: thread.stats() for name, thread in self._cameras.items()},
            "detector": {**asdict(counts), "ms": round(counts.ms_per_picture, 1)},
            **self._stuck(self._detector),
        }

    def _stuck(self, detector: DetectorThread) -> dict[str, Any]:
        """A thread that ended by a fault of ours or of a library can only be had back with a new process."""
        for name, thread in self._cameras.items():
            if not thread.alive or thread.busy_s > FEED_LIMIT_S:
                return {"stuck_s": math.inf, "stuck_in": f"the analysis of {name}", "blamed": name}
        if self._tries.busy_s > FEED_LIMIT_S:
            return {"stuck_s": math.inf, "stuck_in": "a picture that was tried"}
        if not detector.alive or any(thread.failing_s > FAILING_LIMIT_S for thread in self._cameras.values()):
            return {"stuck_s": math.inf, "stuck_in": "the detector"}
        busy_ns = self._worker.clock.mono_ns() - detector.last_progress_mono_ns
        return {"stuck_s": busy_ns / NS_PER_S, "stuck_in": "the detector"}

    def still_of(self, camera: str, track: str) -> Still | None:
        """The best analysed picture of a track, when there is no better one."""
        thread = self._cameras.get(camera)
        return thread.camera.stills.get(track) if thread else None

    def _connected(self, pipe: Pipe) -> None:
        if self._packets is not None:
            self._packets.close()
        self._packets = pipe
        pipe.write(Note(HELLO, {"role": "vision"}))
        self._stills.capture = pipe
        task = self._worker.loop.create_task(self._read(pipe))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, pipe: Pipe) -> None:
        receiver = Receiver()
        with contextlib.suppress(PipeBroken):
            while True:
                note = await pipe.read()
                if note.kind == "cut":
                    self._stills.on_cut(note)
                    continue
                packet = receiver.packet(note)
                if note.kind == PACKET and packet is not None:
                    self._put(packet)

    def _put(self, packet: Packet) -> None:
        analysis = self._analyses.get(packet.camera)
        if analysis is not None and analysis.stream == packet.stream:
            self._cameras[packet.camera].put(packet)

    async def _on_note(self, note: Note) -> None:
        if note.kind == "still":
            self._stills.ask(StillRequest.from_note(note))
        elif note.kind == "try" and self._loaded is not None:
            self._tries.ask(note, *self._loaded)
        elif note.kind == "cameras" and self._loaded is not None:
            self._change(SETTINGS.validate_json(note.body), *self._loaded)

    async def _registers_out(self) -> None:
        """Still objects survive a restart: the hub keeps what we last knew."""
        while True:
            await self._worker.clock.sleep(5.0)
            for name, thread in self._cameras.items():
                register = thread.camera.still()
                places = {(one.id, one.box) for one in register}
                if places != self._registers.get(name, set()):
                    self._registers[name] = places
                    known = [one.as_json() for one in register]
                    self._worker.pipe.write(Note("register", {"camera": name, "register": known}))


def _known(register: Iterable[Mapping[str, Any]]) -> Iterator[StillObject]:
    """What an older version wrote and this one cannot read is not worth a restart loop."""
    for one in register:
        try:
            yield still_from_json(one)
        except (KeyError, TypeError, ValueError) as error:
            log.warning("a still object of the database is not understood", extra={"reason": repr(error)})


def _camera_settings(told: AnalysisSettings, epoch: int, detector: Detector) -> CameraSettings:
    return CameraSettings(
        camera=told.camera,
        input_size=detector.input_size,
        epoch=epoch,
        fps=told.fps,
        labels=frozenset(told.labels),
        filters=told.filters,
        privacy=told.privacy,
        full_every_s=told.full_every_s,
        motion=MotionSettings(told.sensitivity, told.min_area, told.min_frames, told.masks),
        tracking=TrackSettings(birth_score=told.min_score),
    )


def _detect(
    device: DetectorThread, camera: str, pictures: Sequence[NDArray[np.uint8]], floor: float
) -> list[list[Detection]] | None:
    return device.detect(camera, pictures, floor, DETECT_DEADLINE_S)


async def vision(worker: Worker) -> None:
    """The body."""
    settings = SETTINGS.validate_json(await worker.settings())
    try:
        await Vision(worker, settings).run()
    except* ModelError as errors:
        # Without a model there is nothing to do here; the hub shows why and starts us again later.
        worker.pipe.write(Note("trouble", {"reason": str(errors.exceptions[0])}))
        await worker.pipe.drain()
