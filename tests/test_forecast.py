"""The forecast, held against hand-made figures and against footage that is let go piece by piece."""

from __future__ import annotations

from random import Random

import pytest

from redshank.forecast import Load, age, assumed, forecast, size
from redshank.model import KeepClass

C, M, D, A = KeepClass
GB, TB = 10**9, 10**12
WEEK: dict[KeepClass, float | None] = {C: 7.0, M: 14.0, D: 30.0, A: 90.0}


def load(used: int = 0, age_days: float = 0.0, **rates: float) -> Load:
    per_day = {KeepClass(name): rate for name, rate in rates.items()}
    return Load("yard", per_day, WEEK, used=used, age_days=age_days, measured=True)


def test_what_fits_is_never_full() -> None:
    found = forecast([load(continuous=50 * GB, alert=1 * GB)], 1 * TB)
    assert (found.needed, found.enough, found.full_in_days) == (440 * GB, True, None)
    assert found.sentence == "needs 440 GB, you have 1.0 TB: everything stays as long as wanted"


def test_what_does_not_fit_says_when_and_what_goes_early() -> None:
    found = forecast([load(continuous=400 * GB, alert=4 * GB)], 2 * TB)
    assert found.needed == 2800 * GB + 360 * GB
    assert found.full_in_days == pytest.approx(2000 / 404)
    assert found.kept_days[C] == pytest.approx((2000 - 360) / 400)
    assert found.kept_days[A] == 90
    assert found.sentence == (
        "needs 3.2 TB, you have 2.0 TB; full in 5 days; the oldest plain footage will be 4.1 days old instead of 7 days"
    )


def test_a_full_disk_is_full_now() -> None:
    found = forecast([load(used=int(1.1 * TB), age_days=2.75, continuous=400 * GB)], 1 * TB)
    assert found.full_in_days == 0
    assert "full now" in found.sentence


def test_what_its_age_lets_go_meanwhile_makes_room() -> None:
    """Six of seven days lie there: one more day comes, then as much goes as comes."""
    assert forecast([load(used=600 * GB, age_days=6.0, continuous=100 * GB)], 701 * GB).full_in_days is None
    assert forecast([load(used=600 * GB, age_days=6.0, continuous=100 * GB)], 650 * GB).full_in_days == pytest.approx(
        0.5
    )


def test_cameras_share_the_room_and_a_quota_limits_one_of_them() -> None:
    limited = Load("door", {C: 100.0 * GB}, {C: 10.0}, 300 * GB, measured=True)
    found = forecast([load(continuous=10 * GB), limited], 400 * GB)
    assert (found.needed, found.enough) == (70 * GB + 300 * GB, True)
    alone = forecast([limited], 300 * GB)
    assert alone.needed == 300 * GB


def test_for_ever_is_counted_for_a_year() -> None:
    found = forecast([Load("yard", {A: 1.0 * GB}, {A: None}, measured=True)], 1 * TB)
    assert (found.needed, found.endless) == (365 * GB, True)
    assert found.sentence.startswith("needs 365 GB in a year, you have 1.0 TB")


def test_before_anything_is_recorded_the_bit_rate_counts() -> None:
    found = forecast([assumed("yard", "continuous", {"main": 8_000_000}, {C: 10.0, M: 10.0, D: 10.0, A: 10.0})], 1 * TB)
    assert found.needed == 864 * GB
    assert "assumed, not measured yet" in found.sentence
    assert forecast([assumed("yard", "off", {"main": None}, WEEK)], TB).sentence == "nothing is recorded"
    assert set(assumed("yard", "alert", {"main": None}, WEEK).per_day) == {A}


def test_the_kept_days_are_what_letting_go_piece_by_piece_leaves() -> None:
    """Forty days of a random plan, a piece of every class each tenth of a day; within a few pieces of the answer."""
    dice = Random(9)
    for _ in range(20):
        days = sorted(dice.uniform(1, 12) for _ in KeepClass)
        stays: dict[KeepClass, float | None] = dict(zip(KeepClass, days, strict=True))
        rates = {klass: dice.uniform(2, 4) * GB for klass in KeepClass}
        room = dice.uniform(0.3, 1.2) * sum(rate * d for rate, d in zip(rates.values(), days, strict=True))
        found = forecast([Load("yard", rates, stays, measured=True)], round(room))
        oldest, full = simulate(rates, dict(zip(KeepClass, days, strict=True)), room)
        for klass in KeepClass:
            assert oldest[klass] == pytest.approx(found.kept_days[klass], abs=0.35)
        if found.full_in_days is None:
            assert full is None
        elif full is not None:
            assert full == pytest.approx(found.full_in_days, abs=0.25)


def simulate(
    rates: dict[KeepClass, float], days: dict[KeepClass, float], room: float
) -> tuple[dict[KeepClass, float], float | None]:
    """(age of the oldest piece of each class at the end, the first day on which something went early)."""
    kept: dict[KeepClass, list[float]] = {klass: [] for klass in KeepClass}
    full: float | None = None
    for tick in range(1, 400):
        now = tick / 10
        for klass in KeepClass:
            kept[klass] = [made for made in kept[klass] if now - made < days[klass]] + [now]
        while sum(len(made) * rates[klass] / 10 for klass, made in kept.items()) > room:
            full = now if full is None else full
            kept[next(klass for klass in KeepClass if kept[klass])].pop(0)
    return {klass: 39.9 - made[0] + 0.1 if made else 0.0 for klass, made in kept.items()}, full


@pytest.mark.parametrize(
    ("days", "text"),
    [(9.2, "9.2 days"), (41, "41 days"), (2, "2 days"), (1.5, "36 hours"), (1 / 24, "1 hour"), (0.003, "4.3 minutes")],
)
def test_ages_are_said_as_people_say_them(days: float, text: str) -> None:
    assert age(days) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (3.1e12, "3.1 TB"), (440e9, "440 GB")]
)
def test_sizes_are_in_the_units_disks_are_sold_in(number: float, text: str) -> None:
    assert size(number) == text
