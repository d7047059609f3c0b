"""The composition root: builds the parts of the hub from the configuration and runs them until it is told to stop.

Order of a start: own the data folder → open the store → raise the epoch → judge reads its state back → channels and bus → capture →
model → vision. Order of a stop: workers, then what they said is judged and committed, then notifier, bus, store.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from redshank import logs, status
from redshank.clock import SystemClock
from redshank.errors import ConfigError, RedshankError, StoreError
from redshank.targets import Targets

if TYPE_CHECKING:
    from rich.progress import Progress

    from redshank.alert.base import Channel
    from redshank.config.load import Loaded
    from redshank.media.settings import SourceSettings
    from redshank.vision.detect import Detector

log = logging.getLogger(__name__)


class View(Protocol):
    """Shows the status once a second; on the event loop."""

    def show(self, status: Mapping[str, Any]) -> None: ...

    def say(self, text: str) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Start:
    """How it is started."""

    config: Path | None = None
    data: Path | None = None
    view: View | None = None
    workers: int = 1
    demo: bool = False
    """The link on the terminal logs in without a password."""
    opened: Callable[[str], None] = lambda _link: None
    """Called with the page's link, once it can be opened."""


def launch(start: Start) -> None:
    """`redshank run`: blocks until SIGTERM or SIGINT. Raises RedshankError when it cannot start at all."""
    asyncio.run(_until_stopped(_run(start)))


async def _until_stopped(running: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(running)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    except BaseExceptionGroup as group:
        known = group.subgroup(RedshankError)
        if known is None:
            raise
        raise StoreError(explain(known)) from None


async def _run(start: Start) -> None:
    clock, config, view = SystemClock(), start.config, start.view
    os.umask(0o077)  # pictures, logs and status are for their owner only
    folder = data_folder(config, start.data)
    with status.owned(folder):
        # Only now, so that a second one on this folder is refused at once.
        from redshank.backup.start import at_start
        from redshank.configuration import Configuration
        from redshank.site import Site
        from redshank.wiring import active, levels

        logs.to_file(folder / "redshank.log", also_stderr=view is None)
        logs.redact_uncaught()
        configuration = Configuration(config, folder, clock, os.environ)
        loaded = configuration.first()
        for problem in loaded.problems:
            log.error("configuration: %s", problem)
        logs.set_levels(levels(loaded.config))
        if not active(loaded.config):
            words = configuration.advice(loaded)
            log.warning("set-up mode: %s", words)
            if view is None:
                print(f"redshank: set-up mode. {words}", flush=True)
        healed = await asyncio.to_thread(at_start, folder, clock)
        for told in healed:
            log.error("%s", told)
        site = Site(loaded, folder, clock, view, start.workers, healed, configuration)
        site.page.demo, site.page.opened = start.demo, start.opened
        try:
            await site.run()
        finally:
            if view is not None:
                view.stop()


def read_config(config: Path | None) -> tuple[Loaded | None, str]:
    """The configuration as it is, or why it cannot be read."""
    from redshank.config.load import find, load

    try:
        return load(find(config, os.environ), os.environ), ""
    except ConfigError as error:
        return None, str(error)


def data_folder(config: Path | None, data: Path | None) -> Path:
    """`--data`, else the configuration's `data`, else the default."""
    if data is not None:
        return data.expanduser().absolute()
    from redshank.config.load import load

    loaded, _problem = read_config(config)
    return (loaded or load(None, os.environ)).config.data.expanduser().absolute()


def open_channel(config_path: Path | None, name: str) -> Channel:
    """For `redshank notify test`. Raises ConfigError naming the channels there are."""
    from redshank import plugs

    loaded, problem = read_config(config_path)
    if loaded is None:
        raise ConfigError(problem)
    channels = loaded.config.channels
    if name not in channels:
        known = ", ".join(channels) or "none"
        raise ConfigError(f"{loaded.path or 'no configuration'}: there is no channel {name!r}; configured: {known}")
    targets = Targets(loaded.config.security.allow_targets)
    return plugs.open_channel(name, channels[name], targets.check, SystemClock())


def camera_sources(
    camera: str, user: str, password: str, config: Path | None
) -> tuple[Mapping[str, SourceSettings], Targets]:
    """For `redshank doctor`: the streams of a configured camera by name, or the one a URL names. Raises ConfigError."""
    from redshank import wiring
    from redshank.media.settings import SourceSettings

    loaded, problem = read_config(config)
    known = loaded.config.cameras if loaded else {}
    allowed = loaded.config.security.allow_targets if loaded else ()
    if camera in known:
        found = {f"{camera}/{name}": wiring.source(stream) for name, stream in known[camera].streams.items()}
        return found, Targets(allowed)
    if ":" not in camera and not Path(camera).exists():
        names = ", ".join(known) or "none" + (f" ({problem})" if problem else "")
        raise ConfigError(f"{camera!r} is neither a URL, a file nor a configured camera (configured: {names})")
    return {"": SourceSettings(camera, user, password)}, _just_this(camera, allowed)


def _just_this(url: str, allowed: Sequence[str]) -> Targets:
    """Who types a loopback address at their own terminal may try it; a configuration has to allow it."""
    try:
        parts = urlsplit(url)
        given = parts.port
    except ValueError as error:
        raise ConfigError(f"not an address: {error}") from None
    port = given or {"rtsp": 554, "rtsps": 322, "https": 443}.get(parts.scheme, 80)
    return Targets([*allowed, f"{parts.hostname}:{port}"] if parts.hostname else allowed)


def open_detector(name: str, bars: Progress | None = None, device: str = "auto") -> Detector:
    """A model ready to run, fetched first when it is a known one that is not here yet. Raises ModelError."""
    from redshank.vision.models import CATALOGUE, default_store, find, load, pull

    store = default_store()
    if name in CATALOGUE:
        with fetching(bars, f"fetching {name}") as progress:
            pull(name, store, progress)
    elif not Path(name).exists():
        find(name, store)
    return load(name, store, device)


@contextlib.contextmanager
def fetching(bars: Progress | None, what: str) -> Iterator[Any]:
    """A progress callback of (bytes done, bytes in all) drawn as a bar that goes away at the end."""
    if bars is None:
        yield lambda _done, _total: None
        return
    bar = bars.add_task(what, total=None)
    try:
        yield lambda done, total: bars.update(bar, completed=done, total=total)
    finally:
        bars.remove_task(bar)


def explain(error: BaseException) -> str:
    """The one line of the first error of ours inside a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
