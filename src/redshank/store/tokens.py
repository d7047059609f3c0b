"""Queries about tokens of programs, links of guests, and tickets that let somebody in once. Of a secret only its SHA-256 is here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TypeVar

from sqlalchemy import Connection, Table, delete, insert, select, update

from redshank.model import SITE
from redshank.store.schema_access import guests, tickets, tokens


@dataclass(frozen=True, slots=True)
class Token:
    """For a program."""

    id: str
    name: str
    secret: str
    verbs: list[str]
    cameras: list[str] | None
    """None: every camera."""
    owner: str
    """User id."""
    created: int
    expires: int | None = None
    last_used: int | None = None


@dataclass(frozen=True, slots=True)
class Guest:
    """A link that may be opened again until it ends."""

    id: str
    name: str
    secret: str
    verbs: list[str]
    cameras: list[str]
    creator: str
    """User id."""
    created: int
    expires: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """A link that may be opened once."""

    secret: str
    kind: str
    """setup or login."""
    user: str
    """Whom it logs in; empty for setup."""
    expires: int


T = TypeVar("T", Token, Guest)
TABLES: dict[type, Table] = {Token: tokens, Guest: guests}


def add(conn: Connection, one: Token | Guest, site: str = SITE) -> None:
    """Write."""
    conn.execute(insert(TABLES[type(one)]), asdict(one) | {"site": site})


def remove(conn: Connection, kind: type[Token] | type[Guest], id: str, site: str = SITE) -> bool:
    """Whether it was there. Write."""
    table = TABLES[kind]
    return conn.execute(delete(table).where(table.c.site == site, table.c.id == id)).rowcount > 0


def every(conn: Connection, kind: type[T], site: str = SITE) -> list[T]:
    """All, oldest first. Read."""
    table = TABLES[kind]
    columns = (table.c[field.name] for field in fields(kind))
    query = select(*columns).where(table.c.site == site).order_by(table.c.created, table.c.id)
    return [kind(**row) for row in conn.execute(query).mappings()]


def touch(conn: Connection, id: str, used: int, site: str = SITE) -> None:
    """A token was used. Write."""
    conn.execute(update(tokens).where(tokens.c.site == site, tokens.c.id == id).values(last_used=used))


def remove_of(conn: Connection, user: str, site: str = SITE) -> None:
    """What an account made ends with it. Write."""
    conn.execute(delete(tokens).where(tokens.c.site == site, tokens.c.owner == user))
    conn.execute(delete(guests).where(guests.c.site == site, guests.c.creator == user))
    remove_tickets(conn, user, site)


def remove_tickets(conn: Connection, user: str, site: str = SITE) -> None:
    """Links that would log this user in. Write."""
    conn.execute(delete(tickets).where(tickets.c.site == site, tickets.c.user == user))


def remove_old(conn: Connection, now: int, site: str = SITE) -> None:
    """What has ended; of tokens the row stays for a while, so that the page can say why it does not work any more. Write."""
    conn.execute(delete(guests).where(guests.c.site == site, guests.c.expires < now))
    conn.execute(delete(tickets).where(tickets.c.site == site, tickets.c.expires < now))


def issue(conn: Connection, ticket: Ticket, site: str = SITE) -> None:
    """Write."""
    conn.execute(insert(tickets), asdict(ticket) | {"site": site})


def redeem(conn: Connection, kind: str, secret: str, now: int, site: str = SITE) -> Ticket | None:
    """Take it: it is gone from then on. None: there is none, or it has ended. Write."""
    where = (tickets.c.site == site) & (tickets.c.kind == kind) & (tickets.c.secret == secret)
    columns = (tickets.c[field.name] for field in fields(Ticket))
    row = conn.execute(select(*columns).where(where)).first()
    conn.execute(delete(tickets).where(where))
    return Ticket(*row) if row is not None and row.expires > now else None
