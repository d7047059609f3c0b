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
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from redshank import logs, status
from redshank.clock import Clock, SystemClock, rfc3339
from redshank.errors import ConfigError, RedshankError, StoreError
from redshank.targets import Targets

if TYPE_CHECKING:
    from rich.progress import Progress

    from redshank.alert.base import Channel
    from redshank.config.load import Loaded
    from redshank.media.settings import SourceSettings
    from redshank.vision.detect import Detector

log = logging.getLogger(__name__)

SETUP_LOOK_S = 2.0
LAST_GOOD = "last-good.yaml"
HISTORY = "config-history"
HISTORY_KEPT = 200


class View(Protocol):
    """Shows the status once a second; on the event loop."""

    def show(self, status: Mapping[str, Any]) -> None: ...

    def stop(self) -> None: ...


def launch(config: Path | None, data: Path | None, view: View | None, workers: int = 1) -> None:
    """`redshank run`: blocks until SIGTERM or SIGINT. Raises RedshankError when it cannot start at all."""
    asyncio.run(_until_stopped(_run(config, data, view, workers)))


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


async def _run(config: Path | None, data: Path | None, view: View | None, workers: int) -> None:
    clock = SystemClock()
    os.umask(0o077)  # pictures, logs and status are for their owner only
    folder = data_folder(config, data)
    with status.owned(folder):
        # Only now, so that a second one on this folder is refused at once.
        from redshank.backup.start import at_start
        from redshank.configuration import Configuration
        from redshank.site import Site

        logs.to_file(folder / "redshank.log", also_stderr=view is None)
        logs.redact_uncaught()
        loaded = await configured(config, folder, clock, view)
        for problem in loaded.problems:
            log.error("configuration: %s", problem)
        levels = {**loaded.config.logger.logs, "redshank": loaded.config.logger.default}
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level.upper())
        healed = await asyncio.to_thread(at_start, folder, clock)
        for told in healed:
            log.error("%s", told)
        try:
            configuration = Configuration(config, folder, clock, os.environ)
            await Site(loaded, folder, clock, view, workers, healed, configuration).run()
        finally:
            if view is not None:
                view.stop()


async def configured(config: Path | None, folder: Path, clock: Clock, view: View | None) -> Loaded:
    """A configuration with a camera; until there is one, say what to do and look again: set-up mode."""
    told = ""
    while True:
        loaded, problem = read_config(config)
        used = _usable(config, folder, loaded, problem)
        if used is not None:
            if loaded is not None:
                _keep_good(folder, loaded, clock.now(), whole=used is loaded)
            return used
        from redshank.report import setup_status

        words = _what_to_do(config, loaded, problem)
        if words != told:
            told = words
            log.warning("set-up mode: %s", words)
            if view is None:
                print(f"redshank: set-up mode. {words}", flush=True)
        now = setup_status(words, str(folder), clock.now())
        with contextlib.suppress(StoreError):
            status.write(folder, now)
        if view is not None:
            view.show(now)
        await clock.sleep(SETUP_LOOK_S)


def _usable(config: Path | None, folder: Path, loaded: Loaded | None, problem: str) -> Loaded | None:
    """What there is with a camera that is switched on: the file itself, with what fell out of it as it last was, or the last good one.

    rel:T58: an edit that went wrong must not blind the cameras that worked before.
    """
    from redshank.config.document import Place, Problem
    from redshank.config.rescue import rescue

    last = _last_good(config, folder) if loaded is None or loaded.fallen else None
    if loaded is None and last is not None:
        words = f"used until the configuration can be read again. {problem}"
        loaded = replace(last, problems=(Problem(Place(str(last.path), 0, ""), "", words), *last.problems))
    elif loaded is not None and last is not None:
        whole, told = rescue(loaded.config, loaded.fallen, last.config, str(loaded.path))
        if told:
            loaded = replace(loaded, config=whole, problems=(*loaded.problems, *told))
    found = loaded is not None and any(camera.enabled for camera in loaded.config.cameras.values())
    return loaded if found else None


def _last_good(config: Path | None, folder: Path) -> Loaded | None:
    """Read as if it lay where the configuration does: its secrets and paths are there."""
    from redshank.config.load import find, load

    path = find(config, os.environ)
    try:
        return load(folder / LAST_GOOD, os.environ, path.absolute().parent if path else None)
    except ConfigError:
        return None


def _keep_good(folder: Path, loaded: Loaded, now: int, whole: bool) -> None:
    """Copies, beside the data, of the configuration that is used. One that lost a camera never becomes the last good one."""
    if loaded.path is None:
        return
    try:
        content = loaded.path.read_bytes()
        if whole:
            _write(folder / LAST_GOOD, content)
        _remember(folder / HISTORY, content, now)
    except OSError as error:
        log.warning("no copy of the configuration was kept: %s", error.strerror)


def _remember(history: Path, content: bytes, now: int) -> None:
    """One file per configuration that was ever used, by the time it first was; backups hold them too."""
    history.mkdir(mode=0o700, exist_ok=True)
    known = sorted(history.glob("*.yaml"))
    if known and known[-1].read_bytes() == content:
        return
    name = rfc3339(now)[:19].replace(":", "")
    _write(history / f"{name}Z.yaml", content)
    for old in known[: -HISTORY_KEPT + 1]:
        old.unlink()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, also over a power cut; for its owner only."""
    part = path.with_name(".config.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _what_to_do(config: Path | None, loaded: Loaded | None, problem: str) -> str:
    if config is not None and not config.exists():
        return f"{config} is not there yet. {_write_one(config)}"
    if problem:
        return problem
    if loaded is None or loaded.path is None:
        return f"There is no configuration yet. {_write_one(None)}"
    problems = "".join(f"\n  {problem}" for problem in loaded.problems)
    return (
        f"{loaded.path} has no camera that is switched on. Add one under `cameras:`; it is noticed at once.{problems}"
    )


def _write_one(path: Path | None) -> str:
    command = f"redshank init {path}" if path else "redshank init"
    return f"Write one with: {command}, then put a camera in; it is noticed at once."


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
