"""What the studio makes of a live stream while somebody watches: JPEGs for what has no player, H.264 for browsers that play nothing
else. One film per (camera, stream, width) for all its viewers; begun with the first, ended with the last. On the hub's event loop.

The studio's process may hang, die and come back: the film is begun anew in it, and viewers see a pause. Masks are asked for with each
packet: a new one is black from the next picture on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import count
from typing import Any, Generic, Protocol, TypeVar

from redshank.clock import Clock
from redshank.errors import RedshankError
from redshank.geometry import Polygon
from redshank.live.pictures import Packets, width_class
from redshank.live.viewer import Item, Share, Viewer
from redshank.media.codec_config import VIDEO_SCALE
from redshank.media.fanout import QUEUE, Bounds
from redshank.model import Detection, Packet, StreamFormat
from redshank.pipe import Note

log = logging.getLogger(__name__)

MOST_SHOTS = 8
"""Films of JPEGs at once …"""
MOST_RELAYS = 2
"""… and of H.264."""
NEWEST = Bounds(0.0, 8 << 20)
"""Of a viewer of JPEGs: who has not taken the last one gets the next instead."""
AGAIN_S = 1.0
MOST_FPS, LEAST_FPS = 10.0, 1.0


class Forgotten(RedshankError):
    """A film ends because its camera is private now."""


class TooMany(RedshankError):
    """There are as many films as there may be at once; later there are fewer."""


class Running(Protocol):
    """One job of the studio (playback/studio.py)."""

    async def say(self, kind: str, header: Mapping[str, Any], body: bytes = b"") -> None:
        """Waits while it has much to do. Raises RedshankError when it has ended."""
        ...

    async def over(self) -> None:
        """Waits, and raises RedshankError when it ends by itself."""
        ...


class Begins(Protocol):
    def film(
        self, job: str, header: Mapping[str, Any], heard: Callable[[Note], None]
    ) -> AbstractAsyncContextManager[Running]: ...


@dataclass(frozen=True, slots=True)
class Shot:
    """A JPEG. time: of the picture."""

    time: int
    mono_ns: int
    data: bytes


T = TypeVar("T", bound=Item)


@dataclass(frozen=True, slots=True)
class Order:
    """Which film."""

    job: str
    """shots or relay."""
    camera: str
    stream: str
    width: int = 0
    boxes: bool = False
    """Whether what is seen is drawn."""


class Films:
    """One per site. `masks`: of a camera, as they are now; `seen`: what is in front of it, as it was looked at last."""

    def __init__(
        self,
        room: Packets,
        studio: Begins,
        clock: Clock,
        masks: Callable[[str], tuple[Polygon, ...]],
        seen: Callable[[str], Sequence[Detection]] = lambda _camera: (),
    ) -> None:
        self.seen = seen
        self.room = room
        self.studio = studio
        self.clock = clock
        self.masks = masks
        self._shots: dict[Order, _Film[Shot]] = {}
        self._relays: dict[Order, _Film[Packet]] = {}

    @asynccontextmanager
    async def shots(
        self, camera: str, stream: str, width: int, fps: float, boxes: bool = False
    ) -> AsyncIterator[Viewer[Shot]]:
        """JPEGs of the next of WIDTHS, masked, while the context is open; up to the fastest viewer's `fps`. Raises TooMany."""
        order = Order("shots", camera, stream, width_class(width), boxes)
        wanted = min(max(fps, LEAST_FPS), MOST_FPS)

        def begin() -> _Film[Shot]:
            return _Film(self, order, Share[Shot](NEWEST, self.clock), _shot)

        with _on(self._shots, order, MOST_SHOTS, begin) as film:
            film.wanted.append(wanted)
            try:
                with film.share.join() as viewer:
                    yield viewer
            finally:
                film.wanted.remove(wanted)

    @asynccontextmanager
    async def relay(self, camera: str, stream: str) -> AsyncIterator[AsyncIterator[Packet]]:
        """H.264 that every browser plays, no B-frames, at most 720 lines, masked, with the camera's sound: from a keyframe on, while
        the context is open. `LiveRoom.transcode` is this. Raises TooMany."""
        order = Order("relay", camera, stream)
        coder = _Coder(order)

        def begin() -> _Film[Packet]:
            return _Film(self, order, Share[Packet](QUEUE, self.clock), coder.picture, coder.sound)

        with _on(self._relays, order, MOST_RELAYS, begin) as film, film.share.join() as viewer:
            yield aiter(viewer)

    def forget(self, camera: str) -> None:
        """It is private now: nothing of it that waits, or is being made, is shown to anybody."""
        for films in (self._shots, self._relays):
            for order, film in films.items():
                if order.camera == camera:
                    film.forget()

    async def stop(self) -> None:
        """End every film. Idempotent."""
        films: list[_Film[Shot] | _Film[Packet]] = [*self._shots.values(), *self._relays.values()]
        for film in films:
            film.share.end()
            film.task.cancel()
        await asyncio.gather(*(film.task for film in films), return_exceptions=True)


class _Film(Generic[T]):
    """Made with its first viewer. `picture`: of a note, and whether watching can begin with it; `sound`: of what passes as it is. Both
    are told the monotonic time."""

    def __init__(
        self,
        films: Films,
        order: Order,
        share: Share[T],
        picture: Callable[[Note, int], tuple[T, bool]],
        sound: Callable[[Packet, int], T] | None = None,
    ) -> None:
        self._films = films
        self._order = order
        self._picture = picture
        self._sound = sound
        self.share = share
        self.wanted: list[float] = []
        """Shots a second, of each viewer."""
        self.users = 0
        self._forgotten = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(self._run())

    def forget(self) -> None:
        """What is there goes, and so does what the studio is making or its decoder holds: the film begins anew."""
        self.share.forget()
        self._forgotten.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._once()
            except* Forgotten:
                pass
            except* RedshankError as trouble:
                reason = str(trouble.exceptions[0])
                log.warning("a live film is begun again", extra={"camera": self._order.camera, "reason": reason})
            await self._films.clock.sleep(AGAIN_S)

    async def _once(self) -> None:
        o, films = self._order, self._films
        self._forgotten = forgotten = asyncio.Event()
        async with (
            films.room.packets(o.camera, o.stream) as packets,
            films.studio.film(o.job, self._settings(), partial(self._on_note, forgotten)) as film,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(film.over())
            group.create_task(_end_at(forgotten))
            group.create_task(self._feed(packets, film))

    def _settings(self) -> dict[str, Any]:
        masks, fps = self._films.masks(self._order.camera), max(self.wanted, default=LEAST_FPS)
        return {"masks": masks, "width": self._order.width, "fps": fps, "boxes": self._boxes()}

    def _boxes(self) -> list[list[Any]]:
        """[label, score, x1, y1, x2, y2] each."""
        found = self._films.seen(self._order.camera) if self._order.boxes else ()
        return [[one.label, one.score, one.box.x1, one.box.y1, one.box.x2, one.box.y2] for one in found]

    def _on_note(self, forgotten: asyncio.Event, note: Note) -> None:
        if not forgotten.is_set():
            self.share.offer(*self._picture(note, self._films.clock.mono_ns()))

    async def _feed(self, packets: AsyncIterable[Packet], film: Running) -> None:
        told, form = self._settings(), None
        async for packet in packets:
            if packet.format.kind != "video":
                if self._sound is not None:
                    self.share.offer(self._sound(packet, self._films.clock.mono_ns()), False)
                continue
            if (settings := self._settings()) != told:
                await film.say("change", settings)
                told = settings
            header: dict[str, Any] = {
                "pts": packet.pts,
                "dts": packet.dts,
                "time": packet.time,
                "keyframe": packet.keyframe,
            }
            if packet.format is not form:
                form = packet.format
                base = [form.time_base.numerator, form.time_base.denominator]
                header["format"] = [form.codec, form.extradata.hex(), form.width, form.height, base]
            await film.say("packet", header, packet.data)


@contextmanager
def _on(films: dict[Order, _Film[T]], order: Order, most: int, make: Callable[[], _Film[T]]) -> Iterator[_Film[T]]:
    """One more viewer."""
    if order not in films:
        if len(films) >= most:
            raise TooMany("too many live pictures are being made at once: close another view, or try again later")
        films[order] = make()
    film = films[order]
    film.users += 1
    try:
        yield film
    finally:
        film.users -= 1
        if not film.users:
            del films[order]
            film.task.cancel()


async def _end_at(forgotten: asyncio.Event) -> None:
    await forgotten.wait()
    raise Forgotten("its camera is private")


def _shot(note: Note, now_ns: int) -> tuple[Shot, bool]:
    return Shot(note.header["time"], now_ns, note.body), True


class _Coder:
    """What a relay makes, as packets of the camera's stream, numbered anew."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._seq = count()
        self._format = StreamFormat("video", "h264", Fraction(1, VIDEO_SCALE))

    def picture(self, note: Note, now_ns: int) -> tuple[Packet, bool]:
        h, o = note.header, self._order
        if told := h["format"]:
            made = replace(self._format, extradata=bytes.fromhex(told[0]), width=told[1], height=told[2])
            self._format = self._format if made == self._format else made
        pts, key = h["pts"], bool(h["keyframe"])
        number, form = next(self._seq), self._format
        return Packet(o.camera, o.stream, 0, number, form, h["time"], now_ns, pts, pts, 0, key, note.body), key

    def sound(self, packet: Packet, now_ns: int) -> Packet:
        return replace(packet, epoch=0, seq=next(self._seq), mono_ns=now_ns)
