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

from redshank import logs, plugs, status, wiring
from redshank.alert.compose import Composer
from redshank.apply import Applied, Difference, difference
from redshank.blobs.disk import DiskBlobs
from redshank.bus.base import Bus
from redshank.clock import Clock
from redshank.config import schema
from redshank.config.load import Loaded
from redshank.configuration import Configuration, watch
from redshank.errors import RedshankError, StoreError, TargetRefused
from redshank.hub import Hub, Links
from redshank.judge import Judge
from redshank.judgement import Changes, JudgeSettings
from redshank.living import Living
from redshank.model import Observation
from redshank.notify import Notifier
from redshank.page import Page
from redshank.pair import Pairs
from redshank.recordings import Recordings
from redshank.report import Reporter, Subject
from redshank.show import Show
from redshank.show import Subject as Shown
from redshank.store.base import Store
from redshank.supervisor import Supervisor, guard
from redshank.switchboard import Switchboard
from redshank.targets import Targets, redact
from redshank.tidy import Tidy
from redshank.trail.trails import Trails

if TYPE_CHECKING:
    from redshank.app import View

log = logging.getLogger(__name__)

EPOCHS = 1000
PAGE_RETRY_S = 30.0
STATUS_S = 1.0
STATUS_GAP_S = 0.1
MODEL_RETRY_S = 30.0
STOP_S = 3.0
SEND_GRACE_S = 4.0
"""At a stop, a send under way may end; what does not is sent again after the start, with the same id."""


class Site:
    """Everything of one site on this machine. `run` returns when it is cancelled and everything has stopped."""

    generation = 0
    """Of the configuration: counts its changes."""
    _pending: tuple[str, ...] = ()
    """Keys of the file that wait for a restart."""
    _refused: tuple[str, ...] = ()
    """Why the file as it is now is not used."""
    _loop: asyncio.AbstractEventLoop | None = None
    _group: asyncio.TaskGroup | None = None

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
        self._told = list(told)
        self.store = Store(f"sqlite:///{folder / 'redshank.db'}", clock)
        self._targets = Targets(self.config.security.allow_targets)
        self.bus = self._open_bus()
        self._channels = Switchboard(self._targets, clock, view is not None)
        self._channels.change(self.config.channels)
        names = wiring.active(self.config)
        self.judge = self._open_judge()
        self.hub = Hub(self._links(), [wiring.watched(self.config, name) for name in names])
        self.recordings = Recordings(
            self.config, folder, self.store, clock, self.hub.states, lambda: bool(self.judge.trouble)
        )
        self._blobs = DiskBlobs(folder / "pictures")
        self.trails = Trails(folder / "trails", clock)
        self._composer = Composer(wiring.words(self.config), self._blobs, self.hub.picture, self.hub.seen)
        self.notifier = Notifier(self.store, self._channels.routes, clock, self._composer, grace_s=SEND_GRACE_S)
        self._tidy = Tidy(self.store, self._blobs, clock, wiring.picture_days(self.config), self.trails)
        self._supervisor = Supervisor(clock)
        self._show_it(names, workers)

    def _show_it(self, names: Sequence[str], workers: int) -> None:
        """What looks at cameras, and what people look at."""
        clock = self.clock
        self.living = Living(clock, lambda camera, stream: self.hub.states.get((camera, stream)))
        self._pairs = Pairs(self, self._supervisor, workers)
        self._pairs.spread(names)
        self._reporter = Reporter(self._subject(), clock)
        self._show = Show(self._shown(), self._supervisor)
        self._reporter.on_demand = lambda: self._show.workers
        self.page = Page(lambda: self.config, self._folder, self._show, clock)
        self.page.say = self._view.say if self._view is not None else _print

    def _shown(self) -> Shown:
        return Shown(
            lambda: self.config,
            self._configuration.path if self._configuration is not None else self._loaded.path,
            self._folder,
            self.store,
            self.clock,
            self.hub,
            self.recordings,
            self.living,
            self.trails,
            self._blobs,
            self._reporter.report,
            lambda: self.reload("changed in the page"),
        )

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
        self._show.teller.seen(seen)

    def _heard(self, changes: Changes) -> None:
        self.hub.heard(changes)
        self._show.teller.heard(changes)

    def _subject(self) -> Subject:
        return Subject(
            self.config,
            str(self._folder),
            self.hub,
            self.judge,
            self.notifier,
            self._pairs.workers,
            self._problems,
            self._loaded,
            self.recordings,
            lambda: self._pending,
        )

    def _problems(self) -> list[str]:
        """Of the configuration, and of what was healed before the start."""
        found = [str(problem) for problem in self._loaded.problems]
        found += [f"the changed configuration is not used: {problem}" for problem in self._refused]
        found += [*self._channels.problems, *self._told]
        if self._configuration is not None and not self.hub.analysed:
            found.insert(0, self._configuration.advice(self._loaded))
        return found

    def _open_judge(self) -> Judge:
        settings = self._judge_settings()
        return Judge(wiring.rules(self.config), self.store, self.clock, settings, self._heard)

    def _judge_settings(self) -> JudgeSettings:
        return JudgeSettings(
            channels=self._channels.can_update,
            zones=wiring.zones(self.config),
            zone_labels=wiring.zone_labels(self.config),
            cameras=wiring.active(self.config),
        )

    async def reload(self, why: str) -> Applied:
        """Read the configuration again and use it; what became of it. On the event loop. Never raises for a mistake in it."""
        if self._configuration is None:
            return Applied(used=False)
        async with self._changing:
            found = await asyncio.to_thread(self._configuration.again, self._loaded)
            if found.loaded is None:
                if found.problems != self._refused:
                    log.error("the configuration was changed and is not used: %s", "; ".join(found.problems))
                self._refused = found.problems
                return Applied((), self._pending, found.problems, used=False)
            done = await self.apply(found.loaded)
            await asyncio.to_thread(self._configuration.keep, found.loaded, found.whole)
            log.info("configuration read again (%s): %s", why, ", ".join(done.live) or "nothing new holds")
            return Applied(done.live, done.restart, tuple(str(problem) for problem in found.loaded.problems))

    def reload_now(self, why: str) -> Applied:
        """The same from any other thread; waits for it."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self.reload(why), self._loop).result()

    async def apply(self, loaded: Loaded) -> Difference:
        """Use another configuration from now on. On the event loop, one at a time. What is not different goes on untouched."""
        found = difference(self.config, loaded.config)
        self._loaded, self._pending, self._refused = loaded, found.restart, ()
        if found.live:
            before, self.config = self.config, found.config
            self.generation += 1
            logs.set_levels(wiring.levels(self.config), wiring.levels(before))
            self._targets.allow(self.config.security.allow_targets)
            self._channels.change(self.config.channels)
            await self.judge.change(wiring.rules(self.config), self._judge_settings())
            self._follow()
            if self._group is not None:
                await self._pairs.settle(self._group, vision_anew=found.touches("detector"))
        self._reporter.change(self._subject())
        return found

    def _follow(self) -> None:
        """Everything of the hub agrees with the configuration, before anybody is told."""
        names = wiring.active(self.config)
        self._composer.change(wiring.words(self.config))
        self._tidy.picture_days = wiring.picture_days(self.config)
        self.notifier.change(self._channels.routes)
        self.recordings.change(self.config)
        self.hub.change([wiring.watched(self.config, name) for name in names])
        self._pairs.spread(names)
        self._reporter.change(self._subject())

    async def _watch_configuration(self) -> None:
        if self._configuration is not None:
            await watch(self._configuration, self.clock, lambda: self.reload("the file changed"))

    async def next_epoch(self) -> int:
        """Taken in advance, so that a process is started again also while the database refuses."""
        if not self._epochs:
            least = self.recordings.least_epoch
            first = await asyncio.to_thread(self.store.next_epoch, self.config.site, least, EPOCHS)
            self._epochs = deque(range(first, first + EPOCHS))
        return self._epochs.popleft()

    def _open_bus(self) -> Bus:
        """A broker we may not talk to is a problem shown; everything else works without it."""
        try:
            return plugs.open_bus(self.config.bus, self._folder, self.clock, self._targets)
        except TargetRefused as error:
            self._told.append(f"bus: {error}")
            return plugs.open_bus(schema.Bus(), self._folder, self.clock, self._targets)

    async def _show_page(self) -> None:
        """A port that cannot be had is told, and tried again: it stops nothing."""
        while True:
            try:
                await self.page.run(lambda: self._reporter.note("page", ""))
            except* (RedshankError, OSError) as errors:
                self._reporter.note("page", "; ".join(map(str, errors.exceptions)))
            await self.clock.sleep(PAGE_RETRY_S)

    async def _volume_opened(self) -> None:
        for pair in self._pairs:
            await pair.tell()

    async def run(self) -> None:
        try:
            await asyncio.to_thread(self._blobs.sweep)
            await self.recordings.start()
            await self.judge.start()
            await self.bus.start()
            await self.hub.say_again()
            self._loop = asyncio.get_running_loop()
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self.hub.run())
                parts: list[tuple[str, Callable[[], Awaitable[None]]]] = [
                    ("notifier", self.notifier.run),
                    ("status", self._tell_status),
                    ("model", self._have_model),
                    ("tidy", self._tidy.run),
                    ("configuration", self._watch_configuration),
                    *self.recordings.parts(self._volume_opened),
                ]
                if self.config.web.enabled:
                    parts.append(("page", self._show_page))
                for name, part in parts:
                    group.create_task(guard(name, part, self.clock))
                await self._pairs.settle(group)
        finally:
            # What is left to do must not be cut short by a second Ctrl-C's cancellation.
            await asyncio.shield(self._stop())

    async def _have_model(self) -> None:
        """When vision lacks its model, fetch it with our own command, in a process of its own; vision is tried again meanwhile.

        Capture runs all the time. Without a network: again every MODEL_RETRY_S, and the status says why.
        """
        while True:
            await self.clock.sleep(1.0)
            command = [sys.executable, "-m", "redshank", "models", "pull", self.config.detector.model]
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
            now = {**self._reporter.report(), "page": self.page.address}
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
        await self._show.stop()
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


def _print(text: str) -> None:
    print(text, flush=True)


def _last_line(told: bytes) -> str:
    lines = told.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "the model could not be fetched"
