"""The judge killed without warning."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from redshank.clock import SystemClock
from redshank.store import alerts, events
from redshank.store.base import Store
from redshank.store.schema import notifications, verdicts

ROOT = Path(__file__).parent.parent


def run_child(path: Path, visits: int, kill_after: int | None) -> bool:
    """Run the child, SIGKILL after so many commits. True when it came to its end."""
    command = [sys.executable, "-m", "tests.judge_child", str(path), str(visits)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for count, _ in enumerate(child.stdout, start=1):
            if count == kill_after:
                child.kill()
                break
    return child.returncode == 0


@pytest.mark.parametrize(
    ("kills", "visits"),
    [(3, 30), pytest.param(60, 300, marks=[pytest.mark.slow, pytest.mark.timeout(300)])],
)
def test_kill_9_loses_and_repeats_nothing(tmp_path: Path, kills: int, visits: int) -> None:
    path, chance = tmp_path / "redshank.db", random.Random(7)
    for _ in range(kills):
        run_child(path, visits, chance.randint(1, max(2, 2 * visits // kills)))
    assert run_child(path, visits, None)
    store = Store(f"sqlite:///{path}", SystemClock())
    names = sorted(f"t{number}" for number in range(visits))
    found = store.read(lambda conn: alerts.latest(conn, limit=10 * visits))
    assert sorted(one.tracks[0] for one in found) == names
    assert sorted(one.id for one in store.read(lambda conn: events.latest(conn, limit=10 * visits))) == names
    messages = store.read(lambda conn: conn.execute(select(notifications.c.alert)).scalars().all())
    assert sorted(messages) == sorted(one.id for one in found)
    kept = store.read(lambda conn: conn.execute(select(verdicts.c.track, verdicts.c.change)).all())
    assert len(kept) == len(set(kept))
    assert sum(one.state == "open" for one in found) == 1
    store.close()
