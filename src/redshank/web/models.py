"""Models: which there are, what they can tell apart, and fetching one. Which one looks is `detector.model` of the configuration."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from redshank.access.who import Verb
from redshank.web.answer import Problem
from redshank.web.guard import needs, signed_in
from redshank.web.rooms import Rooms, there

routes = APIRouter(prefix="/api")
WHAT = "what knows models"


class Model(BaseModel):
    name: str
    id: str
    here: bool
    used: bool
    family: str
    proven: bool
    width: int
    height: int
    labels: list[str]
    licence: str
    about: str
    source: str
    bytes: int
    problem: str


class Models(BaseModel):
    models: list[Model]


class Labels(BaseModel):
    model: str
    labels: list[str]


@routes.get("/models", response_model=Models)
@needs(Verb.CONFIGURE)
def all_models(request: Request) -> object:
    """Those that are stored, and those that can be fetched."""
    rooms: Rooms = request.app.state.rooms
    return {"models": [asdict(one) for one in there(rooms.models, WHAT).all()]}


@routes.get("/labels", response_model=Labels)
@signed_in
def labels(request: Request) -> object:
    """What the model in use can tell apart; empty before it is here."""
    rooms: Rooms = request.app.state.rooms
    model, found = there(rooms.models, WHAT).labels()
    return {"model": model, "labels": list(found)}


@routes.post("/models/{model}/pull")
@needs(Verb.CONFIGURE)
async def pull(request: Request, model: str) -> StreamingResponse:
    """One JSON object a line: `done` and `total` bytes, at last `ok` with `id` or `reason`. Only what the catalogue has."""
    rooms: Rooms = request.app.state.rooms
    models = there(rooms.models, WHAT)
    if not models.known(model):
        raise Problem(404, "there is no such model in the catalogue")
    pulling = models.pull(model)
    # The first one tells whether it can be begun at all.
    first = await anext(pulling)
    return StreamingResponse(_lines(first, pulling), media_type="application/x-ndjson")


async def _lines(first: Mapping[str, Any], rest: AsyncGenerator[Mapping[str, Any], None]) -> AsyncIterator[bytes]:
    try:
        yield _line(first)
        async for one in rest:
            yield _line(one)
    finally:
        await rest.aclose()


def _line(told: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(told)).encode() + b"\n"
