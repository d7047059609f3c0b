"""The studio's work without its process: what the jobs make, in the thread pool of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import av

from redshank.errors import RedshankError
from redshank.pipe import Note
from redshank.playback.studio import Refused
from redshank.process.studio import work
from tests.harness.footage import Luma, luma_of


@dataclass
class InlineStudio:
    """A Studio; `asked` are the jobs so far."""

    asked: list[str] = field(default_factory=list)

    async def ask(self, job: str, header: Mapping[str, Any], body: bytes) -> Note:
        self.asked.append(job)
        try:
            made, picture = await asyncio.to_thread(work, Note(job, header, body))
        except RedshankError as error:
            raise Refused(str(error)) from error
        return Note("made", made, picture)


def luma_of_jpeg(data: bytes) -> Luma:
    """The brightness of a JPEG, (height, width)."""
    context = av.CodecContext.create("mjpeg", "r")
    frames = context.decode(av.Packet(data))
    assert isinstance(frames[0], av.VideoFrame)
    return luma_of(frames[0])
