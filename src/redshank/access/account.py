"""What changes who may come in: each function is one transaction, run inside `Store.write` by the desk, or by the command line while
the program runs or not. Each raises Refusal, and then nothing was changed.

Order: what makes somebody worth less (another password, role, rights; disabled, removed) ends their sessions and log-in links in the
same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection

from redshank.access.refusal import Refusal
from redshank.access.who import ROLE_RIGHTS, Role
from redshank.store import register, sessions, tokens, users
from redshank.store.sessions import Session
from redshank.store.tokens import Guest, Ticket, Token
from redshank.store.users import User

NAME = 100
"""Characters of a user's name."""
USERS, TOKENS, GUESTS = 1000, 1000, 1000
SESSIONS = 50
"""Of one user or guest link; the one not seen for longest ends."""
DONE = "this is set up already: log in"
LAST = "this is the last administrator: make another one first"


def first(conn: Connection, user: User, here: bool, ticket: str, now: int) -> None:
    """The account everything begins with. ticket: the SHA-256 of one; asked for unless one sits at this machine."""
    if register.load(conn).admins:
        raise Refusal("conflict", DONE)
    if not here and tokens.redeem(conn, "setup", ticket, now) is None:
        raise Refusal("forbidden", "set it up on the machine itself, or with the link that was shown when it started")
    add(conn, replace(user, role=Role.ADMIN, rights=None))


def add(conn: Connection, user: User) -> None:
    """An account. Its name is another than everybody else's."""
    there = register.load(conn)
    if len(there.users) >= USERS:
        raise Refusal("conflict", f"there are {USERS} accounts: remove one first")
    _check(user, there)
    users.add(conn, user)
    register.changed(conn)


def change(conn: Connection, id: str, values: Mapping[str, Any]) -> User:
    """Name, role, rights, disabled, password (its hash)."""
    there = register.load(conn)
    before = there.users.get(id)
    if before is None:
        raise Refusal("missing", "there is no such user")
    after = replace(before, **values)
    _check(after, there)
    _keeps_an_admin(there, after)
    users.change(conn, id, values)
    if asdict(replace(after, name="")) != asdict(replace(before, name="")):
        sessions.remove_of(conn, id)
        tokens.remove_tickets(conn, id)
    register.changed(conn)
    return after


def remove(conn: Connection, id: str) -> User:
    """With sessions, tokens and links it made."""
    there = register.load(conn)
    user = there.users.get(id)
    if user is None:
        raise Refusal("missing", "there is no such user")
    _keeps_an_admin(there, replace(user, disabled=True))
    for guest in there.guests.values():
        if guest.creator == id:
            sessions.remove_of(conn, guest.id)
    sessions.remove_of(conn, id)
    tokens.remove_of(conn, id)
    users.remove(conn, id)
    register.changed(conn)
    return user


def own_password(conn: Connection, id: str, old: str, new: str, session: str) -> None:
    """Hashes: of the old one as it was verified. Every other session ends."""
    user = register.load(conn).users.get(id)
    if user is None or user.password != old:
        raise Refusal("conflict", "the password was changed meanwhile: log in again")
    users.change(conn, id, {"password": new})
    sessions.remove_of(conn, id, keep=session)
    tokens.remove_tickets(conn, id)
    register.changed(conn)


def rehash(conn: Connection, id: str, old: str, new: str) -> None:
    """The same password with other parameters; nothing when somebody changed it meanwhile."""
    user = register.load(conn).users.get(id)
    if user is not None and user.password == old:
        users.change(conn, id, {"password": new})
        register.changed(conn)


def open_session(conn: Connection, session: Session, replaces: str = "", password: str | None = None) -> None:
    """replaces: the session of the same browser before, which ends. password: the hash that was verified, if it was by one."""
    there = register.load(conn)
    if session.kind == "user":
        user = there.users.get(session.owner)
        if user is None or user.disabled or (password is not None and user.password != password):
            raise Refusal("unknown", "name or password is wrong")
    elif session.owner not in there.guests:
        raise Refusal("unknown", "this link does not work any more")
    old = there.sessions.get(replaces)
    if old is not None:
        sessions.remove(conn, old.id)
    sessions.add(conn, session, SESSIONS)
    register.changed(conn)


def redeem(conn: Connection, secret: str, session: Session, replaces: str, now: int) -> None:
    """A log-in link: the session is whose it says."""
    ticket = tokens.redeem(conn, "login", secret, now)
    if ticket is None:
        raise Refusal("unknown", "this link does not work any more: ask for another one")
    open_session(conn, replace(session, owner=ticket.user), replaces)


def close_session(conn: Connection, id: str) -> None:
    if not sessions.remove(conn, id):
        raise Refusal("missing", "there is no such session")
    register.changed(conn)


def give(conn: Connection, one: Token | Guest | Ticket) -> None:
    """A token, guest link or ticket."""
    there = register.load(conn)
    if len(there.tokens) >= TOKENS or len(there.guests) >= GUESTS:
        raise Refusal("conflict", "there are too many tokens and links: remove some first")
    if isinstance(one, Ticket):
        if one.kind == "login" and one.user not in there.users:
            raise Refusal("missing", "there is no such user")
        tokens.issue(conn, one)
    else:
        tokens.add(conn, one)
    register.changed(conn)


def take(conn: Connection, kind: type[Token] | type[Guest], id: str) -> None:
    """A token or guest link, with the sessions it opened."""
    if not tokens.remove(conn, kind, id):
        raise Refusal("missing", "there is no such token" if kind is Token else "there is no such link")
    sessions.remove_of(conn, id)
    register.changed(conn)


def _check(user: User, there: register.Register) -> None:
    """Raises Refusal for what an account cannot be."""
    name = user.name
    if not name or len(name) > NAME or name != name.strip() or not name.isprintable():
        raise Refusal("invalid", f"a name has 1 to {NAME} letters, without line breaks or spaces around it")
    same = there.named(name)
    if same is not None and same.id != user.id:
        raise Refusal("conflict", f"there is a user {same.name!r} already")
    if user.role not in list(Role):
        raise Refusal("invalid", f"a role is one of {', '.join(Role)}")
    if user.rights is None:
        return
    if user.role == Role.ADMIN:
        raise Refusal("invalid", "an administrator may do everything: choose another role to narrow it")
    beyond = [verb for verb in user.rights if verb not in ROLE_RIGHTS[Role(user.role)]]
    if beyond:
        raise Refusal("invalid", f"not among what the role {user.role} may do: {', '.join(beyond)}")


def _keeps_an_admin(there: register.Register, after: User) -> None:
    admins = {one.id for one in there.admins}
    if after.id in admins and len(admins) == 1 and (after.role != Role.ADMIN or after.disabled):
        raise Refusal("conflict", LAST)
