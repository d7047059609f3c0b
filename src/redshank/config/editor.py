"""The configuration file as the page edits it: read, checked, saved, its history. One truth: the file.

Methods block and may be called from any thread; one of them works at a time. Order of a save: secrets.yaml, then the file, then the
copy in the history; each is written beside and renamed. A crash in between leaves a secret that nothing names, or a file whose copy
is made at the next save.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from redshank.clock import Clock
from redshank.config import history, splice
from redshank.config.diff import unified
from redshank.config.document import MAX_CHARS, Place, Problem, Text, Tree, parse
from redshank.config.edit import Edit, Plain, edited, plain
from redshank.config.load import PREFIX, Loaded, find, load_text, own_place
from redshank.config.schema import Config
from redshank.config.shape import expanded, translated
from redshank.config.veil import hoist, unveil, values, veil
from redshank.errors import ConfigError

HEAD = """\
# Redshank. Every key: docs/reference/config.md · is this file right?  redshank check
# Written by the page, and yours to edit: what you write here, comments too, stays.
"""
SECRETS = "secrets.yaml"
SECRETS_HEAD = "# Passwords and tokens of the configuration beside this file: name: value\n"


class Effect(Protocol):
    """What a change does to the running site (`redshank.apply`)."""

    @property
    def live(self) -> tuple[str, ...]:
        """Keys that hold at once."""
        ...

    @property
    def restart(self) -> tuple[str, ...]:
        """Keys that wait for a restart."""
        ...


class Outcome(Effect, Protocol):
    """What became of a file that was saved."""

    @property
    def used(self) -> bool:
        """False: the running site goes on as it was."""
        ...

    @property
    def problems(self) -> tuple[str, ...]:
        """Why, one line each."""
        ...


class Conflict(ConfigError):
    """The file is another than the one that was edited."""

    def __init__(self, current: str, who: str, when: int) -> None:
        super().__init__(
            f"{who or 'somebody with an editor'} changed the configuration meanwhile: look at it, then save again"
        )
        self.current, self.who, self.when = current, who, when
        """Version; empty for one edited by hand; µs."""


class Unfit(ConfigError):
    """The change brings mistakes."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"nothing was saved: {problems[0]}")
        self.problems = tuple(problems)


class Unknown(ConfigError):
    """There is no such earlier configuration."""


@dataclass(frozen=True, slots=True)
class Change:
    """A whole text, as `Reading.text` with what somebody typed; or edits."""

    text: str | None = None
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """The configuration as it is. No secret is in it."""

    text: str
    version: str
    """Empty: there is no file yet."""
    path: Path
    problems: tuple[Problem, ...]
    locked: tuple[str, ...]
    values: Mapping[str, Any]
    pending: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """The configuration as it would be. `text` and `diff` are without secrets."""

    text: str
    diff: str
    problems: tuple[Problem, ...]
    new: tuple[Problem, ...]
    """Those that the change brings: it is not saved with them."""
    live: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    version: str = ""
    """Of the file it would be."""


@dataclass(frozen=True, slots=True)
class _Draft:
    text: str
    secrets: Mapping[str, str]
    loaded: Loaded | None
    new: tuple[Problem, ...]
    problems: tuple[Problem, ...]


class Editor:
    """Of one site."""

    def __init__(
        self,
        given: Path | None,
        environ: Mapping[str, str],
        data: Path,
        clock: Clock,
        difference: Callable[[Config, Config], Effect] | None = None,
        reload: Callable[[], Awaitable[Outcome]] | None = None,
    ) -> None:
        """given: `--config`. data: the data folder. reload: makes the running site use the file."""
        self._environ, self._clock, self._difference, self._reload = environ, clock, difference, reload
        self._path = find(given, environ) or own_place(environ)
        self._history = data / history.FOLDER
        self._one = threading.Lock()
        self._pending: tuple[str, ...] = ()

    def read(self) -> Reading:
        """Raises ConfigError when the file is there and cannot be read."""
        with self._one:
            content = self._content()
        text = _decoded(content or b"")
        try:
            loaded = self._load(text)
            problems, locked, told = loaded.problems, loaded.locked, expanded(values(text))
        except ConfigError as error:
            problems, locked, told = (_unreadable(error, self._path),), (), {}
        version = history.version_of(content) if content is not None else ""
        return Reading(veil(text), version, self._path, problems, locked, told, self._pending)

    def check(self, change: Change) -> Candidate:
        """Nothing is written. Raises ConfigError for a change that cannot be made."""
        with self._one:
            text = _decoded(self._content() or b"")
            draft = self._draft(text, change)
        return self._candidate(text, draft)

    def save(self, version: str, change: Change, who: str, note: str = "") -> Candidate:
        """version: of the `Reading` that was edited. Raises Conflict, Unfit, ConfigError; then nothing was changed."""
        with self._one:
            content = self._same(version)
            text = _decoded(content or b"")
            draft = self._draft(text, change)
            if draft.new:
                raise Unfit(draft.new)
            if draft.text != text or content is None:
                self._write(content, draft, who, note)
        return self._candidate(text, draft)

    async def apply(self) -> Outcome | None:
        """On the event loop, after a save: the running site takes the file over. None: nothing runs here."""
        if self._reload is None:
            return None
        effect = await self._reload()
        self._pending = effect.restart
        return effect

    def version(self) -> str:
        """Of the file as it is; empty when there is none."""
        with self._one:
            content = self._content()
        return history.version_of(content) if content is not None else ""

    def kept(self) -> Iterator[history.Kept]:
        """Newest first."""
        return history.entries(self._history)

    def earlier(self, version: str) -> tuple[str, str]:
        """Text and difference to now, without secrets. Raises ConfigError when it is not kept."""
        with self._one:
            now = _decoded(self._content() or b"")
        text = _decoded(self._kept(version))
        return veil(text), unified(now, text)

    def restore(self, wanted: str, version: str, who: str) -> Candidate:
        """The file as it was then. Raises as `save`."""
        text = _decoded(self._kept(wanted))
        with self._one:
            content = self._same(version)
            now = _decoded(content or b"")
            draft = self._judged(now, text, {})
            if draft.new:
                raise Unfit(draft.new)
            if text != now:
                self._write(content, draft, who, f"as {wanted[:12]}")
        return self._candidate(now, draft)

    def _kept(self, version: str) -> bytes:
        for one in self.kept():
            if one.version == version:
                return one.path.read_bytes()
        raise Unknown("there is no such earlier configuration")

    def _draft(self, text: str, change: Change) -> _Draft:
        if change.text is None:
            edits = translated(change.edits, plain(parse(text, str(self._path))[0]))
            made = edited(text or HEAD, edits)
        else:
            made = unveil(change.text, text)
        if len(made) > MAX_CHARS:
            raise ConfigError(f"the file would get longer than {MAX_CHARS} characters")
        try:
            made, secrets = hoist(made, text, self._secrets())
        except ConfigError as error:
            problem = _unreadable(error, self._path)
            return _Draft(made, {}, None, (problem,), (problem,))
        return self._judged(text, made, secrets)

    def _judged(self, before: str, text: str, secrets: Mapping[str, str]) -> _Draft:
        """With the mistakes that it has and `before` had not."""
        try:
            loaded = self._load(text, secrets)
        except ConfigError as error:
            problem = _unreadable(error, self._path)
            return _Draft(text, secrets, None, (problem,), (problem,))
        self._refuse_locked(before, text)
        try:
            old = {(one.where.key, one.expected, one.value) for one in self._load(before).problems}
        except ConfigError:
            old = set()
        new = tuple(one for one in loaded.problems if (one.where.key, one.expected, one.value) not in old)
        return _Draft(text, secrets, loaded, new, loaded.problems)

    def _candidate(self, before: str, draft: _Draft) -> Candidate:
        live: tuple[str, ...] = ()
        restart: tuple[str, ...] = ()
        if self._difference is not None and draft.loaded is not None:
            with suppress(ConfigError):
                effect = self._difference(self._load(before).config, draft.loaded.config)
                live, restart = effect.live, effect.restart
        version = history.version_of(draft.text.encode())
        diff = unified(before, draft.text)
        return Candidate(veil(draft.text), diff, draft.problems, draft.new, live, restart, version)

    def _refuse_locked(self, before: str, text: str) -> None:
        """What the environment sets wins over the file: editing it would do nothing."""
        was, now = plain(_parsed(before)), plain(_parsed(text))
        for variable in sorted(name for name in self._environ if name.startswith(PREFIX)):
            parts = [part.lower().replace("-", "_") for part in variable.removeprefix(PREFIX).split("__")]
            if _named(was, parts) != _named(now, parts):
                key = ".".join(parts)
                raise ConfigError(f"{key}: set by the environment (${variable}), which wins: change it there")

    def _load(self, text: str, secrets: Mapping[str, str] | None = None) -> Loaded:
        return load_text(text, self._path, self._environ, self._path.absolute().parent, (), secrets)

    def _content(self) -> bytes | None:
        """None: there is no file."""
        try:
            with self._path.open("rb") as file:
                content = file.read(4 * MAX_CHARS + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be read ({error.strerror})") from None
        if len(content) > 4 * MAX_CHARS:
            raise ConfigError(f"{self._path}: expected a configuration of at most {MAX_CHARS} characters")
        return content

    def _same(self, version: str) -> bytes | None:
        """The file, which is still that one. Raises Conflict."""
        content = self._content()
        current = history.version_of(content) if content is not None else ""
        if current == version:
            return content
        newest = next(self.kept(), None)
        if newest is not None and newest.version == current:
            raise Conflict(current, newest.who, newest.time)
        when = int(self._path.stat().st_mtime_ns // 1000) if content is not None else self._clock.now()
        raise Conflict(current, "", when)

    def _secrets(self) -> dict[str, str]:
        path = self._path.absolute().parent / SECRETS
        try:
            tree, problems = parse(_decoded(path.read_bytes()), str(path))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
        if problems:
            raise ConfigError(f"expected a correct {SECRETS} ({problems[0]})")
        return {str(name): str(value) for name, value in tree.items() if isinstance(value, Text)}

    def _write(self, content: bytes | None, draft: _Draft, who: str, note: str) -> None:
        now = self._clock.now()
        made = draft.text.encode()
        try:
            self._path.absolute().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if draft.secrets:
                self._write_secrets(draft.secrets)
            if content is not None:
                history.keep(self._history, content, min(self._path.stat().st_mtime_ns // 1000, now - 1))
            path = Path(os.path.realpath(self._path))
            history.write(path, made, stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600)
            history.keep(self._history, made, now, who, note)
        except OSError as error:
            why = "is mounted alone: mount its folder" if error.errno == 16 else f"cannot be written ({error.strerror})"
            raise ConfigError(f"{self._path}: {why}") from None

    def _write_secrets(self, secrets: Mapping[str, str]) -> None:
        path = Path(os.path.realpath(self._path.absolute().parent / SECRETS))
        text = _decoded(path.read_bytes()) if path.exists() else SECRETS_HEAD
        for name, secret in secrets.items():
            text = splice.put(text, (name,), secret)
        history.write(path, text.encode())


def _decoded(content: bytes) -> str:
    """Raises ConfigError: what is not UTF-8 could not be written back as it was."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"the file:{line}: not UTF-8 text here: save the file as UTF-8") from None


def _parsed(text: str) -> Mapping[str, Tree]:
    try:
        return parse(text, "the file")[0]
    except ConfigError:
        return {}


def _named(tree: Plain, parts: Sequence[str]) -> Plain:
    """What stands there: names without case, `-` as `_`."""
    for part in parts:
        if not isinstance(tree, dict):
            return tree
        tree = next((one for key, one in tree.items() if key.lower().replace("-", "_") == part), None)
    return tree


def _unreadable(error: ConfigError, path: Path) -> Problem:
    said = re.sub(rf"^({re.escape(str(path))}|the file)?:? ?", "", str(error))
    line = re.match(r"(\d+): ", said)
    return Problem(Place(str(path), int(line[1]) if line else 0, ""), "", said[line.end() :] if line else said)
