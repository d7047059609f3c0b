"""The configuration over the API: read, checked, saved, its history. For who may configure; no secret ever leaves.

Reading and writing block and run in the pool; what the running site makes of a saved file is waited for on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import HTTPConnection

from redshank.access.who import Verb
from redshank.clock import rfc3339
from redshank.config import forms
from redshank.config.document import MAX_CHARS, Problem
from redshank.config.edit import MAX_EDITS, MAX_LEVELS, Edit
from redshank.config.editor import Candidate, Change, Conflict, Editor, Unfit, Unknown
from redshank.errors import ConfigError
from redshank.frigate.convert import Imported, convert
from redshank.web import answer
from redshank.web.guard import Asker, needs
from redshank.web.rooms import Rooms, there

routes = APIRouter(prefix="/api/config")
PROBLEM = "application/problem+json"
Version = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Key = Annotated[str, Field(max_length=200)] | Annotated[int, Field(ge=0, le=100_000)]
Current = Annotated[str, Field(max_length=64)]
Text = Annotated[str, Field(max_length=MAX_CHARS)]


class Asked(BaseModel):
    """One edit."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["set", "remove", "rename"]
    path: Annotated[list[Key], Field(min_length=1, max_length=MAX_LEVELS)]
    value: Any = None


class ChangeAsked(BaseModel):
    """A whole text, or edits."""

    model_config = ConfigDict(extra="forbid")

    version: Current = ""
    """What was edited; empty: there was no file."""
    text: Text | None = None
    edits: Annotated[list[Asked], Field(max_length=MAX_EDITS)] = []
    note: Annotated[str, Field(max_length=1000)] = ""


class RestoreAsked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Current
    """Of the configuration now."""


class Wrong(BaseModel):
    line: int
    """0: none, such as for the environment."""
    key: str
    message: str


class Configuration(BaseModel):
    text: str
    version: str
    path: str
    problems: list[Wrong]
    locked: list[str]
    """Keys the environment sets."""
    values: dict[str, Any]
    """What the file says; secrets are `***`."""
    pending: list[str]
    """Keys that wait for a restart."""


class Applies(BaseModel):
    live: list[str]
    restart: list[str]


class Checked(BaseModel):
    text: str
    diff: str
    problems: list[Wrong]
    refused: list[Wrong]
    """Those of `problems` that the change brings: it is not saved with them."""
    applies: Applies


class Saved(BaseModel):
    version: str
    diff: str
    applied: list[str]
    pending: list[str]
    problems: list[Wrong]
    used: bool
    """False: it is saved, and the running site goes on as it was."""
    unused: list[str]
    """Why that is so, one line each."""


class Earlier(BaseModel):
    version: str
    time: str
    who: str
    """Empty: edited by hand."""
    note: str
    lines: int


class History(BaseModel):
    items: list[Earlier]
    next: str | None = None


class ImportAsked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Text
    from_restream: Annotated[str, Field(max_length=300)] = ""
    """host:port of Frigate, to read its streams instead of the cameras."""


class ImportedKey(BaseModel):
    key: str
    status: Literal["mapped", "changed", "unsupported"]
    to: str
    note: str


class ImportedText(BaseModel):
    text: str
    """Not saved. Passwords of the given text are in it."""
    report: list[ImportedKey]


class EarlierText(BaseModel):
    text: str
    diff: str
    """From then to now, backwards: what a restore would do."""


async def _editor(connection: HTTPConnection) -> Editor:
    rooms: Rooms = connection.app.state.rooms
    return there(rooms.editor, "the configuration")


Config = Annotated[Editor, Depends(_editor)]


@routes.get("", response_model=Configuration)
@needs(Verb.CONFIGURE)
def read(editor: Config) -> object:
    """The file as it is."""
    now = _asked(editor.read)
    return {
        "text": now.text,
        "version": now.version,
        "path": str(now.path),
        "problems": said(now.problems),
        "locked": list(now.locked),
        "values": now.values,
        "pending": list(now.pending),
    }


@routes.get("/schema", response_model=dict[str, Any])
@needs(Verb.CONFIGURE)
def schema() -> object:
    """JSON Schema 2020-12 of the file; conditions of rules are in it."""
    return forms.schema()


@routes.post("/check", response_model=Checked)
@needs(Verb.CONFIGURE, told=True)
def check(editor: Config, asked: ChangeAsked) -> object:
    """What a change would do. Nothing is written."""
    found: Candidate = _asked(partial(editor.check, change_of(asked)))
    return {
        "text": found.text,
        "diff": found.diff,
        "problems": said(found.problems),
        "refused": said(found.new),
        "applies": {"live": list(found.live), "restart": list(found.restart)},
    }


@routes.put("", response_model=Saved)
@needs(Verb.CONFIGURE)
async def save(editor: Config, who: Asker, asked: ChangeAsked) -> object:
    """All of the change or nothing; the running site uses it when this answers."""
    return await _saved(editor, partial(editor.save, asked.version, change_of(asked), who.name, asked.note))


@routes.get("/history", response_model=History)
@needs(Verb.CONFIGURE)
def history(editor: Config) -> object:
    """Newest first."""
    return {
        "items": [
            {"version": one.version, "time": rfc3339(one.time), "who": one.who, "note": one.note, "lines": one.lines}
            for one in editor.kept()
        ]
    }


@routes.get("/history/{version}", response_model=EarlierText)
@needs(Verb.CONFIGURE)
def earlier(editor: Config, version: Version) -> object:
    """One of them, and what going back to it would change."""
    text, diff = _asked(partial(editor.earlier, version))
    return {"text": text, "diff": diff}


@routes.post("/history/{version}/restore", response_model=Saved)
@needs(Verb.CONFIGURE)
async def restore(editor: Config, who: Asker, version: Version, asked: RestoreAsked) -> object:
    """Go back to it."""
    return await _saved(editor, partial(editor.restore, version, asked.version, who.name))


@routes.post("/import-frigate", response_model=ImportedText)
@needs(Verb.CONFIGURE, told=True)
def import_frigate(asked: ImportAsked) -> object:
    """A configuration of Frigate as one of ours; nothing is written."""
    made: Imported = _asked(partial(convert, asked.text, asked.from_restream))
    return {"text": made.text, "report": [asdict(line) for line in made.report]}


def said(problems: Sequence[Problem]) -> list[dict[str, object]]:
    """As `Wrong`."""
    return [
        {
            "line": one.where.line,
            "key": one.where.key,
            "message": f"is {one.value}: {one.expected}" if one.value else one.expected,
        }
        for one in problems
    ]


def change_of(asked: ChangeAsked) -> Change:
    """Raises Problem."""
    if (asked.text is None) == (not asked.edits):
        raise answer.Problem(400, "expected either a text or edits")
    return Change(asked.text, tuple(Edit(one.op, tuple(one.path), one.value) for one in asked.edits))


async def _saved(editor: Editor, work: partial[Candidate]) -> object:
    try:
        done = await asyncio.to_thread(work)
    except Conflict as error:
        more = {"current": error.current, "who": error.who, "when": rfc3339(error.when)}
        return _problem(409, "The configuration has changed meanwhile", str(error), more)
    except Unfit as error:
        return _problem(422, "It would not work", str(error), {"problems": said(error.problems)})
    except Unknown as error:
        raise answer.Problem(404, str(error)) from None
    except ConfigError as error:
        raise answer.Problem(422, str(error)) from None
    effect = await editor.apply()
    pending = list(effect.restart) if effect is not None else list(done.restart)
    return {
        "version": done.version,
        "diff": done.diff,
        "applied": list(effect.live) if effect is not None else [],
        "pending": pending,
        "problems": said(done.problems),
        "used": effect is None or effect.used,
        "unused": list(effect.problems) if effect is not None and not effect.used else [],
    }


def _asked(work: Any) -> Any:
    """What it returns. Raises Problem."""
    try:
        return work()
    except Unknown as error:
        raise answer.Problem(404, str(error)) from None
    except ConfigError as error:
        raise answer.Problem(422, str(error)) from None


def _problem(status: int, title: str, detail: str, more: Mapping[str, object]) -> JSONResponse:
    told = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(told, status, media_type=PROBLEM)
