"""Everybody who may come in, as one value: read whole when it has changed, so that a request asks no database. Small: a home has
some people, their browsers and a few programs.

`changed` raises the number of the register in the transaction that changes it; whoever holds a copy, also in another process, sees by
it that the copy is old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from redshank.model import SITE
from redshank.store import sessions, tokens, users
from redshank.store.rows import upsert
from redshank.store.schema import meta
from redshank.store.sessions import Session
from redshank.store.tokens import Guest, Token
from redshank.store.users import User

NUMBER = "people"


@dataclass(frozen=True, slots=True)
class Register:
    """As it stood at one moment."""

    number: int = -1
    """-1: never read."""
    users: Mapping[str, User] = field(default_factory=dict)
    """By id."""
    guests: Mapping[str, Guest] = field(default_factory=dict)
    """By id."""
    sessions: Mapping[str, Session] = field(default_factory=dict)
    """By SHA-256 of the secret."""
    tokens: Mapping[str, Token] = field(default_factory=dict)
    """By SHA-256 of the secret."""

    @property
    def admins(self) -> list[User]:
        """Who can put everything right again."""
        return [user for user in self.users.values() if user.role == "admin" and not user.disabled]

    def named(self, name: str) -> User | None:
        """Whatever the case of the letters."""
        wanted = name.casefold()
        return next((user for user in self.users.values() if user.name.casefold() == wanted), None)


def load(conn: Connection, site: str = SITE) -> Register:
    """Read."""
    return Register(
        number(conn, site),
        {one.id: one for one in users.list(conn, site)},
        {one.id: one for one in tokens.every(conn, Guest, site)},
        {one.secret: one for one in sessions.list(conn, site)},
        {one.secret: one for one in tokens.every(conn, Token, site)},
    )


def number(conn: Connection, site: str = SITE) -> int:
    """Rises with each change. Read."""
    query = select(meta.c.value).where(meta.c.site == site, meta.c.name == NUMBER)
    return int(conn.execute(query).scalar() or 0)


def changed(conn: Connection, site: str = SITE) -> None:
    """Write."""
    upsert(conn, meta, {"site": site, "name": NUMBER, "value": str(number(conn, site) + 1)})
