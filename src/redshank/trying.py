"""What the page tries out on a running site: a picture before the model and the rules, and a message through a channel.

On the event loop. The picture is decoded in the vision process (`process.trying`), the message's card drawn in the studio.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count

from redshank import plugs, sample, wiring
from redshank.alert.message import Wording, time_zone
from redshank.clock import NS_PER_S, Clock
from redshank.config.schema import Config
from redshank.errors import ChannelError
from redshank.model import Box, Detection
from redshank.pipe import Note
from redshank.playback.studio import Busy, Refused, Studio
from redshank.rules.rule import Rule, default_rule
from redshank.rules.sentence import sentence
from redshank.rules.what_if import Followed, suppose
from redshank.supervisor import Worker
from redshank.targets import Targets, redact
from redshank.web.trial import Examined, Judged, Sent

ANSWER_S = 12.0
NO_VISION = "no camera is being analysed, so no model is loaded: add a camera first"


class Examiner:
    """Pictures. One at a time."""

    def __init__(
        self, workers: Callable[[], Iterable[Worker]], why: Callable[[], str], config: Callable[[], Config]
    ) -> None:
        """workers: that have the model. why: what is wrong with the model, if anything."""
        self._workers = workers
        self._why = why
        self._config = config
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Note]] = {}

    def on_note(self, note: Note) -> None:
        """`tried`, from vision."""
        future = self._asked.get(note.header["number"])
        if future is not None and not future.done():
            future.set_result(note)

    async def examine(self, data: bytes, camera: str) -> Examined:
        """camera: whose picture it is; empty: anybody's. Raises Busy, or Refused with the reason."""
        said = (await self._ask(data)).header
        if reason := said.get("reason"):
            raise Refused(str(reason))
        seen = tuple(Detection(label, score, Box(*box)) for label, score, *box in said["seen"])
        judged = self._judge(seen, camera, said["width"] / max(1, said["height"]))
        return Examined(
            said["width"], said["height"], said["ms"], said["model"], tuple(said["labels"]), seen, tuple(judged)
        )

    async def _ask(self, data: bytes) -> Note:
        if self._asked:
            raise Busy("another picture is being tried: try again in a moment")
        number = next(self._numbers)
        future: asyncio.Future[Note] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        try:
            if not any(worker.tell(Note("try", {"number": number}, data)) for worker in self._workers()):
                raise Busy(self._why() or NO_VISION)
            async with asyncio.timeout(ANSWER_S):
                return await future
        except TimeoutError:
            raise Busy(self._why() or "the analysis process gives no answer: it may be starting again") from None
        finally:
            del self._asked[number]

    def _judge(self, seen: Sequence[Detection], camera: str, aspect: float) -> Iterable[Judged]:
        config = self._config()
        zones, labels = wiring.zones(config), wiring.zone_labels(config)
        for rule in wiring.rules(config) or [default_rule()]:
            place = camera or _camera_of(rule, config)
            whole = replace(rule, polygons=zones, zone_labels=labels)
            for number, one in enumerate(seen):
                found = suppose(whole, place, one, _followed(config, place), aspect)
                yield Judged(rule.name, sentence(rule), place, number, found.fires, rule.min_time_s, found.conditions)


def _camera_of(rule: Rule, config: Config) -> str:
    """One it is about, with a zone of its if it can be."""
    names = [name for name in wiring.active(config) if not rule.cameras or name in rule.cameras]
    return next(
        (name for name in names if any(zone in config.cameras[name].zones for zone in rule.zones)), [*names, ""][0]
    )


def _followed(config: Config, camera: str) -> Followed:
    if camera not in config.cameras:
        return Followed((), 0.0)
    looked = wiring.analysis(config, camera)
    return Followed(looked.labels, looked.min_score, looked.filters)


MOST = 6
WITHIN_S = 60.0


class ChannelTests:
    """Messages: at most MOST within WITHIN_S."""

    def __init__(self, studio: Studio, config: Callable[[], Config], clock: Clock) -> None:
        self._studio = studio
        self._config = config
        self._clock = clock
        self._sent: deque[int] = deque(maxlen=MOST)

    async def send(self, name: str) -> Sent | None:
        """Through a channel opened as it is configured now, also one on `dry_run` or switched off; None: there is none of that name.

        Raises Busy.
        """
        config = self._config()
        settings = config.channels.get(name)
        if settings is None:
            return None
        self._take()
        clock, wording = self._clock, Wording(time_zone(config.timezone), config.public_url)
        try:
            channel = plugs.open_channel(name, settings, Targets(config.security.allow_targets).check, clock)
        except ChannelError as error:
            return Sent(False, redact(str(error)), 0.0)
        message = sample.message(clock.now(), wording, await self._card(clock.now(), wording))
        tried = await sample.send(channel, message, clock)
        return Sent(not tried.error, redact(tried.error) or "delivered", tried.seconds)

    def _take(self) -> None:
        now = self._clock.mono_ns()
        if len(self._sent) == MOST and now - self._sent[0] < WITHIN_S * NS_PER_S:
            raise Busy(f"{MOST} messages were sent within the last minute: try again in a moment")
        self._sent.append(now)

    async def _card(self, now: int, wording: Wording) -> bytes:
        """Empty when it cannot be drawn now: a message without a picture still tries the channel."""
        try:
            return (await self._studio.ask("card", {"caption": sample.caption(now, wording)}, b"")).body
        except (Busy, Refused):
            return b""
