"""The clocks of the machine, and what the database hears of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from redshank.clock import NS_PER_S, US_PER_S, SystemClock
from redshank.clock_watch import ClockWatch
from redshank.model import Gap, GapReason
from redshank.store import gaps, ledger, recordings
from redshank.store.base import Store
from redshank.store.schema import meta
from tests.harness.clocks import START, FakeClock
from tests.store.ledger import segment


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'r.db'}", clock)
    yield opened
    opened.close()


def lived(store: Store) -> int:
    return int(store.read(lambda conn: conn.execute(select(meta.c.value).where(meta.c.name == "alive")).scalar_one()))


def test_monotonic_time_goes_on_while_the_machine_is_suspended() -> None:
    """rel:T30: a laptop that slept is not a clock that was set. The kernel shows a process of its own time namespace a machine that
    has slept for an hour."""
    asleep = ["unshare", "--user", "--map-root-user", "--time", "--boottime", "3600", "--fork"]
    ask = [sys.executable, "-c", "from redshank.clock import SystemClock; print(SystemClock().mono_ns())"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*asleep, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("no time namespaces here")
    woken = int(subprocess.run([*asleep, *ask], check=True, capture_output=True, text=True).stdout)
    assert 3500 < (woken - SystemClock().mono_ns()) / NS_PER_S < 3700


async def test_the_database_hears_about_once_a_minute_that_we_live(store: Store, clock: FakeClock) -> None:
    watch = ClockWatch(store, clock, "boot")
    heard = []
    for _second in range(180):
        await watch.look()
        heard.append(lived(store))
        clock.advance(1)
    assert sorted(set(heard)) == [START, START + 60 * US_PER_S, START + 120 * US_PER_S]
    assert heard == sorted(heard)


async def test_a_private_night_stays_private_when_the_program_starts_anew(store: Store, clock: FakeClock) -> None:
    """Of a clean stop or a kill the same: the reason holds up to the last sign of life, at most a minute before."""
    store.write(lambda conn: ledger.gap(conn, Gap("door", "main", START, None, GapReason.PRIVATE))).result()
    watch = ClockWatch(store, clock, "boot")
    for _minute in range(10):
        await watch.look()
        clock.advance(60)
    clock.advance(3600)
    now = clock.now()
    store.write(lambda conn: ledger.begin(conn, {("door", "main")}, now)).result()
    told = store.read(lambda conn: gaps.span(conn, "door", "main", 0, now + 1))
    stopped = START + 9 * 60 * US_PER_S
    assert [(gap.start, gap.end, gap.reason) for gap in told] == [
        (START, stopped, GapReason.PRIVATE),
        (stopped, None, GapReason.RESTART),
    ]


async def test_small_steps_are_followed_and_a_big_one_moves_what_was_before_it(store: Store, clock: FakeClock) -> None:
    """rel:T30, rel:T31."""
    watch = ClockWatch(store, clock, "boot")
    await watch.look()
    begun = segment(1, START, START + 30 * US_PER_S, boot="boot", mono_ns=0)
    store.write(lambda conn: recordings.add(conn, begun)).result()
    for _minute in range(5):
        clock.advance(61)
        clock.step(20)
        await watch.look()
    assert store.read(lambda conn: recordings.get(conn, "door", "main", 1)) == begun
    clock.step(-3600)
    await watch.look()
    moved = store.read(lambda conn: recordings.get(conn, "door", "main", 1))
    assert moved is not None
    assert moved.start == begun.start - 3600 * US_PER_S
    assert lived(store) == clock.now()
