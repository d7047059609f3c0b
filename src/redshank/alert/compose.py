"""Turns a row of the outbox into the message that is sent: words, picture, everything seen in it.

The picture of an alert is asked for once, waited for at most `wait_s`, and kept on disk, so that every channel and every retry, also
after a restart, shows the same: `alerts/<day>/<alert>.jpg`, then `.json` with its size and detections. The .json exists only when the
.jpg is whole. Runs on the event loop; disk in the thread pool.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from redshank.alert.base import Message, Picture
from redshank.alert.message import Place, Wording, build, with_evidence
from redshank.blobs.base import Blobs
from redshank.clock import rfc3339
from redshank.errors import RedshankError, StoreError
from redshank.model import Alert, Box, Detection, Notification

_log = logging.getLogger(__name__)

Pictures = Callable[[Alert], Awaitable[Picture | None]]
"""The annotated still of an alert; None when there is none any more. May raise RedshankError or OSError."""
Seen = Callable[[Alert], Sequence[Detection]]
"""Everything the detector saw in that picture; empty when that is not known any more."""

MAX_WAITING = 64
"""Pictures being made at once; an alert beyond that is told without one."""
MAX_MAKING_S = 60.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an alert's picture is and shows, or why there is none."""

    picture: Picture | None
    detections: tuple[Detection, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """How messages of this site are worded."""

    wording: Wording
    places: Mapping[str, Place]
    """By camera id."""


class Composer:
    """One for all channels, so that they share each picture. `close` waits for the pictures still being made."""

    def __init__(
        self, site: Site, blobs: Blobs, pictures: Pictures, seen: Seen | None = None, wait_s: float = 3.0
    ) -> None:
        self._site = site
        self._blobs = blobs
        self._pictures = pictures
        self._seen = seen
        self._wait_s = wait_s
        self._making: dict[str, asyncio.Task[Evidence]] = {}

    def change(self, site: Site) -> None:
        """Other names, another time zone: from the next message on."""
        self._site = site

    async def compose(self, notification: Notification, alert: Alert, picture: bool = True) -> Message:
        """Never raises for want of a picture. `picture=False`: for a channel that shows none, so nothing is waited for."""
        message = self.words(notification, alert)
        if not picture:
            return with_evidence(message, None, self._seen(alert) if self._seen else ())
        evidence = await self._evidence(alert)
        return with_evidence(message, evidence.picture, evidence.detections, evidence.reason)

    def words(self, notification: Notification, alert: Alert) -> Message:
        """The message without picture."""
        place = self._site.places.get(alert.camera) or Place(alert.camera)
        return build(notification, alert, place, self._site.wording)

    async def close(self) -> None:
        for task in list(self._making.values()):
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    def keep(self, alert: Alert) -> None:
        """Begin to make and store the alert's picture, whether or not a channel will show it: people look later, too."""
        self._begin(alert)

    def _begin(self, alert: Alert) -> asyncio.Task[Evidence] | None:
        """The task that finds or makes it; None when too many are under way."""
        task = self._making.get(alert.id)
        if task is None and len(self._making) < MAX_WAITING:
            task = asyncio.create_task(self._find(alert))
            self._making[alert.id] = task
            task.add_done_callback(lambda _: self._making.pop(alert.id, None))
        return task

    async def _evidence(self, alert: Alert) -> Evidence:
        task = self._begin(alert)
        if task is None:
            return Evidence(None, reason=f"{MAX_WAITING} others are being made")
        try:
            async with asyncio.timeout(self._wait_s):
                return await asyncio.shield(task)
        except TimeoutError:
            return Evidence(None, reason=f"it was not ready within {self._wait_s:g} s")

    async def _find(self, alert: Alert) -> Evidence:
        try:
            stored = await asyncio.to_thread(load, self._blobs, alert)
            return stored or await self._make(alert)
        except (RedshankError, OSError) as error:
            return Evidence(None, reason=str(error))

    async def _make(self, alert: Alert) -> Evidence:
        seen = tuple(self._seen(alert)) if self._seen else ()
        try:
            async with asyncio.timeout(MAX_MAKING_S):
                picture = await self._pictures(alert)
        except TimeoutError:
            return Evidence(None, seen, f"it was not ready within {MAX_MAKING_S:g} s")
        if picture is None:
            return Evidence(None, seen, "none of that moment is left")
        evidence = Evidence(picture, seen)
        try:
            await asyncio.to_thread(save, self._blobs, alert, evidence)
        except StoreError as error:
            _log.warning("picture not kept alert=%s reason=%s", alert.id, error)
        return evidence


def blob_name(alert: Alert, ending: str) -> str:
    """`alerts/<UTC day it opened>/<alert id>.<ending>`: a day can be listed and deleted as a whole."""
    return f"alerts/{rfc3339(alert.opened)[:10]}/{alert.id}.{ending}"


def save(blobs: Blobs, alert: Alert, evidence: Evidence) -> None:
    """Blocks. The facts are written last: they say that the picture is whole."""
    picture = evidence.picture
    if picture is None:
        return
    seen = [[d.label, d.score, d.box.x1, d.box.y1, d.box.x2, d.box.y2] for d in evidence.detections]
    facts = {"name": picture.name, "width": picture.width, "height": picture.height, "detections": seen}
    blobs.put(blob_name(alert, "jpg"), picture.jpeg, replace=True)
    blobs.put(blob_name(alert, "json"), json.dumps(facts).encode(), replace=True)


def load(blobs: Blobs, alert: Alert) -> Evidence | None:
    """Blocks. None when nothing (or nothing whole) was kept."""
    facts, jpeg = blobs.read(blob_name(alert, "json")), blobs.read(blob_name(alert, "jpg"))
    if facts is None or jpeg is None:
        return None
    try:
        found = json.loads(facts)
        seen = tuple(Detection(label, score, Box(*box)) for label, score, *box in found["detections"])
        return Evidence(Picture(found["name"], jpeg, found["width"], found["height"]), seen)
    except (ValueError, KeyError, TypeError):
        return None
