"""With `bus: kafka://…` a stock consumer on another terminal reads what happens, as the documented JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import confluent_kafka
import jsonschema

from redshank.clock import NS_PER_S
from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import CLOCK, Program, eventually
from tests.harness.broker import Broker
from tests.harness.fake_camera import FakeCamera

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "bus"
KINDS = {"observation", "event", "alert", "camera"}


def test_a_stock_consumer_reads_observations_events_alerts_and_camera_state(tmp_path: Path) -> None:
    clip = person_clip(tmp_path / "yard.mp4", 8, walks_in(2, leaves_s=6))
    with Broker() as broker, FakeCamera(clip) as camera:
        config = (
            f"cameras:\n  yard:\n    url: {camera.url}\nbus: kafka://{broker.address}/?prefix=site\n"
            f'security: {{allow_targets: ["127.0.0.1:{camera.port}", "{broker.address}"]}}\n'
        )
        with Program(tmp_path, config) as program:
            eventually(lambda: program.status.get("alerts", {}).get("total"), 40, "an alert")
            read = _consume(broker.address)
            code, _took_s = program.stop()
        assert code == 0
        assert program.said().count("Traceback") == 0
    for message in read:
        schema = json.loads((SCHEMAS / f"{message['kind']}.json").read_text())
        jsonschema.validate(message, schema)
    assert {message["kind"] for message in read} == KINDS
    assert {message["camera"] for message in read} == {"yard"}
    order = [(m["epoch"], m["seq"]) for m in read if m["kind"] == "observation"]
    assert order == sorted(set(order))


def _consume(address: str) -> list[dict[str, Any]]:
    """Until every kind has been read; 20 s at most."""
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": address, "group.id": "console", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["site.observations", "site.events", "site.alerts", "site.cameras"])
    found: list[dict[str, Any]] = []
    deadline = CLOCK.mono_ns() + 20 * NS_PER_S
    while {message["kind"] for message in found} != KINDS and CLOCK.mono_ns() < deadline:
        record = consumer.poll(0.2)
        if record is not None and record.error() is None:
            found.append(json.loads(record.value()))
    consumer.close()
    return found
