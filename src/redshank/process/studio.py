"""The studio: decodes recorded pictures for people. A sandboxed process like vision, started when somebody looks (playback/studio.py).

    picture     one group of pictures → the JPEG of one instant, masked
    sheet       keyframes → a sheet of small pictures
    transcode   some seconds of any codec → H.264, masked
    card        the picture of a message that tries a channel
    shots, relay   what goes on while somebody watches a live camera: `process.film`

Threads: the event loop, and the pool for the jobs. It opens no network and no file; whatever a stream makes a decoder do happens here,
and a job that does not end has the process replaced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np

from redshank.clock import NS_PER_S
from redshank.errors import RedshankError, SourceUnusable
from redshank.media.decode import Decoder
from redshank.media.transcode import CODEC_FAILURE, h264_format, transcode
from redshank.model import Box, Frame
from redshank.pipe import Note
from redshank.playback.coded import Coded, coded_of
from redshank.process.film import MAKERS, Film, masks_of
from redshank.process.sandbox import forbid_writing
from redshank.process.worker import Worker
from redshank.vision import card
from redshank.vision.picture import PIXEL_FAILURE, Pixels, cover, jpeg, still

log = logging.getLogger(__name__)

LONGEST_S = 30.0
"""No job takes so long; the hub has given it up before."""
LONGEST_PACKET_S = 6.0
"""Nor does one packet of a film."""
QUALITY = 75
"""Of a sheet."""
THUMBS = (82, 70, 55, 40, 25)
"""Of a picture that may only have so many bytes, the first that fits."""

_FAILURES = (
    CODEC_FAILURE,
    PIXEL_FAILURE,
    MemoryError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)
"""What libraries raise for bytes that nobody meant to be pictures: the asker hears it, instead of waiting until it is given up."""

T = TypeVar("T")
Made = tuple[dict[str, Any], bytes]
"""Answer's header and body."""


class Studio:
    """The jobs at hand."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._due: dict[int, int] = {}
        """By job: when it must be done, monotonic."""
        self._films: dict[int, Film] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._worker.beat(self.stats))
            group.create_task(self._worker.listen(self.on_note))

    def stats(self) -> dict[str, Any]:
        """What should be done by now and is not, is stuck."""
        now = self._worker.clock.mono_ns()
        late = max(((now - due) / NS_PER_S for due in list(self._due.values())), default=0.0)
        stats = {"jobs": len(self._due), "films": len(self._films)}
        return {**stats, "stuck_s": max(0.0, late), "stuck_in": "a decoder"}

    async def on_note(self, note: Note) -> None:
        number = note.header["number"]
        if note.kind in MAKERS:
            self._films[number] = Film()
            self._start(self._show(note, self._films[number]))
        elif number in self._films:
            self._films[number].on_note(note)
        elif note.kind not in ("packet", "change", "end"):
            self._start(self._do(note))

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        task = self._worker.loop.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _show(self, begun: Note, film: Film) -> None:
        """Until it is told to end, or cannot go on."""
        number, reason = begun.header["number"], "it was told to end"
        try:
            maker = MAKERS[begun.kind](begun.header)
            while (note := await film.next()).kind != "end":
                made = await asyncio.to_thread(self._timed, number, LONGEST_PACKET_S, partial(film.work, maker, note))
                for one in made:
                    self._worker.pipe.write(Note(one.kind, {**one.header, "number": number}, one.body))
        except RedshankError as error:
            reason = str(error)
        except _FAILURES as error:
            log.warning("a film ends", exc_info=error)
            reason = "the camera's pictures could not be decoded"
        finally:
            del self._films[number]
            self._worker.pipe.write(Note("ended", {"number": number, "reason": reason}))

    def _timed(self, number: int, longest_s: float, job: Callable[[], T]) -> T:
        """In the pool: waiting for a turn there does not count."""
        self._due[number] = self._worker.clock.mono_ns() + round(longest_s * NS_PER_S)
        try:
            return job()
        finally:
            del self._due[number]

    async def _do(self, note: Note) -> None:
        number = note.header["number"]
        try:
            header, body = await asyncio.to_thread(self._timed, number, LONGEST_S, partial(work, note))
        except RedshankError as error:
            header, body = {"reason": str(error)}, b""
        except _FAILURES as error:
            log.warning("a picture could not be made", extra={"job": note.kind}, exc_info=error)
            header, body = {"reason": "the footage could not be decoded: it may be damaged"}, b""
        self._worker.pipe.write(Note("made", {**header, "number": number}, body))


def work(note: Note) -> Made:
    """One job. Raises RedshankError."""
    match note.kind:
        case "picture":
            return picture(note.header, note.body)
        case "sheet":
            return sheet(note.header, note.body)
        case "transcode":
            return transcoded(note.header, note.body)
        case "card":
            return {}, card.draw(note.header["caption"])
    raise SourceUnusable(f"the studio does not know {note.kind!r}")


def picture(header: Mapping[str, Any], body: bytes) -> Made:
    """The last picture shown at or before `until` (ticks), at most `width` pixels wide; a `region` of it, in so many `bytes`."""
    frame = shown_at(coded_of(header, body), header["until"])
    if frame is None:
        raise SourceUnusable("the picture could not be decoded: the footage may be damaged")
    region = Box(*header["region"]) if header.get("region") else None
    pixels = still(cover(frame, masks_of(header)), region, header["width"])
    return {"pts": frame.pts}, _within(pixels, header.get("bytes"))


def _within(pixels: Pixels, most: int | None) -> bytes:
    """As a JPEG; the worse, the fewer bytes it may have."""
    if most is None:
        return jpeg(pixels)
    return next(
        (data for quality in THUMBS if len(data := jpeg(pixels, quality)) <= most), jpeg(pixels, THUMBS[-1] // 2)
    )


def shown_at(pictures: Coded, until: int) -> Frame | None:
    """The decoded picture with the greatest pts that is not after `until`."""
    decoder = Decoder()
    best: Frame | None = None
    for packet in pictures.packets():
        best = _later(best, decoder.decode(packet), until)
    return _later(best, decoder.flush(), until)


def _later(best: Frame | None, frames: list[Frame], until: int) -> Frame | None:
    for frame in frames:
        if frame.pts <= until and (best is None or frame.pts > best.pts):
            best = frame
    return best


def sheet(header: Mapping[str, Any], body: bytes) -> Made:
    """A sheet of tiles; those that cannot be decoded stay black and are not among `made`."""
    width, height, columns = header["width"], header["height"], header["columns"]
    pixels = np.zeros((header["rows"] * height, columns * width, 3), np.uint8)
    made: list[int] = []
    at = 0
    for tile in header["tiles"]:
        one = coded_of(tile, body[at : at + tile["bytes"]])
        at += tile["bytes"]
        frame = Decoder().keyframe(next(one.packets()))
        if frame is None:
            continue
        y, x = tile["number"] // columns * height, tile["number"] % columns * width
        _paste(pixels[y : y + height, x : x + width], still(cover(frame, masks_of(header)), max_width=width))
        made.append(tile["number"])
    return {"made": made}, jpeg(pixels, QUALITY)


def _paste(place: Pixels, small: Pixels) -> None:
    """In the middle; what does not fit is cut off."""
    height, width = min(place.shape[0], small.shape[0]), min(place.shape[1], small.shape[1])
    top, left = (place.shape[0] - height) // 2, (place.shape[1] - width) // 2
    place[top : top + height, left : left + width] = small[:height, :width]


def transcoded(header: Mapping[str, Any], body: bytes) -> Made:
    """H.264: avcC and size of what is made, and its pictures, masked (none asked for: only what it would be)."""
    width, height = header["format"][2:]
    form = h264_format(width, height)
    about = {"avcc": form.extradata.hex(), "size": [form.width, form.height]}
    if not header["samples"]:
        return {**about, "samples": []}, b""
    masks = masks_of(header)
    made = transcode(coded_of(header, body).packets(), form, (lambda frame: cover(frame, masks)) if masks else None)
    return {**about, "samples": [[pts, key, len(data)] for pts, key, data in made]}, b"".join(unit[2] for unit in made)


async def studio(worker: Worker) -> None:
    """The body."""
    await worker.settings()
    forbid_writing()
    await Studio(worker).run()
