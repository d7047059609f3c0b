"""What the hub tells the ledger: the clock was set, a start, a sign of life."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from redshank.clock import US_PER_S
from redshank.model import Gap, GapReason, Segment
from redshank.store import gaps, ledger, recordings
from tests.store.ledger import Row, as_rows, segment

DOOR = ("door", "main")
T0 = 1_767_225_600 * US_PER_S
HOUR = 3600 * US_PER_S


def at(seq: int, uptime_s: int, offset_us: int) -> Segment:
    """Thirty seconds, recorded `uptime_s` after the boot under a wall clock this far ahead."""
    start = offset_us + uptime_s * US_PER_S
    return segment(seq, start, start + 30 * US_PER_S, mono_ns=uptime_s * 1_000_000_000)


def told(conn: Connection) -> list[Row]:
    return as_rows(gaps.span(conn, *DOOR, 0, gaps.EVER))


def starts(conn: Connection) -> dict[int, int]:
    return {one.seq: one.start for one in recordings.page(conn, "disk")}


@pytest.mark.parametrize("step_us", [-HOUR, 24 * HOUR, T0])
def test_what_was_begun_between_the_step_and_the_look_stays(empty: Connection, step_us: int) -> None:
    """rel:T30: the step is seen up to a second, on a busy machine later, after it was."""
    old = T0 if step_us < T0 else 0
    new = old + step_us
    assert ledger.clock_set(empty, "boot", old) == 0
    ledger.closed(empty, at(1, 10, old))
    ledger.closed(empty, at(2, 40, new))  # the clock was set at 40 s, and nobody looked yet
    assert ledger.clock_set(empty, "boot", new) == step_us
    assert starts(empty) == {1: new + 10 * US_PER_S, 2: new + 40 * US_PER_S}
    for late in (
        at(3, 5, old),
        at(4, 70, new),
        at(5, 71, old),
    ):  # whose row comes only now; 5: its timeline went on a little
        ledger.closed(empty, late)
    assert starts(empty) == {seq: new + s * US_PER_S for seq, s in {1: 10, 2: 40, 3: 5, 4: 70, 5: 71}.items()}


def test_a_clock_that_is_set_back_and_forth_leaves_everything_in_its_place(empty: Connection) -> None:
    wrong, right = T0 + HOUR, T0 + US_PER_S
    for offset in (T0, wrong, right):
        ledger.clock_set(empty, "boot", offset)
    for one in (at(1, 0, T0), at(2, 30, wrong), at(3, 60, right)):
        ledger.closed(empty, one)
    assert starts(empty) == {1: T0, 2: right + 30 * US_PER_S, 3: right + 60 * US_PER_S}
    assert ledger.clock_set(empty, "boot", wrong) == HOUR - US_PER_S
    assert starts(empty)[2] == wrong + 30 * US_PER_S


def test_many_small_steps_are_no_big_one(empty: Connection) -> None:
    """What was recorded long ago had its right time."""
    ledger.clock_set(empty, "boot", T0)
    ledger.closed(empty, at(1, 0, T0))
    assert [ledger.clock_set(empty, "boot", T0 + i * 20 * US_PER_S) for i in range(1, 10)] == [0] * 9
    assert starts(empty) == {1: T0}


@pytest.mark.parametrize("reason", [GapReason.PRIVATE, GapReason.IDLE, GapReason.OFFLINE])
def test_what_was_known_before_a_restart_stays_known(empty: Connection, reason: GapReason) -> None:
    """A night of privacy is not a night of downtime because the program was started anew in the morning."""
    recordings.add(empty, segment(1, 0, 30))
    ledger.gap(empty, Gap(*DOOR, 30, None, reason))
    ledger.alive(empty, 500)
    ledger.alive(empty, 800)
    ledger.begin(empty, {DOOR}, now=900)
    assert told(empty) == [(30, 800, reason), (800, None, GapReason.RESTART)]


def test_a_stream_that_was_recorded_is_unknown_since_its_last_file(empty: Connection) -> None:
    """What was in the file being written is adopted; whatever is not was lost with the restart."""
    recordings.add(empty, segment(1, 0, 30))
    ledger.alive(empty, 800)
    ledger.begin(empty, {DOOR}, now=900)
    assert told(empty) == [(30, None, GapReason.RESTART)]


def test_a_stream_that_is_off_since_the_restart_was_private_until_then(empty: Connection) -> None:
    ledger.gap(empty, Gap(*DOOR, 30, None, GapReason.PRIVATE))
    ledger.alive(empty, 800)
    ledger.begin(empty, set(), now=900)
    assert told(empty) == [(30, 800, GapReason.PRIVATE), (800, None, GapReason.OFF)]


def test_a_sign_of_life_of_a_wrong_clock_says_nothing_about_what_is_to_come(empty: Connection) -> None:
    ledger.gap(empty, Gap(*DOOR, 30, None, GapReason.PRIVATE))
    ledger.alive(empty, 5000)
    ledger.begin(empty, {DOOR}, now=900)
    assert told(empty) == [(30, 900, GapReason.PRIVATE), (900, None, GapReason.RESTART)]
    ledger.alive(empty, 1000)
    ledger.begin(empty, {DOOR}, now=20)
    assert told(empty) == [(30, 900, GapReason.PRIVATE), (900, None, GapReason.RESTART)]
