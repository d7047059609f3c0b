"""The picture of an alert: cut from the main stream, drawn on, encoded.

The hub asks (`still`), we ask capture for the main stream's packets from the keyframe before that time (`cut`), decode to the
nearest frame, draw, and answer with a JPEG. When capture has nothing within CUT_DEADLINE_S the track's best analysed picture
serves instead; when there is none either, the answer says why.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import replace

from redshank.errors import RedshankError
from redshank.media.decode import Decoder
from redshank.media.picture import jpeg_frame
from redshank.model import Frame
from redshank.pipe import Note, Pipe, unpack
from redshank.process.settings import StillRequest
from redshank.process.wire import Receiver
from redshank.process.worker import Worker
from redshank.vision.picture import annotate, cover, jpeg, still
from redshank.vision.stills import Still

CUT_DEADLINE_S = 1.5
MAX_WAITING = 64
MAX_WIDTH = 1920

_LENGTH = struct.Struct(">I")


class Stills:
    """Answers the hub's requests; lives on the event loop, decodes and draws in the pool."""

    def __init__(self, worker: Worker, fallback: Callable[[str, str], Still | None]) -> None:
        self.capture: Pipe | None = None
        self._worker = worker
        self._fallback = fallback
        self._cuts: dict[int, asyncio.Future[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, request: StillRequest) -> None:
        """At most MAX_WAITING at once; one more is answered with "busy"."""
        if len(self._tasks) >= MAX_WAITING:
            self._answer(request, b"", "too many pictures were asked for at once")
            return
        task = self._worker.loop.create_task(self._make(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def on_cut(self, note: Note) -> None:
        """Capture's answer: packed format and packet notes, one after another."""
        future = self._cuts.pop(note.header["number"], None)
        if future is not None and not future.done():
            future.set_result(note.body)

    async def _make(self, request: StillRequest) -> None:
        packets = await self._cut(request)
        fallback = self._fallback(request.camera, request.track)
        try:
            picture, reason = await asyncio.to_thread(draw, request, packets, fallback)
        except RedshankError as error:
            picture, reason = b"", str(error)
        self._answer(request, picture, reason)

    async def _cut(self, request: StillRequest) -> bytes:
        if self.capture is None:
            return b""
        future: asyncio.Future[bytes] = self._worker.loop.create_future()
        self._cuts[request.number] = future
        header = {"number": request.number, "camera": request.camera, "time": request.time}
        self.capture.write(Note("cut", header))
        try:
            async with asyncio.timeout(CUT_DEADLINE_S):
                return await future
        except TimeoutError:
            return b""
        finally:
            self._cuts.pop(request.number, None)

    def _answer(self, request: StillRequest, picture: bytes, reason: str) -> None:
        self._worker.pipe.write(Note("still", {"number": request.number, "reason": reason}, picture))


def draw(request: StillRequest, packets: bytes, fallback: Still | None) -> tuple[bytes, str]:
    """JPEG and, when it is empty, why. Runs in the pool."""
    frame, shown = nearest(packets, request.time), request.shown
    if frame is not None:
        frame = cover(frame, request.privacy) if request.privacy else frame
    elif fallback is not None:
        # Another moment than was asked for: the box is where the object was then.
        frame = jpeg_frame(fallback.jpeg, request.time)
        shown = tuple(replace(one, box=fallback.box) for one in shown[:1])
    if frame is None:
        return b"", "no picture of that moment is in memory any more"
    drawn = annotate(still(frame, max_width=MAX_WIDTH), shown, request.zones, request.caption)
    return jpeg(drawn), ""


def nearest(packets: bytes, time: int) -> Frame | None:
    """The decoded frame closest to a time, of packets that start at a keyframe."""
    decoder, receiver = Decoder(), Receiver()
    best: Frame | None = None
    for note in _notes(packets):
        packet = receiver.packet(note)
        for frame in decoder.decode(packet) if packet else []:
            best = _closer(best, frame, time)
    for frame in decoder.flush():
        best = _closer(best, frame, time)
    return best


def _closer(best: Frame | None, frame: Frame, time: int) -> Frame:
    return frame if best is None or abs(frame.time - time) < abs(best.time - time) else best


def _notes(packed: bytes) -> list[Note]:
    notes: list[Note] = []
    at = 0
    while at < len(packed):
        (size,) = _LENGTH.unpack_from(packed, at)
        notes.append(unpack(packed[at + 4 : at + 4 + size]))
        at += 4 + size
    return notes
