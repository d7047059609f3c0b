"""Tokens of programs, and links of guests. On the event loop; the desk changes them.

Everybody with an account has tokens of their own, worth at most what they may themselves; links for guests are for who configures.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from redshank.access import account
from redshank.access.secret import digest, new_secret, new_token
from redshank.access.who import Verb, Who
from redshank.clock import US_PER_S, new_id, rfc3339
from redshank.store.register import Register
from redshank.store.tokens import Guest, Token
from redshank.web.answer import Problem
from redshank.web.entering import AtDesk, Name, Said
from redshank.web.guard import Asker, needs, signed_in
from redshank.web.people import Cameras, Person, check_cameras, found, link, when

routes = APIRouter(prefix="/api", tags=["access"])

YEAR_H = 366 * 24
Hours = Annotated[float, Field(gt=0, le=YEAR_H)]


class NewToken(Said):
    name: Name
    verbs: Annotated[list[Verb], Field(min_length=1, max_length=len(Verb))]
    cameras: Cameras | None = None
    hours: Hours | None = None
    """Not given: until it is deleted."""


class TokenShown(BaseModel):
    id: str
    name: str
    owner: str
    verbs: list[Verb]
    cameras: list[str] | None
    expires: str | None
    created: str
    last_used: str | None


class TokenMade(TokenShown):
    secret: str
    """Said this once."""


class Tokens(BaseModel):
    items: list[TokenShown]
    next: None = None


class NewGuest(Said):
    name: Name
    cameras: Annotated[Cameras, Field(min_length=1)]
    verbs: Annotated[list[Verb], Field(min_length=1, max_length=2)] = Field(default=[Verb.LIVE])
    hours: Hours = 24


class GuestShown(BaseModel):
    id: str
    name: str
    cameras: list[str]
    verbs: list[Verb]
    created: str
    expires: str
    hours: float


class GuestMade(GuestShown):
    link: str
    """Behind the address of the page; said this once."""


class Guests(BaseModel):
    items: list[GuestShown]
    next: None = None


@routes.get("/tokens", response_model=Tokens)
@signed_in
async def tokens(desk: AtDesk, who: Asker) -> Tokens:
    """One's own; who configures sees all."""
    there = await desk.register()
    return Tokens(items=[_token(one, there) for one in _tokens(there, who)])


@routes.post("/tokens", response_model=TokenMade, status_code=201)
@signed_in
async def add_token(request: Request, desk: AtDesk, who: Person, said: NewToken) -> TokenMade:
    """For a program: at most what one may oneself."""
    beyond = [verb for verb in said.verbs if not who.may(verb)]
    if beyond:
        raise Problem(403, f"not among what you may do here: {', '.join(beyond)}")
    check_cameras(request, said.cameras or [], who=who)
    secret, now = new_token(), request.app.state.site.clock.now()
    ends = now + round(said.hours * 3600 * US_PER_S) if said.hours is not None else None
    verbs = [verb.value for verb in dict.fromkeys(said.verbs)]
    token = Token(new_id(now), said.name, digest(secret), verbs, said.cameras, who.id, now, ends)
    await desk.change(partial(account.give, one=token))
    desk.audit.note(who, "change", detail=f"new token {token.name}: {', '.join(verbs)}")
    return TokenMade(**_token(token, await desk.register()).model_dump(), secret=secret)


@routes.delete("/tokens/{token}", status_code=204)
@signed_in
async def remove_token(desk: AtDesk, who: Person, token: str) -> Response:
    """It is worth nothing from then on."""
    mine = {one.id: one for one in _tokens(await desk.register(), who)}
    gone = found(mine, token, "token")
    await desk.change(partial(account.take, kind=Token, id=token))
    desk.audit.note(who, "delete", detail=f"token {gone.name}")
    return Response(status_code=204)


@routes.get("/guests", response_model=Guests)
@needs(Verb.CONFIGURE)
async def guests(desk: AtDesk) -> Guests:
    """Links that work."""
    there = await desk.register()
    return Guests(items=[_guest(one) for one in there.guests.values()])


@routes.post("/guests", response_model=GuestMade, status_code=201)
@needs(Verb.CONFIGURE, told=True)
async def add_guest(request: Request, desk: AtDesk, who: Person, said: NewGuest) -> GuestMade:
    """A link to some cameras for some hours; it may be opened more than once."""
    if not set(said.verbs) <= {Verb.LIVE, Verb.HISTORY}:
        raise Problem(400, "a guest may look: live, history")
    check_cameras(request, said.cameras)
    secret, now = new_secret(), request.app.state.site.clock.now()
    ends = now + round(said.hours * 3600 * US_PER_S)
    verbs = [verb.value for verb in dict.fromkeys(said.verbs)]
    guest = Guest(new_id(now), said.name, digest(secret), verbs, said.cameras, who.id, now, ends)
    await desk.change(partial(account.give, one=guest))
    detail = f"new link for {guest.name}: {', '.join(guest.cameras)} for {said.hours:g} h"
    desk.audit.note(who, "change", detail=detail)
    return GuestMade(**_guest(guest).model_dump(), link=link(secret))


@routes.delete("/guests/{guest}", status_code=204)
@needs(Verb.CONFIGURE, told=True)
async def remove_guest(desk: AtDesk, who: Person, guest: str) -> Response:
    """The link, and who came in by it, at once."""
    gone = found((await desk.register()).guests, guest, "link")
    await desk.change(partial(account.take, kind=Guest, id=guest))
    desk.audit.note(who, "delete", detail=f"link for {gone.name}")
    return Response(status_code=204)


def _tokens(there: Register, who: Who) -> list[Token]:
    every = who.may(Verb.CONFIGURE)
    return [one for one in there.tokens.values() if every or who.id in (one.owner, one.id)]


def _token(one: Token, there: Register) -> TokenShown:
    owner = there.users.get(one.owner)
    return TokenShown(
        id=one.id,
        name=one.name,
        owner=owner.name if owner else "",
        verbs=[Verb(verb) for verb in one.verbs],
        cameras=one.cameras,
        expires=when(one.expires),
        created=rfc3339(one.created),
        last_used=when(one.last_used),
    )


def _guest(one: Guest) -> GuestShown:
    return GuestShown(
        id=one.id,
        name=one.name,
        cameras=one.cameras,
        verbs=[Verb(verb) for verb in one.verbs],
        created=rfc3339(one.created),
        expires=rfc3339(one.expires),
        hours=round((one.expires - one.created) / US_PER_S / 3600, 3),
    )
