"""The log, newest lines first, and how much of it there is to be."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from redshank.access.who import Verb
from redshank.web.answer import Problem
from redshank.web.guard import needs
from redshank.web.rooms import Rooms, there

routes = APIRouter()
MOST_BYTES = 4_000_000
"""Of the file's end, looked through."""
LEVELS = ("debug", "info", "warning", "error", "critical")
OURS = re.compile(r"redshank(\.[a-z_]+){0,4}")
_LINE = re.compile(r"(?P<time>\d{4}-\d\d-\d\d[ T][\d:,.]+\S*) (?P<level>[A-Z]+) (?P<module>[\w.]+): (?P<text>.*)")


class LogLine(BaseModel):
    time: str
    level: str
    module: str
    text: str
    """With the lines that belong to it."""


class LogLines(BaseModel):
    items: list[LogLine]
    levels: dict[str, str]
    """Of parts that say more or less than the rest."""


class LogLevel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    module: str = Field(max_length=100)
    level: Literal["debug", "info", "warning", "error"]


@routes.get("/api/logs")
@needs(Verb.CONFIGURE)
def lines(
    request: Request,
    level: Literal["debug", "info", "warning", "error", "critical"] = "info",
    module: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=2000)] = 200,
) -> LogLines:
    """The newest lines of at least this level, of this part."""
    rooms: Rooms = request.app.state.rooms
    wanted = LEVELS[LEVELS.index(level) :]
    found = [one for one in parsed(_end(there(rooms.log, "the log"))) if one.level.lower() in wanted]
    mine = [one for one in found if not module or one.module == module or one.module.startswith(module + ".")]
    return LogLines(items=mine[::-1][:limit], levels=_levels())


@routes.put("/api/logs/level", status_code=204)
@needs(Verb.CONFIGURE)
def set_level(wanted: LogLevel) -> Response:
    """Until the next start; `logger.logs` in the configuration is for good."""
    if not OURS.fullmatch(wanted.module):
        raise Problem(404, "there is no such part: redshank, redshank.web …")
    logging.getLogger(wanted.module).setLevel(wanted.level.upper())
    return Response(status_code=204)


def _levels() -> dict[str, str]:
    known = logging.Logger.manager.loggerDict
    ours = {name: one for name, one in known.items() if name.startswith("redshank") and isinstance(one, logging.Logger)}
    return {name: logging.getLevelName(one.level).lower() for name, one in ours.items() if one.level}


def _end(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MOST_BYTES))
            found = file.read(MOST_BYTES)
    except FileNotFoundError:
        return ""
    return found.decode(errors="replace").partition("\n")[2] if size > MOST_BYTES else found.decode(errors="replace")


def parsed(text: str) -> list[LogLine]:
    """Oldest first; a line that is none of its own belongs to the one before it."""
    found: list[LogLine] = []
    for line in text.splitlines():
        if one := _LINE.fullmatch(line):
            found.append(LogLine(**one.groupdict()))
        elif found:
            found[-1].text += f"\n{line}"
    return found
