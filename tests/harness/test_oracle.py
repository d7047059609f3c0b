"""The oracle finds each kind of damage, and none where there is none."""

from __future__ import annotations

from tests.harness.fake_camera import Sent
from tests.harness.oracle import between, judge
from tests.harness.stamp import Stamp


def journal(count: int, unwatched: range = range(0)) -> list[Sent]:
    return [Sent(Stamp(n // 10, n % 10, n, n), n % 10 == 0, int(n not in unwatched)) for n in range(count)]


def seen(*numbers: int) -> list[Stamp]:
    return [Stamp(n // 10, n % 10, n, n) for n in numbers]


def test_everything_seen_once_in_order_is_clean() -> None:
    verdict = judge(journal(30), seen(*range(30)))
    assert verdict.clean
    assert (verdict.sent, verdict.seen) == (30, 30)


def test_lost_duplicated_late_and_unknown_frames_are_told_apart() -> None:
    verdict = judge(journal(20), seen(*range(5), 6, 5, 6, *range(8, 20), 25))
    assert verdict.lost == ((0, 7),)
    assert verdict.duplicated == ((0, 6),)
    assert verdict.out_of_order == ((0, 5),)
    assert verdict.unknown == ((2, 5),)
    assert not verdict.clean


def test_frames_nobody_watched_are_not_owed() -> None:
    assert judge(journal(20, range(5, 10)), seen(*range(5), *range(10, 20))).clean


def test_a_connection_owes_what_lies_between_its_first_and_last_frame() -> None:
    part = between(journal(30), *seen(7, 21))
    assert judge(part, seen(*range(7, 22))).clean
    assert judge(part, seen(7, 21)).sent == 15
