"""The studio: decodes recorded pictures for people. A sandboxed process like vision, started when somebody looks (playback/studio.py).

    picture     one group of pictures → the JPEG of one instant, masked
    sheet       keyframes → a sheet of small pictures
    transcode   some seconds of any codec → H.264, masked

Threads: the event loop, and the pool for the jobs. It opens no network and no file; whatever a recorded stream makes a decoder do
happens here, and a job that does not end has the process replaced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from redshank.clock import NS_PER_S
from redshank.errors import RedshankError, SourceUnusable
from redshank.geometry import Polygon
from redshank.media.decode import Decoder
from redshank.media.transcode import CODEC_FAILURE, h264_format, transcode
from redshank.model import Frame
from redshank.pipe import Note
from redshank.playback.coded import Coded, coded_of
from redshank.process.sandbox import forbid_writing
from redshank.process.worker import Worker
from redshank.vision.picture import PIXEL_FAILURE, Pixels, cover, jpeg, still

log = logging.getLogger(__name__)

LONGEST_S = 30.0
"""No job takes so long; the hub has given it up before."""
QUALITY = 75
"""Of a sheet."""

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

Made = tuple[dict[str, Any], bytes]
"""Answer's header and body."""


class Studio:
    """The jobs at hand."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._begun: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._worker.beat(self.stats))
            group.create_task(self._worker.listen(self.on_note))

    def stats(self) -> dict[str, Any]:
        """A job that hangs counts as stuck only after LONGEST_S."""
        now = self._worker.clock.mono_ns()
        longest = max(((now - begun) / NS_PER_S for begun in self._begun.values()), default=0.0)
        return {"jobs": len(self._begun), "stuck_s": max(0.0, longest - LONGEST_S), "stuck_in": "a decoder"}

    async def on_note(self, note: Note) -> None:
        task = self._worker.loop.create_task(self._do(note))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, note: Note) -> None:
        number = note.header["number"]
        self._begun[number] = self._worker.clock.mono_ns()
        try:
            header, body = await asyncio.to_thread(work, note)
        except RedshankError as error:
            header, body = {"reason": str(error)}, b""
        except _FAILURES as error:
            log.warning("a picture could not be made", extra={"job": note.kind}, exc_info=error)
            header, body = {"reason": "the footage could not be decoded: it may be damaged"}, b""
        finally:
            del self._begun[number]
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
    raise SourceUnusable(f"the studio does not know {note.kind!r}")


def picture(header: Mapping[str, Any], body: bytes) -> Made:
    """The last picture shown at or before `until` (ticks), at most `width` pixels wide."""
    frame = shown_at(coded_of(header, body), header["until"])
    if frame is None:
        raise SourceUnusable("the picture could not be decoded: the footage may be damaged")
    masked = cover(frame, _masks(header))
    return {"pts": frame.pts}, jpeg(still(masked, max_width=header["width"]))


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
        _paste(pixels[y : y + height, x : x + width], still(cover(frame, _masks(header)), max_width=width))
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
    masks = _masks(header)
    made = transcode(coded_of(header, body).packets(), form, (lambda frame: cover(frame, masks)) if masks else None)
    return {**about, "samples": [[pts, key, len(data)] for pts, key, data in made]}, b"".join(unit[2] for unit in made)


def _masks(header: Mapping[str, Any]) -> tuple[Polygon, ...]:
    return tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in header["masks"])


async def studio(worker: Worker) -> None:
    """The body."""
    await worker.settings()
    forbid_writing()
    await Studio(worker).run()
