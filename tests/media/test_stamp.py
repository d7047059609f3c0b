"""One steady timeline out of whatever a camera sends. Truth is when each picture was taken; the camera's clock and the network lie."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import pytest

from redshank.clock import US_PER_S
from redshank.media.source import RawPacket
from redshank.media.stamp import Stamped, Stamper
from tests.fakes import AUDIO, VIDEO
from tests.harness.clocks import START

TICKS = 90_000


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture taken at a true time, that arrived later, with the camera's own ticks."""

    true_s: float
    arrival_s: float
    raw: RawPacket


def camera(
    count: int,
    fps: float = 25,
    claimed_fps: float | None = None,
    late: Callable[[int], float] = lambda n: 0.0,
    jump: Callable[[int], float] = lambda n: 0.0,
    clock: float = 1.0,
) -> list[Taken]:
    """`late`: seconds on the way; arrivals keep their order, as over TCP. `jump`: added to the camera's clock. `clock`: its speed."""
    taken: list[Taken] = []
    arrival_s = 0.0
    for n in range(count):
        true_s = n / fps
        arrival_s = max(arrival_s, true_s + late(n))
        ticks = round((n / (claimed_fps or fps) * clock + jump(n)) * TICKS) + 5000
        taken.append(Taken(true_s, arrival_s, RawPacket(VIDEO, ticks, ticks, 0, n % 25 == 0, b"x")))
    return taken


def stamped(taken: Iterable[Taken], stamper: Stamper | None = None) -> list[Stamped]:
    stamper = stamper or Stamper()
    done: list[Stamped] = []
    for each in taken:
        done += stamper.push(each.raw, START + round(each.arrival_s * US_PER_S), round(each.arrival_s * 1e9))
    return done + stamper.flush()


def errors(taken: list[Taken], done: list[Stamped]) -> list[float]:
    """Seconds by which each time is too late (or, negative, too early)."""
    assert len(done) == len(taken)
    return [(s.time - START) / US_PER_S - t.true_s for s, t in zip(done, taken, strict=True)]


def assert_whole(done: list[Stamped]) -> None:
    assert all(b.dts > a.dts for a, b in pairwise(done))
    assert all(s.pts >= s.dts for s in done)
    # pts and time are one line: a muxer's timeline and the wall clock never part.
    skew = [s.time / US_PER_S - s.pts / TICKS for s in done]
    assert max(skew) - min(skew) < 0.0001


def jitter(seconds: float, seed: int = 1) -> Callable[[int], float]:
    dice = random.Random(seed)
    return lambda n: dice.expovariate(1 / seconds)


def test_a_good_camera_is_left_as_it_is() -> None:
    taken = camera(500)
    done = stamped(taken)
    assert_whole(done)
    assert max(map(abs, errors(taken, done))) < 0.001
    assert [b.dts - a.dts for a, b in pairwise(done)] == [3600] * 499


def test_network_jitter_does_not_show() -> None:
    taken = camera(3000, late=jitter(0.03))
    done = stamped(taken)
    assert_whole(done)
    assert max(map(abs, errors(taken, done))) < 0.05
    assert all(0.03 < (b.time - a.time) / US_PER_S < 0.05 for a, b in pairwise(done))


@pytest.mark.parametrize("jump_s", [-3600, -5, 5, 3600, 3 * 86400, -0.5, -0.15, 0.15, 0.4])
def test_a_jump_of_the_cameras_clock_is_bridged(jump_s: float) -> None:
    """rel:T19: timeline error <= 0.2 s, nothing lost, no unit longer than the time it covers."""
    taken = camera(1000, late=jitter(0.01), jump=lambda n: jump_s if n >= 500 else 0)
    stamper = Stamper()
    done = stamped(taken, stamper)
    assert_whole(done)
    assert max(map(abs, errors(taken, done))) <= 0.2
    assert stamper.jumps <= 1
    assert max(b.dts - a.dts for a, b in pairwise(done)) < 0.25 * TICKS


def test_a_single_wrong_timestamp_stays_alone() -> None:
    """rel:T19."""
    taken = camera(1000, late=jitter(0.01), jump=lambda n: -3600 if n == 500 else 0)
    done = stamped(taken)
    assert_whole(done)
    assert max(map(abs, errors(taken, done))) <= 0.2


@pytest.mark.parametrize("fps", [10, 25])
@pytest.mark.parametrize("kind", ["missing", "equal", "dts only"])
def test_ten_timestamps_without_meaning_are_filled_in(kind: str, fps: int) -> None:
    """rel:T19."""
    taken = camera(500, fps=fps, late=jitter(0.005))
    stuck = taken[199].raw
    for n in range(200, 210):
        raw = taken[n].raw
        bad = {
            "missing": replace(raw, pts=None, dts=None),
            "equal": replace(raw, pts=stuck.pts, dts=stuck.dts),
            "dts only": replace(raw, pts=None),
        }[kind]
        taken[n] = replace(taken[n], raw=bad)
    done = stamped(taken)
    assert_whole(done)
    assert max(map(abs, errors(taken, done))) <= 0.2
    assert max(b.dts - a.dts for a, b in pairwise(done)) < 1.5 * TICKS / fps


@pytest.mark.parametrize("bits", [32, 33])
def test_a_counter_that_wraps_loses_nothing(bits: int) -> None:
    """rel:T20: no frame lost, no seam."""
    taken = [
        replace(t, raw=replace(t.raw, pts=wrapped, dts=wrapped))
        for t in camera(500)
        for wrapped in [((t.raw.pts or 0) + (1 << bits) - 5 * TICKS) % (1 << bits)]
    ]
    stamper = Stamper()
    done = stamped(taken, stamper)
    assert_whole(done)
    assert stamper.jumps == 0
    assert {b.dts - a.dts for a, b in pairwise(done)} == {3600}
    assert max(map(abs, errors(taken, done))) < 0.001


@pytest.mark.parametrize("ppm", [-500, 500])
def test_a_drifting_camera_clock_is_followed_without_gaps(ppm: int) -> None:
    """rel:T21, one hour of it; tests/slow has the day."""
    taken = camera(3600 * 5, fps=5, late=jitter(0.02), clock=1 + ppm / 1e6)
    done = stamped(taken)
    assert_whole(done)
    assert max(map(abs, errors(taken, done))) <= 0.2
    assert max(abs((b.time - a.time) / US_PER_S - 0.2) for a, b in pairwise(done)) <= 0.05


@pytest.mark.parametrize(("delivered", "claimed", "learned_s"), [(21, 25, 5), (30, 25, 5), (12.5, 25, 30)])
def test_time_comes_from_arrival_not_from_the_claimed_rate(delivered: float, claimed: float, learned_s: float) -> None:
    """rel:T22, ten minutes: gaps 0, duration error <= 1 %; here also the error of every time once the rate is known."""
    taken = camera(round(600 * delivered), fps=delivered, claimed_fps=claimed, late=jitter(0.01))
    done = stamped(taken)
    assert_whole(done)
    duration_s = (done[-1].dts - done[0].dts) / TICKS
    assert abs(duration_s / (taken[-1].true_s - taken[0].true_s) - 1) < 0.01
    settled = [e for e, t in zip(errors(taken, done), taken, strict=True) if t.true_s > learned_s]
    assert max(map(abs, settled)) <= 0.2
    assert max(b.dts - a.dts for a, b in pairwise(done)) < 2 * TICKS / delivered


def test_a_backlog_at_the_start_keeps_its_true_times() -> None:
    """Servers that begin with the last keyframe send seconds of pictures at once."""
    taken = [replace(t, arrival_s=max(t.arrival_s, 4.0)) for t in camera(500)]
    done = stamped(taken)
    assert_whole(done)
    assert max(map(abs, errors(taken, done))) < 0.1


def test_a_network_stall_does_not_bend_the_line() -> None:
    def stall(n: int) -> float:
        return max(0.01, 3 - n % 250 / 25) if n >= 250 and n % 250 < 75 else 0.01

    taken = camera(2000, late=stall)
    done = stamped(taken)
    assert_whole(done)
    assert max(map(abs, errors(taken, done))) < 0.05


def test_pictures_that_come_in_bursts_are_spread_again() -> None:
    taken = camera(3000, late=lambda n: (25 - n % 25) / 25)
    done = stamped(taken)
    assert_whole(done)
    assert max(map(abs, errors(taken, done))) <= 0.2


def reordered(count: int, unknown: int = 0) -> Iterator[Taken]:
    """I B B P: sent in decode order; the first `unknown` decode times are missing, as FFmpeg's are over RTSP, and the first pts."""
    shown = [0] + [n for first in range(1, count - 2, 3) for n in (first + 2, first, first + 1)]
    for place, n in enumerate(shown):
        dts = None if place < unknown else (place - 2) * 3600
        pts = None if place == 0 and unknown else n * 3600
        # Encoded when the last picture it refers to is there, three pictures on.
        arrival_s = (place + 2) / 25
        yield Taken(n / 25, arrival_s, RawPacket(VIDEO, pts, dts, 3600, place == 0, b"x"))


@pytest.mark.parametrize("unknown", [0, 3])
def test_reordered_pictures_keep_their_order_of_presentation(unknown: int) -> None:
    taken = list(reordered(600, unknown))
    done = stamped(taken)
    assert_whole(done)
    by_time = sorted(range(len(done)), key=lambda i: done[i].time)
    assert [taken[i].true_s for i in by_time] == sorted(t.true_s for t in taken)
    assert max(map(abs, errors(taken, done))) <= 0.2


def test_a_source_without_any_times_gets_those_of_arrival() -> None:
    taken = [replace(t, raw=replace(t.raw, pts=None, dts=None)) for t in camera(200, fps=10)]
    done = stamped(taken)
    assert_whole(done)
    assert max(map(abs, errors(taken, done))) < 0.01


def test_sound_follows_the_pictures_line_however_late_it_comes() -> None:
    """Sound that always arrives 0.4 s after its picture is still shown with it."""
    rate = 48_000
    sounds = [
        Taken(n * 1024 / rate, n * 1024 / rate + 0.4, RawPacket(AUDIO, n * 1024, n * 1024, 1024, True, b"s"))
        for n in range(900)
    ]
    pictures = [
        replace(t, raw=replace(t.raw, pts=(t.raw.pts or 0) - 5000, dts=(t.raw.dts or 0) - 5000)) for t in camera(500)
    ]
    taken = sorted([*sounds, *pictures], key=lambda t: t.arrival_s)
    done = stamped(taken)
    off = [abs(e) for e, t in zip(errors(taken, done), taken, strict=True) if t.raw.format is AUDIO]
    assert max(off) < 0.01


def test_sound_with_a_clock_of_its_own_is_laid_beside_the_pictures() -> None:
    sounds = [
        Taken(n / 50, n / 50 + 0.01, RawPacket(AUDIO, 10**9 + n * 960, 10**9 + n * 960, 960, True, b"s"))
        for n in range(400)
    ]
    taken = sorted([*sounds, *camera(200)], key=lambda t: t.arrival_s)
    done = stamped(taken)
    off = [abs(e) for e, t in zip(errors(taken, done), taken, strict=True) if t.raw.format is AUDIO]
    assert max(off) < 0.2


@pytest.mark.parametrize("step_s", [-3600, 5, 86400])
def test_a_step_of_our_own_clock_does_not_move_the_line_but_is_told(step_s: float) -> None:
    stamper = Stamper()
    done: list[Stamped] = []
    for n, each in enumerate(camera(200)):
        now = START + round((each.arrival_s + (step_s if n >= 100 else 0)) * US_PER_S)
        done += stamper.push(each.raw, now, round(each.arrival_s * 1e9))
        assert stamper.stepped == (n >= 100)
    assert {b.time - a.time for a, b in pairwise(done)} == {40_000}


def test_times_of_another_tick_length_are_ticks_of_that_format() -> None:
    milli = replace(VIDEO, time_base=Fraction(1, 1000))
    raws = [RawPacket(milli, n * 40, n * 40, 40, n == 0, b"x") for n in range(50)]
    done = stamped([Taken(n / 25, n / 25, raw) for n, raw in enumerate(raws)])
    assert [s.dts for s in done] == [n * 40 for n in range(50)]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_a_camera_sends_time_never_goes_back_and_stays_near_arrival(seed: int) -> None:
    """Random jumps, holes, repeats and stalls: dts rises, and no time is far from the arrival of its packet."""
    dice = random.Random(seed)
    offset, raws = 0, []
    arrival_s = 0.0
    for n in range(400):
        if dice.random() < 0.02:
            offset += round(dice.choice([-1, 1]) * 10 ** dice.uniform(-2, 5) * TICKS)
        ticks = None if dice.random() < 0.05 else n * 3600 + offset
        arrival_s += dice.choice([0.04, 0.04, 0.04, 0.0, 0.08])
        raws.append(Taken(n / 25, arrival_s, RawPacket(VIDEO, ticks, ticks, 0, n % 25 == 0, b"x")))
    done = stamped(raws)
    assert_whole(done)
    assert max(abs((s.time - START) / US_PER_S - t.arrival_s) for s, t in zip(done, raws, strict=True)) < 2
