"""From a cookie or token to who asks, and what their rights are worth. Pure functions of the register and of the time.

A token or guest link is never worth more than the account that made it is now: what it may is held against that each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from redshank.access.secret import TOKEN, digest
from redshank.access.who import ROLE_RIGHTS, Rights, Role, Verb, Who
from redshank.clock import US_PER_S
from redshank.store.register import Register
from redshank.store.sessions import Session
from redshank.store.users import User

DAY_US = 86_400 * US_PER_S
IDLE_US, LONGEST_US = 30 * DAY_US, 90 * DAY_US
"""A session ends when nobody used it for so long, and in any case so long after the log-in."""
VOUCHED = "="


def of_cookie(register: Register, cookie: str, now: int) -> Who | None:
    """None: logged out, ended, or never there."""
    session = register.sessions.get(digest(cookie))
    return None if session is None else of_session(register, session, now)


def of_session(register: Register, session: Session, now: int) -> Who | None:
    if now >= ends(register, session) or not register.admins:
        return None
    if session.kind == "guest":
        guest = register.guests[session.owner]
        rights = narrowed(worth(register, guest.creator), guest.verbs, guest.cameras)
        return Who("guest", guest.id, guest.name, None, rights, session.id)
    user = register.users[session.owner]
    return Who("user", user.id, user.name, Role(user.role), worth(register, user.id), session.id)


def of_token(register: Register, bearer: str, now: int) -> Who | None:
    token = register.tokens.get(digest(bearer)) if bearer.startswith(TOKEN) else None
    if token is None or not register.admins or (token.expires is not None and now >= token.expires):
        return None
    rights = narrowed(worth(register, token.owner), token.verbs, token.cameras)
    return Who("token", token.id, token.name, None, rights) if rights else None


def again(register: Register, who: Who, now: int) -> Who | None:
    """Who they are by now; None: nobody any more."""
    if who.kind == "token":
        token = next((one for one in register.tokens.values() if one.id == who.id), None)
        if token is None or (token.expires is not None and now >= token.expires):
            return None
        rights = narrowed(worth(register, token.owner), token.verbs, token.cameras)
        return replace(who, rights=rights)
    if who.session.startswith(VOUCHED):
        user = register.users.get(who.id)
        if user is None or vouched(user) != who.session:
            return None
        return replace(who, role=Role(user.role), rights=worth(register, user.id))
    session = next((one for one in register.sessions.values() if one.id == who.session), None)
    found = of_session(register, session, now) if session is not None else None
    return replace(found, address=who.address) if found is not None else None


def vouched(user: User) -> str:
    """In place of a session, for somebody who says name and password each time: another one after the password was changed."""
    return VOUCHED + digest(user.password)[:16]


def ends(register: Register, session: Session) -> int:
    """When a session does, if nobody uses it; 0 when its owner is gone."""
    latest = min(session.seen + IDLE_US, session.created + LONGEST_US)
    if session.kind == "guest":
        guest = register.guests.get(session.owner)
        return min(latest, guest.expires) if guest is not None else 0
    user = register.users.get(session.owner)
    return latest if user is not None and not user.disabled else 0


def worth(register: Register, user: str) -> Rights:
    """Of an account; none when it is gone or disabled."""
    found = register.users.get(user)
    return {} if found is None or found.disabled else rights_of(found)


def rights_of(user: User) -> Rights:
    """Of the role, narrowed to what the account was given; an admin's are never narrow."""
    whole = ROLE_RIGHTS[Role(user.role)]
    if user.rights is None or user.role == Role.ADMIN:
        return whole
    given = user.rights
    return {verb: _cameras(given[verb]) for verb in whole if verb in given}


def narrowed(rights: Rights, verbs: Iterable[str], cameras: Sequence[str] | None) -> Rights:
    """To these verbs and cameras."""
    wanted = _cameras(cameras)
    both: dict[Verb, frozenset[str] | None] = {}
    for verb in map(Verb, verbs):
        if verb not in rights:
            continue
        had = rights[verb]
        both[verb] = wanted if had is None else had if wanted is None else had & wanted
    return both


def shown(rights: Rights) -> Mapping[Verb, list[str] | None]:
    """As the API says it."""
    return {verb: None if cameras is None else sorted(cameras) for verb, cameras in rights.items()}


def _cameras(named: Sequence[str] | None) -> frozenset[str] | None:
    return None if named is None else frozenset(named)
