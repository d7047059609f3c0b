"""The desk at the door: who asks, log-in and log-out, and what changes accounts. On the hub's event loop; the database is asked on
threads and changed by the store's writer.

Everybody who may come in is held in memory (`store.register`), read again after each change of our own, and within a second of one by
another process (`redshank user`): a request costs no database read. `run` keeps it so also while nobody asks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from redshank.access import account, asker, gate
from redshank.access.audit import Audit
from redshank.access.doorstep import Doorstep
from redshank.access.limiter import keys, seconds
from redshank.access.password import Passwords
from redshank.access.refusal import Refusal
from redshank.access.secret import digest, new_secret
from redshank.access.steady import Steady
from redshank.access.who import NOBODY, Role, Who
from redshank.clock import NS_PER_S, US_PER_S, Clock, new_id
from redshank.errors import StoreError
from redshank.store import audit, register, sessions, tokens, users
from redshank.store.base import Store
from redshank.store.register import Register
from redshank.store.sessions import Session
from redshank.store.tokens import Ticket
from redshank.store.users import User

log = logging.getLogger(__name__)
T = TypeVar("T")

STALE_NS = NS_PER_S
"""So old a copy of the register may be before another process's change is looked for."""
OLDEST_NS = 30 * NS_PER_S
"""So old it may be while the database cannot be read: what somebody was forbidden since would still be allowed."""
TOUCH_US = 60 * US_PER_S
"""`last seen` is written at most so often."""
AUDIT_US, AUDIT_LINES = 400 * asker.DAY_US, 1_000_000
WRONG = "name or password is wrong"


@dataclass(frozen=True, slots=True)
class Came:
    """How somebody comes to the desk."""

    address: str = ""
    here: bool = False
    """From this machine itself."""
    agent: str = ""
    """Their browser, as it calls itself."""
    cookie: str = ""
    """Of a session before."""


class Desk:
    """Of one site."""

    def __init__(self, store: Store, clock: Clock, passwords: Passwords | None = None) -> None:
        self.audit = Audit(store, clock)
        self.passwords = passwords or Passwords()
        self._store = store
        self._clock = clock
        self._register = Register()
        self._asked_ns = self._checked_ns = 0
        """When the copy was last compared with the database, or should have been; and when it last could be."""
        self._reading = asyncio.Lock()
        self._doorstep = Doorstep(clock)

    async def run(self) -> None:
        """Until cancelled."""
        steady = Steady(self._clock)
        try:
            while True:
                try:
                    await self.register()
                except StoreError as error:
                    log.warning("%s", error)
                self.audit.flush()
                if steady.due():
                    self._store.write(partial(_tidy, now=self._clock.now()))
                await self._clock.sleep(STALE_NS / NS_PER_S)
        finally:
            self.close()

    def close(self) -> None:
        """Before the store closes."""
        self.audit.flush(everything=True)

    # Who asks

    async def who(self, cookie: str, bearer: str, address: str) -> Who | None:
        """Whoever says a token is who the token is for, whatever cookie comes with it."""
        there = await self.register()
        now = self._clock.now()
        found = asker.of_token(there, bearer, now) if bearer else asker.of_cookie(there, cookie, now)
        if found is None:
            return None
        self._seen(found, digest(bearer or cookie), now)
        return replace(found, address=address)

    async def still(self, who: Who) -> bool:
        """Whether they may do what they might when `who` told it; asks no database."""
        now = asker.again(await self.register(), who, self._clock.now())
        return now is not None and now.rights == who.rights

    async def vouch(self, name: str, password: str, address: str) -> Who:
        """For what is no browser (RTSP): name and password each time, or a token as password. Raises Refusal."""
        token = await self.who("", password, address)
        if token is not None:
            return token
        pair = keys(name, address)["pair"]
        async with self._doorstep.turn(pair):
            user = self._doorstep.remembered(pair, password, await self.register())
            if user is None:
                self._doorstep.forget(pair)
                user = await self._known(name, password, address, WRONG)
                self._doorstep.remember(pair, user, password)
        rights = asker.rights_of(user)
        return Who("user", user.id, user.name, Role(user.role), rights, asker.vouched(user), address)

    async def register(self) -> Register:
        """At most STALE_NS old, or OLDEST_NS while the database cannot be read. Raises StoreError."""
        if self._register.number < 0:
            await self._reload()
        elif self._clock.mono_ns() - self._asked_ns >= STALE_NS:
            async with self._reading:
                if self._clock.mono_ns() - self._asked_ns >= STALE_NS:
                    await self._compare()
        if self._clock.mono_ns() - self._checked_ns >= OLDEST_NS:
            raise StoreError("accounts cannot be read at the moment: nobody is let in before they can")
        return self._register

    # Coming and going

    async def setup(self, name: str, password: str, ticket: str, came: Came) -> str:
        """The first administrator; the secret of a session. Raises Refusal."""
        await self._knock(came.address)
        if (await self.register()).admins:
            raise Refusal("conflict", account.DONE)
        kept = await self.passwords.hash(password)
        now = self._clock.now()
        user = User(new_id(now), name, Role.ADMIN, now, password=kept)
        await self.change(partial(account.first, user=user, here=came.here, ticket=digest(ticket), now=now))
        self.audit.note(_who(user, came.address), "set-up")
        return await self._open(user, kept, came)

    async def login(self, name: str, password: str, came: Came) -> str:
        """The secret of a session. Raises Refusal."""
        user = await self._verified(name, password, came.address)
        secret = await self._open(user, user.password, came)
        self.audit.note(_who(user, came.address), "log-in")
        return secret

    async def enter(self, ticket: str, came: Came) -> str:
        """By a log-in link, which works once, or a guest link. The secret of a session. Raises Refusal."""
        await self._knock(came.address)
        there, now, known = await self.register(), self._clock.now(), digest(ticket)
        guest = next((one for one in there.guests.values() if one.secret == known and one.expires > now), None)
        secret, session = self._session("guest" if guest else "user", guest.id if guest else "", came)
        replaces = digest(came.cookie)
        if guest is not None:
            await self.change(partial(account.open_session, session=session, replaces=replaces))
        else:
            await self.change(partial(account.redeem, secret=known, session=session, replaces=replaces, now=now))
        who = await self.who(secret, "", came.address)
        self.audit.note(who or NOBODY, "log-in", detail="by a link")
        return secret

    async def logout(self, who: Who) -> None:
        await self.change(partial(account.close_session, id=who.session))
        self.audit.note(who, "log-out")

    async def own_password(self, who: Who, old: str, new: str) -> None:
        """An account that has none yet, because it was opened by a link, needs no old one. Raises Refusal."""
        user = (await self.register()).users.get(who.id)
        if user is None or who.kind != "user":
            raise Refusal("forbidden", "only an account has a password")
        if user.password:
            user = await self._verified(user.name, old, who.address, "the old password is wrong")
        kept = await self.passwords.hash(new)
        await self.change(partial(account.own_password, id=user.id, old=user.password, new=kept, session=who.session))
        self.audit.note(who, "change", detail="own password")

    async def ticket(self, kind: str, user: str = "", hours: float = 24) -> str:
        """A link's secret: kind `setup`, or `login` for a user. Raises Refusal."""
        secret = new_secret()
        expires = self._clock.now() + round(hours * 3600 * US_PER_S)
        await self.change(partial(account.give, one=Ticket(digest(secret), kind, user, expires)))
        return secret

    async def change(self, work: Callable[[Connection], T]) -> T:
        """One of `access.account`; what it changed holds for the next request. Raises Refusal, StoreError."""
        done = await asyncio.wrap_future(self._store.write(work))
        await self._reload()
        return done

    # One's own

    async def ends(self, who: Who) -> int | None:
        """When the session does, if nobody uses it; None when there is none."""
        there = await self.register()
        session = next((one for one in there.sessions.values() if one.id == who.session), None)
        return None if session is None else asker.ends(there, session)

    async def preferences(self, who: Who) -> Any:
        """What the pages remember of an account."""
        kept = await asyncio.to_thread(self._store.read, partial(users.preference, user=who.id))
        return {} if kept is None else kept

    async def prefer(self, who: Who, value: Any) -> None:
        """Raises Refusal for whoever has no account."""
        if who.kind != "user":
            raise Refusal("forbidden", "only an account keeps anything")
        await asyncio.wrap_future(self._store.write(partial(users.prefer, user=who.id, value=value)))

    # Inside

    async def _verified(self, name: str, password: str, address: str, wrong: str = WRONG) -> User:
        """Raises Refusal: too often, or wrong, which says the same, as late, of names that are not there."""
        pair = keys(name, address)["pair"]
        async with self._doorstep.turn(pair):
            try:
                return await self._known(name, password, address, wrong)
            except Refusal:
                self._doorstep.forget(pair)
                raise

    async def _known(self, name: str, password: str, address: str, wrong: str) -> User:
        """In their turn."""
        self._doorstep.knock(address)
        now = self._clock.now()
        there = await self.register()
        if not there.admins:
            raise Refusal("forbidden", "there is no account yet: set one up first")
        user = there.named(name)
        known = Who("nobody", user.id if user else "", user.name if user else "", address=address)
        wait = await asyncio.wrap_future(self._store.write(partial(gate.enter, name=name, address=address, now=now)))
        if wait:
            self.audit.note(known, "log-in refused", detail="too often")
            raise Refusal("often", "too many tries: wait a little", seconds(wait))
        kept = user.password if user is not None and not user.disabled else ""
        if not await self.passwords.verify(kept, password) or user is None:
            self.audit.note(known, "log-in failed")
            raise Refusal("unknown", wrong)
        await asyncio.wrap_future(self._store.write(partial(gate.right, name=name, address=address, now=now)))
        self._doorstep.opened(address)
        if self.passwords.outdated(kept):
            anew = await self.passwords.hash(password)
            await self.change(partial(account.rehash, id=user.id, old=kept, new=anew))
            user = replace(user, password=anew)
        return user

    async def _knock(self, address: str) -> None:
        self._doorstep.knock(address)
        wait = await asyncio.wrap_future(
            self._store.write(partial(gate.enter_address, address=address, now=self._clock.now()))
        )
        if wait:
            raise Refusal("often", "too many tries: wait a little", seconds(wait))

    async def _open(self, user: User, kept: str, came: Came) -> str:
        secret, session = self._session("user", user.id, came)
        await self.change(partial(account.open_session, session=session, replaces=digest(came.cookie), password=kept))
        return secret

    def _session(self, kind: str, owner: str, came: Came) -> tuple[str, Session]:
        secret, now = new_secret(), self._clock.now()
        return secret, Session(new_id(now), digest(secret), kind, owner, now, now, came.address, came.agent[:200])

    def _seen(self, who: Who, secret: str, now: int) -> None:
        """Write down that they were here, and remember in the copy that it was."""
        there = self._register
        if who.kind == "token":
            token = there.tokens[secret]
            if abs(now - (token.last_used or 0)) >= TOUCH_US:
                self._register = replace(there, tokens={**there.tokens, secret: replace(token, last_used=now)})
                self._store.write(partial(tokens.touch, id=token.id, used=now))
            return
        session = there.sessions[secret]
        if abs(now - session.seen) >= TOUCH_US:
            self._register = replace(there, sessions={**there.sessions, secret: replace(session, seen=now)})
            self._store.write(partial(_touch, session=session, now=now))

    async def _compare(self) -> None:
        """With the lock: has another process changed anything?"""
        asked = self._asked_ns = self._clock.mono_ns()
        try:
            if await asyncio.to_thread(self._store.read, register.number) != self._register.number:
                self._register = await asyncio.to_thread(self._store.read, register.load)
        except StoreError as error:
            log.warning("accounts cannot be read at the moment: %s", error)
        else:
            self._checked_ns = asked

    async def _reload(self) -> None:
        """One after the other, so that no older state comes last."""
        async with self._reading:
            asked = self._clock.mono_ns()
            self._register = await asyncio.to_thread(self._store.read, register.load)
            self._asked_ns = self._checked_ns = asked


def _who(user: User, address: str) -> Who:
    return Who("user", user.id, user.name, Role(user.role), address=address)


def _touch(conn: Connection, session: Session, now: int) -> None:
    sessions.touch(conn, session.id, now)
    if session.kind == "user":
        users.change(conn, session.owner, {"last_seen": now})


def _tidy(conn: Connection, now: int) -> None:
    sessions.remove_old(conn, now - asker.IDLE_US, now - asker.LONGEST_US)
    tokens.remove_old(conn, now)
    audit.forget(conn, now - AUDIT_US, AUDIT_LINES)
