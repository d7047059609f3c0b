"""Old alert pictures and verdicts go; nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from redshank.blobs.disk import DiskBlobs
from redshank.clock import US_PER_S, rfc3339
from redshank.store import verdicts
from redshank.store.base import Store
from redshank.tidy import Tidy
from redshank.trail.trails import Trails
from tests.bus.samples import alert
from tests.harness.clocks import START, FakeClock

DAY_S = 86_400


@pytest.mark.parametrize(("days", "left"), [(7.0, 8), (None, 20), (0.5, 2)])
async def test_pictures_of_alerts_and_trails_go_by_whole_days(
    days: float | None, left: int, tmp_path: Path, clock: FakeClock
) -> None:
    blobs = DiskBlobs(tmp_path / "pictures")
    for ago in range(20):
        day = rfc3339(START - ago * DAY_S * US_PER_S)[:10]
        blobs.put(f"alerts/{day}/one.jpg", b"x")
        (tmp_path / "trails" / "yard").mkdir(parents=True, exist_ok=True)
        (tmp_path / "trails" / "yard" / f"{day}.trail").touch()
    blobs.put("other/2000-01-01/kept.jpg", b"x")
    trails = Trails(tmp_path / "trails", clock)
    store = Store(f"sqlite:///{tmp_path / 'r.db'}", clock)
    clock.advance(3600)
    await Tidy(store, blobs, clock, days, trails).step()
    store.close()
    trails.close()
    assert len(list(blobs.names("alerts/"))) == left
    assert len(list((tmp_path / "trails").rglob("*.trail"))) == left
    assert list(blobs.names("other/")) == ["other/2000-01-01/kept.jpg"]


async def test_verdicts_that_fired_nothing_go_after_a_month(tmp_path: Path, clock: FakeClock) -> None:
    store = Store(f"sqlite:///{tmp_path / 'r.db'}", clock)
    verdict = alert().verdict
    store.write(lambda conn: verdicts.add(conn, [(verdict, ""), (verdict, "an-alert")])).result()
    clock.advance((verdict.time - START) / US_PER_S + 31 * DAY_S)
    await Tidy(store, DiskBlobs(tmp_path / "pictures"), clock, None).step()
    assert len(store.read(lambda conn: verdicts.of_alert(conn, "an-alert"))) == 1
    assert len(store.read(lambda conn: verdicts.of_track(conn, verdict.track))) == 1
    store.close()
