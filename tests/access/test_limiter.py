"""How often a password may be tried: from one address, of one name, over restarts, and that the owner still gets in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from redshank.access import gate, limiter
from redshank.clock import US_PER_S
from redshank.store import attempts
from redshank.store.attempts import Bucket
from redshank.store.base import Store
from redshank.store.schema_access import attempts as table
from tests.harness.clocks import FakeClock

NOW = 1_000_000_000_000_000
MINUTE_US = 60 * US_PER_S


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/redshank.db", FakeClock())
    yield made
    made.close()


def tried(store: Store, name: str, address: str, now: int) -> int:
    """µs to wait; 0: it was counted."""
    return store.write(lambda conn: gate.enter(conn, name, address, now)).result()


def most_in_a_minute(times: list[int]) -> int:
    return max((sum(1 for other in times if at <= other < at + MINUTE_US) for at in times), default=0)


def counted(store: Store, tries: int, a_second: int, who: Callable[[int], tuple[str, str]]) -> list[int]:
    """Times of those that were let through. who: name and address of the n-th."""

    def work(conn: Connection) -> list[int]:
        times = [NOW + n * US_PER_S // a_second for n in range(tries)]
        return [now for n, now in enumerate(times) if gate.enter(conn, *who(n), now) == 0]

    return store.write(work).result()


def elsewhere(n: int) -> str:
    """One of a thousand addresses."""
    return f"198.51.{n % 1000 // 250}.{n % 250}"


TRIES = [pytest.param(1200, id="1200"), pytest.param(10_000, id="10000", marks=pytest.mark.torture)]


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("names", [1, 1000], ids=["one name", "a thousand names"])
def test_of_many_tries_from_one_address_few_are_counted(store: Store, tries: int, names: int) -> None:
    """rel:S16: ten a second."""
    times = counted(store, tries, 10, lambda n: (f"user {n % names}", "192.0.2.1"))
    assert 5 < most_in_a_minute(times) <= (10 if names == 1 else 30)


@pytest.mark.parametrize("tries", TRIES)
def test_of_tries_from_a_thousand_addresses_against_one_name_ten_a_minute_are_counted(store: Store, tries: int) -> None:
    """rel:S16."""
    times = counted(store, tries, 10, lambda n: ("admin", elsewhere(n)))
    assert 5 < most_in_a_minute(times) <= 10


def test_one_address_alone_never_keeps_the_owner_out(store: Store) -> None:
    """rel:S16: whenever the owner comes while somebody tries as often as can be."""

    def work(conn: Connection) -> list[int]:
        waits = []
        for n in range(600):
            now = NOW + n * US_PER_S // 2
            gate.enter(conn, "admin", "192.0.2.1", now)
            if n % 7 == 0:
                waits.append(gate.enter(conn, "admin", elsewhere(n), now))
                gate.right(conn, "admin", elsewhere(n), now)
        return waits

    assert set(store.write(work).result()) == {0}


def test_not_even_a_thousand_addresses_keep_the_owner_out_of_where_they_were_before(store: Store) -> None:
    assert tried(store, "admin", "203.0.113.5", NOW) == 0
    store.write(lambda conn: gate.right(conn, "admin", "203.0.113.5", NOW)).result()
    counted(store, 500, 10, lambda n: ("admin", elsewhere(n)))
    later = NOW + 50 * US_PER_S
    assert tried(store, "admin", "192.0.2.99", later) > 0, "a stranger has to wait"
    assert tried(store, "admin", "203.0.113.5", later) == 0
    assert tried(store, "ADMIN", "203.0.113.5", later) == 0


def test_it_gets_slower_with_each_failure_and_the_right_password_ends_that(store: Store) -> None:
    at, waits = NOW, []
    for _ in range(10):
        while wait := tried(store, "anna", "192.0.2.1", at):
            waits.append(wait / US_PER_S)
            at += wait
    assert waits == [4, 8, 16, 32, 60, 60, 60]
    store.write(lambda conn: gate.right(conn, "anna", "192.0.2.1", at)).result()
    assert [tried(store, "anna", "192.0.2.1", at) for _ in range(3)] == [0, 0, 0]


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    """rel:S16."""
    for n in range(3):
        store = Store(f"sqlite:///{tmp_path}/redshank.db", FakeClock())
        assert tried(store, "anna", "192.0.2.1", NOW) == 0, n
        store.close()
    store = Store(f"sqlite:///{tmp_path}/redshank.db", FakeClock())
    assert tried(store, "anna", "192.0.2.1", NOW) == 4 * US_PER_S
    store.close()


def test_a_clock_set_back_locks_nobody_out_for_long(store: Store) -> None:
    while tried(store, "anna", "192.0.2.1", NOW) == 0:
        pass
    assert tried(store, "anna", "192.0.2.1", NOW - 10**12) <= limiter.SLOWEST_US
    assert limiter.lane_wait(Bucket("", NOW), limiter.NAME, NOW - 10**12) <= limiter.NAME.gap_us


def test_what_is_kept_is_bounded(store: Store) -> None:
    for n in range(25):
        store.write(lambda conn, n=n: attempts.put(conn, Bucket(f"pair:{n}", 0, 1, n))).result()  # type: ignore[misc]
    store.write(lambda conn: attempts.keep(conn, "pair:", 10)).result()
    kept = store.read(lambda conn: set(conn.execute(select(table.c.key)).scalars()))
    assert kept == {f"pair:{n}" for n in range(15, 25)}


def test_no_name_is_kept_in_clear(store: Store) -> None:
    """rel:S12: somebody types the password where the name goes."""
    tried(store, "correct horse battery", "192.0.2.1", NOW)
    kept = store.read(lambda conn: list(conn.execute(select(table.c.key)).scalars()))
    assert len(kept) == 3
    assert not any("horse" in key for key in kept)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix socket", "unix socket"),
    ],
)
def test_of_ipv6_a_network_is_one_address(address: str, place: str) -> None:
    assert limiter.place(address) == place


def test_the_figures_are_those_promised() -> None:
    """rel:S16: in any minute at most burst + 60 s / gap."""
    for lane, most in ((limiter.ADDRESS, 30), (limiter.NAME, 10)):
        assert lane.burst + math.ceil(MINUTE_US / lane.gap_us) == most
