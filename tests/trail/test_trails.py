"""Trails written and read: days, restarts, torn tails, disks that refuse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from redshank.clock import US_PER_S
from redshank.model import Observation
from redshank.trail.pack import HEAD, MOST_TRACKS, look, pack
from redshank.trail.read import DAY_US, path_of, records
from redshank.trail.trails import Trails
from tests.harness.clocks import FakeClock
from tests.rules.script import LOOK_US, START, box_at, observe, track

ID = "019aa000-0000-7000-8000-00000000000a"


@pytest.fixture
def trails(tmp_path: Path) -> Iterator[Trails]:
    made = Trails(tmp_path / "trails", FakeClock())
    yield made
    made.close()


def walk(first: int, looks: int, id: str = ID, camera: str = "door") -> list[Observation]:
    return [
        observe(n, track(id, n, box=box_at(0.1 + n % 100 / 125, 0.9)), camera=camera, motion=0.02)
        for n in range(first, first + looks)
    ]


def keep(trails: Trails, script: list[Observation]) -> None:
    for one in script:
        trails.offer(one)
    trails.settle()


def times(script: list[Observation]) -> list[int]:
    return [one.time for one in script]


def test_looks_are_read_back_from_files_and_from_the_block_that_is_being_filled(trails: Trails) -> None:
    script = walk(0, 200)
    keep(trails, script)
    assert path_of(trails.root, "door", START).stat().st_size > 1000
    found = trails.looks("door", START, START + DAY_US)
    assert [one.time for one in found] == times(script)
    some = trails.looks("door", START + 100 * LOOK_US, START + 150 * LOOK_US)
    assert [one.time for one in some] == times(script[100:150])
    assert trails.looks("yard", START, START + DAY_US) == []


def test_a_path_is_that_of_one_track(trails: Trails) -> None:
    other = "019aa000-0000-7000-8000-00000000000b"
    both = [
        replace(one, tracks=(*one.tracks, track(other, n, box=box_at(0.5, 0.5)))) for n, one in enumerate(walk(0, 100))
    ]
    keep(trails, both)
    path = trails.path("door", ID, START, START + DAY_US)
    assert len(path) == 100
    assert {point.track for _time, point in path} == {ID}
    # The one that stands still: once in each of the two blocks.
    assert len(trails.path("door", other, START, START + DAY_US)) == 2


def test_what_was_written_is_there_after_a_restart_and_more_is_added(tmp_path: Path) -> None:
    script = walk(0, 120)
    for part in (script[:60], script[60:]):
        one = Trails(tmp_path, FakeClock())
        keep(one, part)
        one.close()
    again = Trails(tmp_path, FakeClock())
    assert [one.time for one in again.looks("door", START, START + DAY_US)] == times(script)
    again.close()


@pytest.mark.parametrize("cut", [1, 3, 40, 500])
def test_a_torn_tail_costs_the_last_block_only(tmp_path: Path, cut: int) -> None:
    """A power cut while it was appended; then the next start appends behind what is left."""
    one = Trails(tmp_path, FakeClock())
    keep(one, walk(0, 150))
    one.close()
    path = path_of(tmp_path, "door", START)
    data = path.read_bytes()
    blocks = list(records(data))
    path.write_bytes(data[:-cut])
    again = Trails(tmp_path, FakeClock())
    keep(again, walk(150, 10))
    found = [look.time for look in again.looks("door", START, START + DAY_US)]
    assert len(blocks) == 2
    assert found == times(walk(0, 75) + walk(150, 10))
    again.close()


def test_a_damaged_block_hides_no_other(tmp_path: Path) -> None:
    one = Trails(tmp_path, FakeClock())
    keep(one, walk(0, 225))
    one.close()
    path = path_of(tmp_path, "door", START)
    data = bytearray(path.read_bytes())
    first, last = list(records(bytes(data)))[1]
    for place in (first - 2, (first + last) // 2):
        harmed = bytearray(data)
        harmed[place] ^= 0x40
        path.write_bytes(harmed)
        found = [look.time for look in Trails(tmp_path, FakeClock()).looks("door", START, START + DAY_US)]
        assert found == times(walk(0, 75) + walk(150, 75))


def test_a_file_is_of_one_day(trails: Trails) -> None:
    midnight = (START // DAY_US + 1) * DAY_US
    first = (midnight - START) // LOOK_US - 40
    script = walk(first, 200)
    keep(trails, script)
    assert path_of(trails.root, "door", midnight).exists()
    assert [one.time for one in trails.looks("door", START, START + 2 * DAY_US)] == times(script)
    late = trails.looks("door", midnight, midnight + 5 * LOOK_US)
    assert [one.time for one in late] == [one.time for one in script if midnight <= one.time < midnight + 5 * LOOK_US]


def test_old_days_go(trails: Trails) -> None:
    keep(trails, walk(0, 100))
    keep(trails, [replace(one, time=one.time + 3 * DAY_US) for one in walk(0, 100)])
    assert trails.forget("2027-01-16") == 1
    assert trails.looks("door", START, START + DAY_US) == []
    assert len(trails.looks("door", START, START + 4 * DAY_US)) == 100


def test_a_clock_that_is_set_back_mixes_nothing_up(trails: Trails) -> None:
    keep(trails, walk(100, 20))
    keep(trails, walk(0, 20))
    found = [one.time for one in trails.looks("door", START, START + DAY_US)]
    assert found == times(walk(0, 20) + walk(100, 20))


def test_while_nothing_happens_next_to_nothing_is_written(trails: Trails) -> None:
    keep(trails, [observe(n) for n in range(3000)])
    assert len(trails.looks("door", START, START + DAY_US)) == 600 // 10


def test_foot_points_are_counted_by_cell(trails: Trails) -> None:
    left = [observe(n, track(ID, n, box=box_at(0.1 + n / 250, 0.9)), motion=0.02) for n in range(50)]
    dog = [observe(100 + n, track("d", n, label="dog", box=box_at(0.9, 0.2 + n / 100)), motion=0.02) for n in range(10)]
    keep(trails, left + dog)
    assert trails.cells("door", START, START + DAY_US, "person", (2, 2)) == [0, 0, 50, 0]
    assert trails.cells("door", START, START + DAY_US, "", (2, 2)) == [0, 10, 50, 0]


def test_a_disk_that_refuses_costs_only_what_it_refuses(tmp_path: Path) -> None:
    (tmp_path / "door").write_text("a file where the folder should be")
    trails = Trails(tmp_path, FakeClock())
    keep(trails, [*walk(0, 80), *walk(0, 80, camera="yard")])
    assert trails.lost == 75
    (tmp_path / "door").unlink()
    keep(trails, walk(80, 100))
    assert [one.time for one in trails.looks("door", START, START + DAY_US)] == times(walk(75, 105))
    assert len(trails.looks("yard", START, START + DAY_US)) == 80
    trails.close()


def test_a_block_as_long_as_can_be_fits_its_length() -> None:
    crowd = [track(f"019aa000-0000-7000-8000-{n:012x}", 0, box=box_at(n / 500, 0.9)) for n in range(250)]
    seen, _ = look(observe(0, *crowd), {})
    assert HEAD.unpack_from(pack([replace(seen, time=START + n) for n in range(16)]))[1] < 65_536
    assert START % US_PER_S == 0


def test_a_crowd_is_cut_and_a_look_that_cannot_be_written_costs_only_itself(trails: Trails) -> None:
    crowd = observe(0, *(track(f"id{n}", 0, box=box_at(0.5, 0.5)) for n in range(300)))
    keep(trails, [crowd, crowd])
    assert len(trails.looks("door", START, START + DAY_US)[0].points) == MOST_TRACKS
    keep(trails, walk(1, 5))
    bad = replace(observe(6), camera="yard", time=1 << 70, motion=0.1)
    keep(trails, [bad, *walk(7, 400)])
    trails.close()
    assert trails.lost == 1
    assert len(trails.looks("door", START, START + DAY_US)) == 2 + 5 + 400
