"""The probe process: tries one camera, says each step, and ends. Like capture it speaks with the camera and decodes nothing.

A camera that hangs or is hostile costs this process, which is there for that. Threads: the event loop, one for the camera.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from pydantic import TypeAdapter

from redshank.media.probe import Probe, probing
from redshank.media.source import RawPacket
from redshank.pipe import Note
from redshank.process.settings import ProbeSettings
from redshank.process.worker import Worker
from redshank.targets import Targets

SETTINGS = TypeAdapter(ProbeSettings)
MOST_BYTES = 8_000_000
"""Of a picture."""


async def probe(worker: Worker) -> None:
    """The body. The hub ends it when it has heard `done`, or has waited too long."""
    settings = SETTINGS.validate_json(await worker.settings())
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.beat(dict))
        group.create_task(worker.listen(_ignore))
        group.create_task(asyncio.to_thread(_try, worker, settings))


async def _ignore(_note: Note) -> None:
    """The hub has nothing more to say."""


def _try(worker: Worker, settings: ProbeSettings) -> None:
    told, shown = 0, False
    result = Probe()
    for result in probing(settings.source, Targets(settings.allow_targets), worker.clock, settings.seconds):
        for step in result.steps[told:]:
            worker.tell_soon(Note("step", asdict(step)))
        told = len(result.steps)
        if result.picture is not None and not shown:
            shown = True
            worker.tell_soon(_picture(result.picture))
    about = {name: getattr(result, name) for name in Probe.__slots__ if name not in ("steps", "picture")}
    worker.tell_soon(Note("done", {**about, "ok": result.ok}))


def _picture(raw: RawPacket) -> Note:
    """A keyframe on its way to the studio, as `playback.coded` has it."""
    form = raw.format
    data = raw.data if len(raw.data) <= MOST_BYTES else b""
    about = [form.codec, form.extradata.hex(), form.width, form.height]
    return Note("picture", {"format": about, "samples": [[0, 0, 1, True, len(data)]]}, data)
