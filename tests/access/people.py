"""A desk over an empty database, a clock that stands, hashes that cost nothing, and the people of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from redshank.access import account
from redshank.access.desk import Came, Desk
from redshank.access.password import Cost, Passwords
from redshank.access.secret import digest, new_token
from redshank.access.who import Role
from redshank.clock import Clock, new_id
from redshank.store.base import Store
from redshank.store.tokens import Token
from redshank.store.users import User
from tests.harness.clocks import FakeClock

CHEAP = Cost(1, 8, 1)
PASSWORD = "a password of nobody"
HERE = Came("127.0.0.1", here=True)
HOME = Came("192.0.2.7")


@contextmanager
def desk(folder: Path, clock: Clock | None = None, cost: Cost = CHEAP) -> Iterator[Desk]:
    clock = clock or FakeClock(1_000_000_000_000_000)
    store = Store(f"sqlite:///{folder}/redshank.db", clock)
    try:
        made = Desk(store, clock, Passwords(cost))
        yield made
        made.close()
    finally:
        store.close()


async def admin(desk: Desk) -> str:
    """Set up; the cookie of its session."""
    return await desk.setup("admin", PASSWORD, "", HERE)


async def user(desk: Desk, name: str, role: Role = Role.VIEWER, **more: object) -> User:
    """With PASSWORD."""
    now = desk._clock.now()
    made = User(new_id(now), name, role, now, password=await desk.passwords.hash(PASSWORD), **more)  # type: ignore[arg-type]
    await desk.change(partial(account.add, user=made))
    return made


async def token(
    desk: Desk, owner: User, verbs: list[str], cameras: list[str] | None = None, ends: int | None = None
) -> str:
    secret, now = new_token(), desk._clock.now()
    await desk.change(
        partial(account.give, one=Token(new_id(now), "script", digest(secret), verbs, cameras, owner.id, now, ends))
    )
    return secret
