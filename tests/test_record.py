"""The recorder: what is kept, where files begin and end, and what an error of the disk costs."""

from __future__ import annotations

from itertools import pairwise

from tests.recorder import Bench


def test_every_picture_is_in_one_file_and_files_meet() -> None:
    bench = Bench()
    bench.run(95)
    bench.stop()
    assert bench.numbers() == list(range(950))
    rows = bench.rows()
    assert [bench.s(row.start) for row in rows] == [0, 30, 60, 90]
    assert all(a.end == b.start for a, b in pairwise(rows))
    assert bench.gaps() == []
