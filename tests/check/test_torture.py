"""rel:T09 and rel:T10 at full length: 10,000 files of 30 s."""

from __future__ import annotations

import pytest

from redshank.check.problem import Kind
from redshank.check.rebuild import rebuild
from redshank.check.verify import verify
from redshank.clock import NS_PER_S, US_PER_S, SystemClock
from redshank.store import recordings
from tests.check import test_verify as harms
from tests.check.recorded import LENGTH_S, Recorded

pytestmark = [pytest.mark.torture, pytest.mark.timeout(600)]
FILES = 10_000
CLOCK = SystemClock()


def seconds_since(mono_ns: int) -> float:
    return (CLOCK.mono_ns() - mono_ns) / NS_PER_S


def test_ten_thousand_good_files_are_looked_at_quickly_and_none_is_accused(site: Recorded) -> None:
    """rel:T09: ≤ 20 s for presence and size, no false alarm, deep neither; then every kind of damage among them is found."""
    segments = site.record(FILES // 2) + site.record(FILES // 2, stream="sub")
    begun = CLOCK.mono_ns()
    report = verify(site.rows_of, site.disks, site.clock)
    taken_s = seconds_since(begun)
    print(f"rel:T09: {FILES} files, presence and size {taken_s:.1f} s")
    assert (report.rows, report.problems) == (FILES, [])
    assert taken_s <= 20
    begun = CLOCK.mono_ns()
    assert verify(site.rows_of, site.disks, site.clock, deep=True).problems == []
    print(f"rel:T09: every byte of them ({report.bytes / 1e6:.0f} MB) {seconds_since(begun):.1f} s")
    for number, (harm, _kind, _deep) in enumerate(harms.DAMAGE):
        harm(site, segments[400 * number + 200])
    found = [problem.kind for problem in verify(site.rows_of, site.disks, site.clock, deep=True).problems]
    assert sorted(kind for kind in found if kind is not Kind.GAP) == sorted(
        kind for _harm, kind, _deep in harms.DAMAGE if kind is not Kind.GAP
    )
    assert Kind.GAP in found


def test_the_index_of_ten_thousand_files_comes_back(site: Recorded) -> None:
    """rel:T10: no file deleted, ≥ 99.9 % of the seconds back, ≤ 5 min."""
    site.record(FILES // 2, rows=False)
    site.record(FILES // 2, stream="sub", rows=False)
    before = site.files()
    begun = CLOCK.mono_ns()
    found = rebuild(site.rows_of, site.disks)
    taken_s = seconds_since(begun)
    print(f"rel:T10: {FILES} files, index rebuilt in {taken_s:.1f} s")
    assert site.files() == before
    assert found.footage_us >= 0.999 * FILES * LENGTH_S * US_PER_S
    assert taken_s <= 300
    totals = site.store.read(recordings.totals)
    assert sum(total.files for total in totals.values()) == FILES
