"""Accounts and sessions. On the event loop; the desk changes them.

Accounts are for who configures, sessions everybody has of their own. Only somebody logged in to an account changes any of it: a token
that leaked cannot make itself another one.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from redshank.access import account, asker
from redshank.access.who import Role, Verb, Who
from redshank.clock import US_PER_S, new_id, rfc3339
from redshank.store.register import Register
from redshank.store.tokens import Guest
from redshank.store.users import User
from redshank.web.answer import Problem
from redshank.web.entering import AtDesk, Name, Password, Said
from redshank.web.guard import Asker, needs, signed_in

routes = APIRouter(prefix="/api", tags=["access"])
T = TypeVar("T")

TICKET_H = 24
Cameras = Annotated[list[Name], Field(max_length=500)]
Rights = dict[Verb, Cameras | None]


async def _person(who: Asker) -> Who:
    if who.kind != "user":
        raise Problem(403, "log in to an account for this")
    return who


Person = Annotated[Who, Depends(_person)]


class NewUser(Said):
    name: Name
    role: Role
    rights: Rights | None = None
    """Verb: cameras, or null for all of them; not given: all that the role may."""
    password: Password | None = None
    """Not given: there is none, and the answer has a link that logs in once."""


class UserChange(Said):
    name: Name | None = None
    role: Role | None = None
    rights: Rights | None = None
    """null: all that the role may."""
    password: Password | None = None
    disabled: bool | None = None


class UserShown(BaseModel):
    id: str
    name: str
    role: Role
    rights: Mapping[Verb, list[str] | None]
    created: str
    last_seen: str | None
    disabled: bool


class Link(BaseModel):
    link: str
    """Behind the address of the page."""
    expires: str


class UserMade(UserShown):
    link: str | None
    """Logs in once; only for an account without a password."""


class Users(BaseModel):
    items: list[UserShown]
    next: None = None


class SessionShown(BaseModel):
    id: str
    kind: str
    name: str
    created: str
    seen: str
    address: str
    agent: str
    current: bool


class Sessions(BaseModel):
    items: list[SessionShown]
    next: None = None


@routes.get("/users", response_model=Users)
@needs(Verb.CONFIGURE)
async def users(desk: AtDesk) -> Users:
    """All accounts, oldest first."""
    there = await desk.register()
    return Users(items=[_user(one) for one in there.users.values()])


@routes.post("/users", response_model=UserMade, status_code=201)
@needs(Verb.CONFIGURE, told=True)
async def add_user(request: Request, desk: AtDesk, who: Person, said: NewUser) -> UserMade:
    """An account."""
    check_cameras(request, _named(said.rights))
    kept = await desk.passwords.hash(said.password) if said.password is not None else ""
    now = request.app.state.site.clock.now()
    user = User(new_id(now), said.name, said.role, now, said.model_dump(mode="json")["rights"], kept)
    await desk.change(partial(account.add, user=user))
    desk.audit.note(who, "change", detail=f"new user {user.name}: {user.role}")
    ticket = "" if kept else await desk.ticket("login", user.id, TICKET_H)
    return UserMade(**_user(user).model_dump(), link=link(ticket) if ticket else None)


@routes.patch("/users/{user}", response_model=UserShown)
@needs(Verb.CONFIGURE, told=True)
async def change_user(request: Request, desk: AtDesk, who: Person, user: str, said: UserChange) -> UserShown:
    """Only what is given changes; its sessions end."""
    before = found((await desk.register()).users, user, "user")
    given = said.model_dump(exclude_unset=True, mode="json")
    empty = [name for name, value in given.items() if value is None and name != "rights"]
    if empty:
        raise Problem(400, f"not empty: {', '.join(empty)}")
    check_cameras(request, _named(said.rights), but=_named(before.rights))
    if said.password is not None:
        given["password"] = await desk.passwords.hash(said.password)
    after = await desk.change(partial(account.change, id=user, values=given))
    desk.audit.note(who, "change", detail=f"user {after.name}: {', '.join(given)}, role {after.role}")
    return _user(after)


@routes.delete("/users/{user}", status_code=204)
@needs(Verb.CONFIGURE, told=True)
async def remove_user(desk: AtDesk, who: Person, user: str) -> Response:
    """With its sessions, tokens and the guest links it made."""
    gone = await desk.change(partial(account.remove, id=user))
    desk.audit.note(who, "delete", detail=f"user {gone.name}")
    return Response(status_code=204)


@routes.post("/users/{user}/link", response_model=Link, status_code=201)
@needs(Verb.CONFIGURE, told=True)
async def user_link(request: Request, desk: AtDesk, who: Person, user: str) -> Link:
    """A link that logs in once, within a day: for a lost password."""
    one = found((await desk.register()).users, user, "user")
    ticket = await desk.ticket("login", user, TICKET_H)
    desk.audit.note(who, "change", detail=f"log-in link for {one.name}")
    return Link(link=link(ticket), expires=rfc3339(request.app.state.site.clock.now() + TICKET_H * 3600 * US_PER_S))


@routes.get("/sessions", response_model=Sessions)
@signed_in
async def sessions(desk: AtDesk, who: Asker) -> Sessions:
    """Where one is logged in; who configures sees all, a guest (of maybe many by the same link) only themselves."""
    there = await desk.register()
    return Sessions(items=_sessions(there, who))


@routes.delete("/sessions/{session}", status_code=204)
@signed_in
async def remove_session(desk: AtDesk, who: Person, session: str) -> Response:
    """Log it out, wherever it is."""
    gone = found({one.id: one for one in _sessions(await desk.register(), who)}, session, "session")
    await desk.change(partial(account.close_session, id=session))
    desk.audit.note(who, "delete", detail=f"session of {gone.name}")
    return Response(status_code=204)


def _sessions(there: Register, who: Who) -> list[SessionShown]:
    every = who.may(Verb.CONFIGURE)
    people: dict[str, User | Guest] = {**there.users, **there.guests}
    return [
        SessionShown(
            id=one.id,
            kind=one.kind,
            name=people[one.owner].name if one.owner in people else "",
            created=rfc3339(one.created),
            seen=rfc3339(one.seen),
            address=one.address,
            agent=one.agent,
            current=one.id == who.session,
        )
        for one in there.sessions.values()
        if every or one.id == who.session or (who.kind == "user" and one.owner == who.id)
    ]


def _user(one: User) -> UserShown:
    return UserShown(
        id=one.id,
        name=one.name,
        role=Role(one.role),
        rights=asker.shown(asker.rights_of(one)),
        created=rfc3339(one.created),
        last_seen=when(one.last_seen),
        disabled=one.disabled,
    )


def found(there: Mapping[str, T], id: str, what: str) -> T:
    """Raises Problem: the same for what is not there and for what is not theirs."""
    one = there.get(id)
    if one is None:
        raise Problem(404, f"there is no such {what}")
    return one


def check_cameras(request: Request, named: Iterable[str], but: Container[str] = (), who: Who | None = None) -> None:
    """Every name is a camera's, which `who` may see something of; or one of those that were there before. Raises Problem."""
    cameras = request.app.state.site.cameras()
    for name in named:
        theirs = who is None or any(who.may(verb, name) for verb in Verb)
        if name not in but and (name not in cameras or not theirs):
            raise Problem(400, f"there is no camera {name!r}")


def link(secret: str) -> str:
    """In the fragment, which no browser sends to a server or tells another page."""
    return f"/#enter={secret}"


def when(time: int | None) -> str | None:
    return None if time is None else rfc3339(time)


def _named(rights: Mapping[Any, Sequence[str] | None] | None) -> set[str]:
    """Cameras."""
    return {camera for cameras in (rights or {}).values() for camera in cameras or ()}
