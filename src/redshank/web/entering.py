"""Set-up, log-in and log-out, one's own password and preferences. On the event loop; the desk asks database and hash on threads."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from redshank.access import asker
from redshank.access.address import origin_of
from redshank.access.desk import Came, Desk
from redshank.access.who import Verb
from redshank.clock import rfc3339
from redshank.web.answer import Problem
from redshank.web.guard import COOKIE, Asker, public, signed_in

routes = APIRouter(prefix="/api", tags=["access"])

PREFERENCES = 64_000
"""Bytes of one user's, as JSON."""
DAY_S = 86_400


async def _desk(request: Request) -> Desk:
    desk = request.app.state.rooms.access
    if not isinstance(desk, Desk):
        raise Problem(503, "accounts are not there at the moment")
    return desk


AtDesk = Annotated[Desk, Depends(_desk)]
"""For a route: `def route(desk: AtDesk)`."""


class Said(BaseModel):
    """What a request brings: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", str_max_length=10_000)


Name = Annotated[str, Field(min_length=1, max_length=200)]
Password = Annotated[str, Field(max_length=1000)]
Secret = Annotated[str, Field(max_length=200)]


class Setup(Said):
    name: Name = "admin"
    password: Password
    ticket: Secret = ""


class Login(Said):
    name: Name
    password: Password


class Entry(Said):
    ticket: Secret


class NewPassword(Said):
    old: Password = ""
    new: Password


class SessionState(BaseModel):
    """Who asks, for the page."""

    state: Literal["setup", "login", "in"]
    name: str
    role: Literal["admin", "operator", "viewer", "guest", "token", ""]
    rights: Mapping[Verb, list[str] | None]
    expires: str | None
    """When the session ends, if nobody uses it."""
    version: str
    """Empty for whoever is not logged in."""
    https: bool
    lan: bool
    """Asked for by another name than this machine's own."""
    title: str
    timezone: str
    """Of the site: days and clock times are told in it."""
    time: str
    """Now, by the server's clock."""


@routes.get("/session", response_model=SessionState)
@public
async def session(request: Request, desk: AtDesk, who: Asker) -> SessionState:
    """Whether one is logged in, as whom, and what one may."""
    there = await desk.register()
    inside = who.kind != "nobody"
    ends = await desk.ends(who) if inside else None
    state: Literal["setup", "login", "in"] = "in" if inside else "login" if there.admins else "setup"
    return SessionState(
        state=state,
        name=who.name,
        role=(who.role.value if who.role else "guest" if who.kind == "guest" else "token") if inside else "",
        rights=asker.shown(who.rights),
        expires=rfc3339(ends) if ends is not None else None,
        version=version("redshank") if inside else "",
        https=_https(request),
        lan=not _loopback(request.scope),
        title="Redshank",
        timezone=request.app.state.rooms.zone(),
        time=rfc3339(request.app.state.site.clock.now()),
    )


@routes.post("/setup", status_code=204)
@public
async def setup(request: Request, desk: AtDesk, said: Setup) -> Response:
    """The first administrator: while there is none, from this machine or with the ticket that was shown at the start."""
    return _in(request, await desk.setup(said.name, said.password, said.ticket, came(request)))


@routes.post("/login", status_code=204)
@public
async def login(request: Request, desk: AtDesk, said: Login) -> Response:
    """A session, as a cookie. 401 for a wrong name or password, 429 after too many tries."""
    return _in(request, await desk.login(said.name, said.password, came(request)))


@routes.post("/enter", status_code=204)
@public
async def enter(request: Request, desk: AtDesk, said: Entry) -> Response:
    """A session by a link: one for a guest, or one that logs in once."""
    return _in(request, await desk.enter(said.ticket, came(request)))


@routes.post("/logout", status_code=204)
@signed_in
async def logout(request: Request, desk: AtDesk, who: Asker) -> Response:
    """The session ends."""
    await desk.logout(who)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/", secure=_https(request), httponly=True, samesite="strict")
    return answer


@routes.put("/password", status_code=204)
@signed_in
async def password(desk: AtDesk, who: Asker, said: NewPassword) -> Response:
    """One's own. Every other session of this account ends."""
    await desk.own_password(who, said.old, said.new)
    return Response(status_code=204)


@routes.get("/preferences", response_model=dict[str, Any])
@signed_in
async def preferences(desk: AtDesk, who: Asker) -> dict[str, Any]:
    """What the page remembers for this account; for others nothing."""
    found: dict[str, Any] = await desk.preferences(who)
    return found


@routes.put("/preferences", status_code=204)
@signed_in
async def prefer(desk: AtDesk, who: Asker, said: Annotated[dict[str, Any], Body()]) -> Response:
    """At most 64 kB."""
    if len(json.dumps(said)) > PREFERENCES:
        raise Problem(400, "preferences have at most 64 kB")
    await desk.prefer(who, said)
    return Response(status_code=204)


def came(request: Request) -> Came:
    """How somebody comes to the desk."""
    origin = origin_of(request.scope)
    agent = request.headers.get("user-agent", "")[:200]
    return Came(origin.address, origin.here, agent, request.cookies.get(COOKIE, ""))


def _in(request: Request, secret: str) -> Response:
    """With the cookie: no script reads it, no other site's page sends it, over TLS it is never sent without."""
    answer = Response(status_code=204)
    age_s = asker.LONGEST_US // asker.DAY_US * DAY_S
    answer.set_cookie(COOKIE, secret, max_age=age_s, path="/", secure=_https(request), httponly=True, samesite="strict")
    return answer


def _https(request: Request) -> bool:
    return request.scope["scheme"] in ("https", "wss")


def _loopback(scope: Mapping[str, Any]) -> bool:
    """Whether the connection came to an address that only this machine has."""
    try:
        return ipaddress.ip_address((scope.get("server") or ("",))[0]).is_loopback
    except ValueError:
        return False
