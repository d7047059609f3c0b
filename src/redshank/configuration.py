"""The configuration of a running site: where its file is, what is used of it, and the copies that are kept.

At the start something is always used: the file, with cameras that fell out of it as they last were, or the last good file, or nothing
but the defaults (set-up mode). Later another file is used only when it brings no mistake that was not there before; else all goes on
as it was (rel:T58). Everything blocks, and is called in one thread at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from redshank.clock import Clock
from redshank.config import history
from redshank.config.document import Place, Problem
from redshank.config.load import Loaded, find, load, own_place
from redshank.config.rescue import rescue
from redshank.errors import ConfigError, RedshankError

log = logging.getLogger(__name__)

LAST_GOOD = "last-good.yaml"
LOOK_S = 2.0
Seen = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """What a look at the file gave."""

    loaded: Loaded | None
    """What to use; None: what is used goes on."""
    problems: tuple[str, ...] = ()
    """Why that is so."""
    whole: bool = True
    """False: the file lost a camera that goes on as it was."""


class Configuration:
    """One per site. given: `--config`; folder: the data folder, for the copies."""

    def __init__(self, given: Path | None, folder: Path, clock: Clock, environ: Mapping[str, str]) -> None:
        self._given = given
        self._folder = folder
        self._clock = clock
        self._environ = environ
        self.begun: Seen | None = None
        """What `first` read."""

    @property
    def path(self) -> Path:
        """The file that is read, or that is to be made."""
        return (find(self._given, self._environ) or own_place(self._environ)).absolute()

    def seen(self) -> Seen:
        """Changes when the file or its secrets.yaml do: time, size and number of each."""
        path = self.path
        return tuple(_stamp(one) for one in (path, path.with_name("secrets.yaml")))

    def first(self) -> Loaded:
        """What to start with, which is kept. Never raises for a mistake."""
        self.begun = self.seen()
        try:
            loaded: Loaded | None = load(find(self._given, self._environ), self._environ)
            problem = ""
        except ConfigError as error:
            loaded, problem = None, str(error)
        last = self._last_good() if loaded is None or loaded.fallen or self._is_empty(loaded) else None
        if last is not None and (loaded is None or self._is_empty(loaded)):
            words = f"used until the configuration can be read again. {problem or f'{self.path}: it is empty'}"
            return replace(last, problems=(Problem(Place(str(last.path), 0, ""), "", words), *last.problems))
        if loaded is None:
            defaults = load(None, self._environ)
            where = Place(str(self.path), 0, "")
            missing = self._given is not None and not self._given.exists()
            return (
                defaults if missing else replace(defaults, problems=(Problem(where, "", problem), *defaults.problems))
            )
        used = loaded
        if last is not None:
            whole, told = rescue(loaded.config, loaded.fallen, last.config, str(loaded.path))
            used = replace(loaded, config=whole, problems=(*loaded.problems, *told)) if told else loaded
        self.keep(used, whole=used is loaded)
        return used

    def again(self, running: Loaded) -> Read:
        """Another look, while `running` is used."""
        path = find(self._given, self._environ)
        if path is None and running.path is not None:
            return Read(None, (f"{running.path}: it is gone; what it said goes on",))
        try:
            loaded = load(path, self._environ)
        except ConfigError as error:
            return Read(None, (str(error),))
        if self._is_empty(loaded) and running.config.cameras:
            return Read(None, (f"{path}: it is empty; `cameras: {{}}` says that there is none",))
        known = {_words(problem) for problem in running.problems}
        fresh = tuple(str(problem) for problem in loaded.problems if _words(problem) not in known)
        if fresh:
            return Read(None, fresh)
        whole, told = rescue(loaded.config, loaded.fallen, running.config, str(loaded.path))
        if told:
            return Read(replace(loaded, config=whole, problems=(*loaded.problems, *told)), whole=False)
        return Read(loaded)

    def keep(self, loaded: Loaded, whole: bool) -> None:
        """Copies, beside the data, of the configuration that is used. One that lost a camera never becomes the last good one."""
        if loaded.path is None:
            return
        try:
            content = loaded.path.read_bytes()
            if whole:
                history.write(self._folder / LAST_GOOD, content)
            history.keep(self._folder / history.FOLDER, content, self._clock.now())
        except OSError as error:
            log.warning("no copy of the configuration was kept: %s", error.strerror)

    def advice(self, loaded: Loaded) -> str:
        """What to do while there is no camera that is switched on."""
        if loaded.path is None:
            return (
                f"There is no configuration yet. Add a camera on the page, or write {self.path} with: redshank init; "
                "it is noticed at once."
            )
        return f"{loaded.path} has no camera that is switched on. Add one on the page or under `cameras:`; it is noticed at once."

    def _is_empty(self, loaded: Loaded) -> bool:
        """Not a word in it: an editor or a disk failed. Nobody means that."""
        try:
            return loaded.path is not None and not loaded.path.read_bytes().strip()
        except OSError:
            return False

    def _last_good(self) -> Loaded | None:
        """Read as if it lay where the configuration does: its secrets and paths are there."""
        path = find(self._given, self._environ)
        try:
            return load(self._folder / LAST_GOOD, self._environ, path.absolute().parent if path else None)
        except ConfigError:
            return None


async def watch(configuration: Configuration, clock: Clock, reload: Callable[[], Awaitable[object]]) -> None:
    """On the event loop, until cancelled: the file is looked at every LOOK_S, and used once it has stayed the same for as long.

    Also what changed since the start read it; what could not be used is tried again.
    """
    before = await asyncio.to_thread(configuration.seen)
    used, trouble = configuration.begun or before, ""
    while True:
        await clock.sleep(LOOK_S)
        now = await asyncio.to_thread(configuration.seen)
        if now == before != used:
            try:
                await reload()
                used, trouble = now, ""
            except (RedshankError, OSError) as error:
                if trouble != str(error):
                    log.error("the configuration is not used yet: %s", error)
                trouble = str(error)
        before = now


def _words(problem: Problem) -> tuple[str, str, str]:
    """Without its line, which moves."""
    return problem.where.key, problem.value, problem.expected


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
