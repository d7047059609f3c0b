"""Looks as bytes, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redshank.model import Box, Observation, TrackState
from redshank.trail.pack import HEAD, MAGIC, SUM, Block, Look, Point, look, pack, unpack, whole
from tests.rules.script import START, at, box_at, ended, observe, track

ID = "019aa000-0000-7000-8000-00000000000a"


def written(*script: Observation) -> list[Look]:
    """As the writer thins them."""
    found, last = [], dict[str, Point]()
    for one in script:
        seen, last = look(one, last)
        found.append(seen)
    return found


def block(looks: list[Look]) -> Block:
    made = unpack(pack(looks)[HEAD.size : -SUM.size])
    assert made is not None
    return made


def test_a_look_comes_back_as_it_was() -> None:
    walk = [
        observe(n, track(ID, n, box=box_at(0.1 + n / 50, 0.9), score=0.5 + n / 100), motion=0.02) for n in range(20)
    ]
    found = list(whole(block(written(*walk)).decoded()))
    assert [one.time for one in found] == [one.time for one in walk]
    for seen, one in zip(walk, found, strict=True):
        (point,) = one.points
        assert (point.track, point.label, point.state, point.seen) == (ID, "person", TrackState.ACTIVE, True)
        assert point.score == pytest.approx(seen.tracks[0].score, abs=1 / 255 + 0.1)
        for got, was in zip((point.box.x1, point.box.y2), (seen.tracks[0].box.x1, seen.tracks[0].box.y2), strict=True):
            assert got == pytest.approx(was, abs=1e-4)
        assert one.motion == pytest.approx(0.02, abs=0.002)
        assert (one.detected, one.ok) == (True, True)


def test_what_stands_still_is_written_once_and_is_there_until_it_ends() -> None:
    still = [observe(n, track(ID, n, box=box_at(0.5, 0.9), state=TrackState.STATIONARY)) for n in range(10)]
    found = written(*still, observe(10), observe(11))
    assert [len(one.points) for one in found] == [1] + [0] * 9 + [1, 0]
    there = [[point.state for point in one.points] for one in whole(found)]
    assert there == [[TrackState.STATIONARY]] * 10 + [[TrackState.ENDED], []]


def test_the_end_of_a_track_and_trouble_are_kept() -> None:
    one = track("odd id", 0, label="größer")
    found = block(
        written(observe(0, one), replace(observe(1, ended(one, 1)), health="frozen", detected=False))
    ).decoded()
    assert [point.state for look in found for point in look.points] == [TrackState.ACTIVE, TrackState.ENDED]
    assert found[1].points[0].track == "odd id"
    assert found[1].points[0].label == "größer"
    assert (found[1].ok, found[1].detected) == (False, False)


def test_values_out_of_range_are_kept_as_the_nearest_that_fits() -> None:
    odd = replace(observe(0, track(ID, 0, box=Box(-0.2, 0, 1.3, 1), score=1.2)), motion=2.0)
    (found,) = block(written(odd)).decoded()
    assert found.points[0].box == Box(0, 0, 1, 1)
    assert (found.points[0].score, found.motion) == (1.0, 1.0)


def test_a_point_costs_less_than_sixteen_bytes() -> None:
    """One person walking for 15 s at five looks a second, everything included."""
    walk = [observe(n, track(ID, n, box=box_at(0.1 + n / 100, 0.9)), motion=0.02) for n in range(75)]
    assert len(pack(written(*walk))) / 75 < 16


def test_bytes_that_make_no_sense_are_no_block() -> None:
    body = pack(written(observe(0, track(ID, 0))))[HEAD.size : -SUM.size]
    assert unpack(body) is not None
    assert [unpack(body[:cut]) for cut in range(len(body))] == [None] * len(body)
    assert unpack(body + b"x") is None
    assert at(0) == START
    assert MAGIC != b"\0\0"
