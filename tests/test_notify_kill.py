"""rel:T52, the webhook part: the sender is killed again and again while alerts are due."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Connection

from redshank.clock import SystemClock
from redshank.store import alerts, outbox
from redshank.store.base import Store
from tests.alert import sample
from tests.harness.sinks import WebhookSink


def kill_often(folder: Path, kills: int, between: int) -> str:
    """Kills after `between` further deliveries each, at random moments within the next; returns the figures."""
    clock, chance = SystemClock(), random.Random(1)
    database = folder / "redshank.db"
    store = Store(f"sqlite:////{database}", clock)
    count = (kills + 1) * between + kills * 3

    def work(conn: Connection) -> None:
        for number in range(count):
            alert = sample.alert(f"alert-{number:04}")
            alerts.save(conn, alert)
            outbox.queue(conn, outbox.Wanted(f"n-{number:04}", alert.id, "hook", "open", clock.now(), clock.now()))

    store.write(work).result(30)
    store.close()
    with WebhookSink() as sink:
        command = [sys.executable, "-m", "tests.alert.sender", str(database), str(sink.server.port)]
        for _ in range(kills):
            with subprocess.Popen(command) as sender:
                sink.wait(len(sink.inbox) + between, 30)
                clock.wait(chance.random() * 0.02)
                sender.kill()
        with subprocess.Popen(command) as sender:
            seen: set[str] = set()
            while len(seen) < count:
                seen = {request.headers["webhook-id"] for request in sink.wait(len(sink.inbox), 60)}
                assert sender.poll() is None
                clock.wait(0.05)
            sender.terminate()
        ids = Counter(request.headers["webhook-id"] for request in sink.inbox.items)
    lost = count - len(ids)
    repeats = sum(ids.values()) - len(ids)
    assert lost == 0
    assert repeats <= kills, f"{repeats} repeats after {kills} kills"
    return f"T52 webhook: {kills} kills, {count} alerts, {lost} lost, {repeats} repeats (same webhook-id)"


@pytest.mark.slow
def test_a_killed_sender_loses_nothing_and_repeats_at_most_one_message_per_kill(tmp_path: Path) -> None:
    print(kill_often(tmp_path, kills=5, between=5))


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_a_sender_killed_a_hundred_times_loses_nothing(tmp_path: Path) -> None:
    """rel:T52."""
    print(kill_often(tmp_path, kills=100, between=5))
