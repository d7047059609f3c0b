"""One site, running: the hub with its store, bus, channels, judge and workers, wired together and watched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from redshank import plugs, status, wiring
from redshank.alert.base import Channel
from redshank.alert.broken import BrokenChannel
from redshank.alert.compose import Composer
from redshank.apply import Applied, Difference, difference
from redshank.blobs.disk import DiskBlobs
from redshank.bus.base import Bus
from redshank.clock import Clock
from redshank.config import schema
from redshank.config.load import Loaded
from redshank.configuration import Configuration
from redshank.errors import ChannelError, ConfigError, StoreError, TargetRefused
from redshank.hub import Hub, Links
from redshank.judge import Judge
from redshank.judgement import JudgeSettings
from redshank.model import Observation
from redshank.notify import Notifier
from redshank.notify_lane import Route
from redshank.page import Page
from redshank.page import Subject as Shown
from redshank.pair import Pair
from redshank.recordings import Recordings
from redshank.report import Reporter, Subject
from redshank.store.base import Store
from redshank.supervisor import Supervisor, guard
from redshank.targets import Targets, redact
from redshank.tidy import Tidy
from redshank.trail.trails import Trails

if TYPE_CHECKING:
    from redshank.app import View

log = logging.getLogger(__name__)

EPOCHS = 1000
PAGE_RETRY_S = 30.0
LOOK_S = 2.0
STATUS_S = 1.0
STATUS_GAP_S = 0.1
MODEL_RETRY_S = 30.0
STOP_S = 3.0
SEND_GRACE_S = 4.0
"""At a stop, a send under way may end; what does not is sent again after the start, with the same id."""


class Site:
    """Everything of one site on this machine. `run` returns when it is cancelled and everything has stopped."""

    def __init__(
        self,
        loaded: Loaded,
        folder: Path,
        clock: Clock,
        view: View | None,
        workers: int = 1,
        told: Sequence[str] = (),
        configuration: Configuration | None = None,
    ) -> None:
        """told: what was healed before the start, for the status. configuration: None: it never changes."""
        self.config = loaded.config
        self._loaded = loaded
        self._configuration = configuration
        self._changing = asyncio.Lock()
        self.clock = clock
        self._folder = folder
        self._view = view
        self._epochs: deque[int] = deque()
        self._problems = [*(str(problem) for problem in loaded.problems), *told]
        self.store = Store(f"sqlite:///{folder / 'redshank.db'}", clock)
        targets = Targets(self.config.security.allow_targets)
        self.bus = self._open_bus(targets)
        self._routes = self._open_channels(targets)
        names = wiring.active(self.config)
        self.judge = self._open_judge()
        self.hub = Hub(self._links(), [wiring.watched(self.config, name) for name in names])
        self.recordings = Recordings(
            self.config, folder, self.store, clock, self.hub.states, lambda: bool(self.judge.trouble)
        )
        self._blobs = DiskBlobs(folder / "pictures")
        self.trails = Trails(folder / "trails", clock)
        self._composer = Composer(wiring.words(self.config), self._blobs, self.hub.picture, self.hub.seen)
        self.notifier = Notifier(self.store, self._routes, clock, self._composer, grace_s=SEND_GRACE_S)
        self._tidy = Tidy(self.store, self._blobs, clock, wiring.picture_days(self.config), self.trails)
        self._supervisor = Supervisor(clock)
        shares = [share for i in range(workers) if (share := names[i::workers])]
        self._pairs = [Pair(i, share, self) for i, share in enumerate(shares)]
        self._reporter = Reporter(self._subject(loaded), clock)
        shown = Shown(self.config, self.store, clock, self.recordings, self._reporter.report)
        self._page = Page(shown, self._supervisor) if self.config.web.enabled else None

    def _links(self) -> Links:
        return Links(
            self.judge,
            self.store,
            self.bus,
            self.clock,
            lambda: self.notifier.wake(),
            lambda alert: self._composer.keep(alert),
            self._seen,
            lambda alert: self.recordings.library.alerted(alert),
        )

    def _seen(self, seen: Observation) -> None:
        self.recordings.library.seen(seen)
        self.trails.offer(seen)

    def _subject(self, loaded: Loaded) -> Subject:
        running = [worker for pair in self._pairs for worker in (pair.capture, pair.vision)]
        return Subject(
            self.config,
            str(self._folder),
            self.hub,
            self.judge,
            self.notifier,
            running,
            self._problems,
            loaded,
            self.recordings,
        )

    def _open_judge(self) -> Judge:
        settings = self._judge_settings()
        return Judge(wiring.rules(self.config), self.store, self.clock, settings, lambda c: self.hub.heard(c))

    def _judge_settings(self) -> JudgeSettings:
        return JudgeSettings(
            channels={route.channel.name: route.channel.can_update for route in self._routes},
            zones=wiring.zones(self.config),
            zone_labels=wiring.zone_labels(self.config),
            cameras=wiring.active(self.config),
        )

    async def reload(self, why: str) -> Applied:
        """Read the configuration again and use it. On the event loop. Never raises for a mistake in it."""
        async with self._changing:
            assert self._configuration is not None
            found = await asyncio.to_thread(self._configuration.again, self._loaded)
            if found.loaded is None:
                return Applied((), (), found.problems, used=False)
            done = await self.apply(found.loaded)
            log.info("configuration changed: %s", ", ".join(done.live) or "nothing", extra={"why": why})
            return Applied(done.live, done.restart, tuple(str(problem) for problem in found.loaded.problems))

    async def apply(self, loaded: Loaded) -> Difference:
        """Use another configuration from now on. On the event loop; one at a time."""
        found = difference(self.config, loaded.config)
        self._loaded, self.config = loaded, found.config
        await self.judge.change(wiring.rules(self.config), self._judge_settings())
        self._composer.change(wiring.words(self.config))
        return found

    async def _watch_configuration(self) -> None:
        """The file is looked at every LOOK_S; what has changed is used once it has stayed the same for as long."""
        if (configuration := self._configuration) is None:
            return
        used = before = await asyncio.to_thread(configuration.seen)
        while True:
            await self.clock.sleep(LOOK_S)
            now = await asyncio.to_thread(configuration.seen)
            if now == before != used:
                used = now
                await self.reload("the file changed")
            before = now

    async def next_epoch(self) -> int:
        """Taken in advance, so that a process is started again also while the database refuses."""
        if not self._epochs:
            least = self.recordings.least_epoch
            first = await asyncio.to_thread(self.store.next_epoch, self.config.site, least, EPOCHS)
            self._epochs = deque(range(first, first + EPOCHS))
        return self._epochs.popleft()

    def _open_bus(self, targets: Targets) -> Bus:
        """A broker we may not talk to is a problem shown; everything else works without it."""
        try:
            return plugs.open_bus(self.config.bus, self._folder, self.clock, targets)
        except TargetRefused as error:
            self._problems.append(f"bus: {error}")
            return plugs.open_bus(schema.Bus(), self._folder, self.clock, targets)

    def _open_channels(self, targets: Targets) -> list[Route]:
        """A channel with unusable settings is a problem shown; the others work."""
        routes = []
        for name, settings in self.config.channels.items():
            if not settings.enabled or (self._view is not None and settings.type == "console"):
                # A live view shows the alerts itself; lines printed into it would tear it apart.
                continue
            channel: Channel
            try:
                channel = plugs.open_channel(name, settings, targets.check, self.clock)
            except ChannelError as error:
                self._problems.append(f"channel {name}: {error}")
                channel = BrokenChannel(name, str(error))
            shows_pictures = getattr(settings, "picture", settings.type != "console")
            routes.append(Route(channel, settings.dry_run, shows_pictures))
        return routes

    async def _show_page(self) -> None:
        """A port that cannot be had is told, and tried again: it stops nothing."""
        assert self._page is not None
        while True:
            try:
                await self._page.run(lambda: self._reporter.note("page", ""))
            except ConfigError as error:
                self._reporter.note("page", str(error))
            await self.clock.sleep(PAGE_RETRY_S)

    def _volume_opened(self) -> None:
        for pair in self._pairs:
            pair.record_more()

    async def run(self) -> None:
        try:
            await asyncio.to_thread(self._blobs.sweep)
            await self.recordings.start()
            await self.judge.start()
            await self.bus.start()
            await self.hub.say_again()
            async with asyncio.TaskGroup() as group:
                group.create_task(self.hub.run())
                parts: list[tuple[str, Callable[[], Awaitable[None]]]] = [
                    ("notifier", self.notifier.run),
                    ("status", self._tell_status),
                    ("model", self._have_model),
                    ("tidy", self._tidy.run),
                    ("configuration", self._watch_configuration),
                    *self.recordings.parts(self._volume_opened),
                ]
                if self._page is not None:
                    parts.append(("page", self._show_page))
                for name, part in parts:
                    group.create_task(guard(name, part, self.clock))
                for pair in self._pairs:
                    group.create_task(self._supervisor.keep(pair.capture))
                    group.create_task(self._supervisor.keep(pair.vision))
        finally:
            # What is left to do must not be cut short by a second Ctrl-C's cancellation.
            await asyncio.shield(self._stop())

    async def _have_model(self) -> None:
        """When vision lacks its model, fetch it with our own command, in a process of its own; vision is tried again meanwhile.

        Capture runs all the time. Without a network: again every MODEL_RETRY_S, and the status says why.
        """
        command = [sys.executable, "-m", "redshank", "models", "pull", self.config.detector.model]
        while True:
            await self.clock.sleep(1.0)
            if not any(pair.vision.name in self.hub.trouble for pair in self._pairs):
                continue
            pull = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=PIPE, stdin=DEVNULL)
            _out, told = await pull.communicate()
            if pull.returncode == 0:
                self.hub.trouble.pop("model", None)
            else:
                self.hub.trouble["model"] = redact(_last_line(told))
            await self.clock.sleep(MODEL_RETRY_S)

    async def _tell_status(self) -> None:
        """Once a second, and when a camera's status changes: the status file and the live view. A disk that refuses stops neither."""
        told = ""
        while True:
            now = self._reporter.report()
            if self._view is not None:
                self._view.show(now)
            try:
                await asyncio.to_thread(status.write, self._folder, now)
                told = ""
            except StoreError as error:
                if str(error) != told:
                    told = str(error)
                    log.error("status not written: %s", error)
            self._reporter.note("status", told)
            await self.clock.sleep(STATUS_GAP_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STATUS_S - STATUS_GAP_S):
                    await self.hub.changed.wait()
            self.hub.changed.clear()

    async def _stop(self) -> None:
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self.recordings.library.drain()
                    await self.hub.drain()
        finally:
            await self.judge.stop()
            self.notifier.stop()
            await self.notifier.close()
            await self.bus.stop()
            await asyncio.to_thread(self.store.close)
            await asyncio.to_thread(self.trails.close)
            self.recordings.close()
            log.info("stopped")


def _last_line(told: bytes) -> str:
    lines = told.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "the model could not be fetched"
