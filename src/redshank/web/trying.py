"""Trying things out: a picture before the model and the rules, a message through a channel. On the event loop; nothing is kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from redshank.access.who import Verb
from redshank.media.picture import MAX_PIXELS, animated, picture_kind
from redshank.playback.studio import Busy, Refused
from redshank.web.answer import Problem, camera_of
from redshank.web.guard import needs
from redshank.web.rooms import Rooms, there
from redshank.web.site import Site

routes = APIRouter(prefix="/api")
KINDS = {"image/jpeg": "mjpeg", "image/png": "png", "image/webp": "webp"}
"""Type of a body, and the codec its first bytes must show."""


class Seen(BaseModel):
    label: str
    score: float
    box: tuple[float, float, float, float]


class Condition(BaseModel):
    name: str
    wanted: str
    got: str
    met: bool | None
    """Null: one picture cannot tell."""


class Verdict(BaseModel):
    """What a rule would say of one of the detections."""

    rule: str
    text: str
    camera: str
    object: int
    """Which one, from 0."""
    fires: bool
    """Once what takes time has come true as well."""
    after_s: float
    conditions: list[Condition]


class Examined(BaseModel):
    width: int
    height: int
    ms: float
    model: str
    labels: list[str]
    detections: list[Seen]
    verdicts: list[Verdict]


class Sent(BaseModel):
    ok: bool
    message: str
    seconds: float


@routes.post("/test-image", response_model=Examined)
@needs(Verb.CONFIGURE)
async def examine(request: Request, site: Site, camera: Annotated[str, Query(max_length=100)] = "") -> object:
    """The body is a picture. `camera`: as if it were that camera's; else each rule judges as if it were one of its own cameras'."""
    rooms: Rooms = request.app.state.rooms
    examiner = there(rooms.examiner, "what looks at pictures")
    if camera:
        camera_of(site, camera)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in KINDS:
        raise Problem(415, f"expected a picture: {', '.join(KINDS)}")
    data = await request.body()
    check(data, kind)
    try:
        found = await examiner.examine(data, camera)
    except Refused as error:
        raise Problem(422, str(error)) from error
    seen = [
        {"label": one.label, "score": round(one.score, 4), "box": list(asdict(one.box).values())}
        for one in found.detections
    ]
    return {**asdict(found), "detections": seen}


def check(data: bytes, kind: str) -> None:
    """From the header alone, nothing is decoded (rel:S22). Raises Problem."""
    found = picture_kind(data)
    if found is None or found[0] != KINDS[kind]:
        raise Problem(415, f"this is no {kind} picture")
    _codec, width, height = found
    if not width or not height:
        raise Problem(422, "the picture is damaged: its header gives no size")
    if width * height > MAX_PIXELS:
        raise Problem(
            413,
            f"{width} x {height} pixels: pictures above {MAX_PIXELS // 1_000_000} megapixels are refused, make it smaller",
        )
    if animated(data):
        raise Problem(415, "an animated picture: give a single one")


@routes.post("/channels/{channel}/test", response_model=Sent)
@needs(Verb.CONFIGURE)
async def send(request: Request, channel: str) -> object:
    """A real message with a real picture, also through a channel that is switched off or on `dry_run`."""
    rooms: Rooms = request.app.state.rooms
    try:
        sent = await there(rooms.channels, "what sends messages").send(channel)
    except Busy as error:
        raise Problem(429, str(error), {"Retry-After": "30"}) from error
    if sent is None:
        raise Problem(404, "there is no such channel")
    return asdict(sent)
