"""Adding a camera: what there is to choose from, and whether it works, step by step."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import unquote

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from redshank.access.who import Verb
from redshank.config.fields import split_login
from redshank.media.connect import scheme_of
from redshank.media.settings import SourceSettings
from redshank.playback.studio import Busy
from redshank.templates import TEMPLATES
from redshank.web.answer import Problem
from redshank.web.guard import needs
from redshank.web.rooms import Rooms, there
from redshank.web.trial import Prober, Told

routes = APIRouter(prefix="/api/cameras")
SCHEMES = ("rtsp", "rtsps", "http", "https", "usb", "csi")
"""A file of this machine is no camera that somebody adds in a browser."""


class Template(BaseModel):
    """How the cameras of a make are reached; `{host}`, `{port}`, `{channel}` are to be filled in."""

    id: str
    title: str
    main: str
    sub: str
    port: int
    notes: str


class Templates(BaseModel):
    templates: list[Template]


class Tried(BaseModel):
    """A source, as the configuration names one."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2000)
    user: str = Field(default="", max_length=200)
    password: str = Field(default="", max_length=500)
    kind: Literal["auto", "flv", "mjpeg", "jpeg"] = "auto"
    transport: Literal["tcp", "udp"] = "tcp"
    tls_verify: bool = True

    def source(self) -> SourceSettings:
        """Raises Problem."""
        url, user, password = split_login(self.url.strip())
        if scheme_of(url) not in SCHEMES:
            raise Problem(400, f"url: expected {', '.join(f'{one}:' for one in SCHEMES[:-1])} or {SCHEMES[-1]}:")
        return SourceSettings(
            url,
            self.user or unquote(user),
            self.password or unquote(password),
            kind=self.kind,
            transport=self.transport,
            tls_verify=self.tls_verify,
        )


@routes.get("/templates", response_model=Templates)
@needs(Verb.CONFIGURE)
async def templates() -> object:
    """Addresses of the usual makes."""
    return {"templates": [{"id": id, **one} for id, one in TEMPLATES.items()]}


@routes.post("/probe")
@needs(Verb.CONFIGURE)
async def probe(request: Request, wanted: Tried) -> StreamingResponse:
    """One JSON object a line: each `step` as it is done, a `picture` as soon as there is one, `done` with what was found out."""
    rooms: Rooms = request.app.state.rooms
    lines = _lines(there(rooms.prober, "what tries cameras"), wanted.source())
    return StreamingResponse(lines, media_type="application/x-ndjson")


async def _lines(prober: Prober, source: SourceSettings) -> AsyncIterator[bytes]:
    try:
        async for told in prober.probe(source):
            yield _line(told)
    except Busy as error:
        yield _line(Told("done", {"ok": False, "reason": str(error)}))


def _line(told: Told) -> bytes:
    picture = {"picture": b64encode(told.jpeg).decode()} if told.jpeg else {}
    return json.dumps({"kind": told.kind, **told.about, **picture}).encode() + b"\n"
