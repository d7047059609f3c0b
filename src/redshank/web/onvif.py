"""Finding a camera: those that answer in this network, and what one of them can stream. On the event loop."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from redshank.access.who import Verb
from redshank.errors import SourceError, TargetRefused
from redshank.onvif.client import Account
from redshank.web.answer import Problem
from redshank.web.guard import needs
from redshank.web.rooms import Rooms, there

routes = APIRouter(prefix="/api/cameras")
WHAT = "what finds cameras"


class Answered(BaseModel):
    """A camera of this network."""

    name: str
    make: str
    model: str
    address: str
    xaddr: str


class Discovered(BaseModel):
    found: list[Answered]
    asked: list[str]
    """Addresses of this machine from which was asked; cameras in other networks do not hear it."""


class AccountAsked(BaseModel):
    """A camera, by `xaddr` or `host`."""

    model_config = ConfigDict(extra="forbid")

    xaddr: str = Field(default="", max_length=1000)
    host: str = Field(default="", max_length=300)
    user: str = Field(default="", max_length=200)
    password: str = Field(default="", max_length=500)
    tls_verify: bool = True

    def account(self) -> Account:
        """Raises Problem."""
        if not (self.xaddr or self.host):
            raise Problem(400, "xaddr or host: expected the address of a camera")
        return Account(self.xaddr or self.host, self.user, self.password, self.tls_verify)


class Stream(BaseModel):
    token: str
    name: str
    codec: str
    width: int
    height: int
    fps: float
    bitrate: int
    audio: str
    url: str


class Described(BaseModel):
    make: str
    model: str
    firmware: str
    serial: str
    profiles: list[Stream]
    main: str
    sub: str
    snapshot: str
    ptz: bool
    clock_off_s: float
    warnings: list[str]


@routes.post("/discover", response_model=Discovered)
@needs(Verb.CONFIGURE)
async def discover(request: Request) -> object:
    """Takes three seconds."""
    rooms: Rooms = request.app.state.rooms
    finder = there(rooms.finder, WHAT)
    asked, found = await finder.discover()
    return {"found": [asdict(one) for one in found], "asked": asked}


@routes.post("/onvif", response_model=Described)
@needs(Verb.CONFIGURE)
async def onvif(request: Request, wanted: AccountAsked) -> object:
    """What the camera says of itself. 422: it cannot be reached, refuses the login, or does not speak ONVIF."""
    rooms: Rooms = request.app.state.rooms
    finder = there(rooms.finder, WHAT)
    try:
        return asdict(await finder.describe(wanted.account()))
    except (SourceError, TargetRefused) as error:
        raise Problem(422, str(error)) from error
