"""The models of a running site, for its page: which there are, which one looks now, and fetching one in a process of its own.

`pull` on the event loop, one at a time; the rest blocks for small files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

from redshank.errors import ModelError
from redshank.playback.studio import Busy
from redshank.targets import redact
from redshank.vision.catalogue import CATALOGUE, Entry, Stored, canonical_name, default_store, describe
from redshank.web.trial import Model

LONGEST_S = 3600.0
FAILED = "the model could not be fetched: `redshank models pull` in a terminal tells more"


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "redshank", "models", "pull", name, "--lines"]


class Models:
    """One per site."""

    def __init__(
        self,
        running: Callable[[], Mapping[str, Any]],
        wanted: Callable[[], str],
        store: Path | None = None,
        command: Callable[[str], list[str]] = _command,
    ) -> None:
        """running: what vision said of its model (`model`, `labels`), empty before. wanted: `detector.model`."""
        self._running = running
        self._wanted = wanted
        self._store = store or default_store()
        self._command = command
        self._pulling = False

    def all(self) -> list[Model]:
        here = [self._here(path) for path in sorted(self._store.glob("*.json"))]
        names = {one.name for one in here}
        return [*here, *(_there(entry) for entry in CATALOGUE.values() if entry.name not in names)]

    def labels(self) -> tuple[str, tuple[str, ...]]:
        if running := self._running():
            return str(running.get("model", "")), tuple(running.get("labels", ()))
        name = self._wanted()
        if not canonical_name(name):
            return name, ()
        try:
            return name, tuple(label for label in describe(self._store / f"{name}.json").recipe.labels if label)
        except ModelError:
            return name, ()

    def known(self, name: str) -> bool:
        return name in CATALOGUE

    async def pull(self, name: str) -> AsyncGenerator[Mapping[str, Any], None]:
        if self._pulling:
            raise Busy("a model is being fetched already: wait until it is here")
        self._pulling = True
        try:
            pull = await asyncio.create_subprocess_exec(
                *self._command(name), stdout=PIPE, stderr=PIPE, stdin=DEVNULL, limit=1 << 16
            )
            try:
                async with asyncio.timeout(LONGEST_S):
                    async for told in _followed(pull):
                        yield told
            except TimeoutError:
                yield {"ok": False, "reason": f"it was not here after {LONGEST_S / 60:.0f} min: check the network"}
            finally:
                await _ended(pull)
        finally:
            self._pulling = False

    def _here(self, description: Path) -> Model:
        try:
            found = describe(description)
            size = found.path.stat().st_size
        except ModelError as error:
            return Model(description.stem, "", True, False, "", False, 0, 0, (), "", "", "", 0, str(error))
        except OSError:
            size = 0
        return _model(found, size, str(self._running().get("model", "")) == found.model_id)


def _model(found: Stored, size: int, used: bool) -> Model:
    entry = CATALOGUE.get(found.name)
    ours = entry is not None and entry.wheel.pin == found.source
    recipe = found.recipe
    return Model(
        name=found.name,
        id=found.model_id,
        here=True,
        used=used,
        family=recipe.family,
        proven=found.proven,
        width=recipe.width,
        height=recipe.height,
        labels=tuple(label for label in recipe.labels if label),
        licence=entry.licence if entry and ours else "",
        about=entry.about if entry and ours else "your own",
        source=Path(found.source).name,
        bytes=size,
        problem="" if size else f"its file is not there any more: fetch or add {found.name} again",
    )


def _there(entry: Entry) -> Model:
    size = entry.size
    pin, licence = entry.wheel.pin, entry.licence
    return Model(
        entry.name, "", False, False, "darknet", True, size, size, (), licence, entry.about, pin, entry.wheel.size
    )


async def _followed(pull: Process) -> AsyncGenerator[Mapping[str, Any], None]:
    """Each line it says; what it complains of is read meanwhile, so that it never waits for us."""
    assert pull.stdout is not None
    assert pull.stderr is not None
    words = asyncio.ensure_future(pull.stderr.read(1 << 20))
    id = ""
    async for line in pull.stdout:
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            id = str(told.get("id", ""))
            if not id:
                yield {"done": told["done"], "total": told["total"]}
    lines = (await words).decode(errors="replace").strip().splitlines()
    if await pull.wait() == 0 and id:
        yield {"ok": True, "id": id}
    else:
        yield {"ok": False, "reason": redact(lines[-1])[:500] if lines else FAILED}


async def _ended(pull: Process) -> None:
    """Nobody waits for it any more."""
    if pull.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            pull.terminate()
        await pull.wait()
