"""What only Kafka can get wrong: settings, absence of the broker, poison, crashes."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import confluent_kafka
import jsonschema
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from redshank.bus.base import Envelope, Topic
from redshank.bus.kafka import KafkaBus
from redshank.bus.kafka_settings import KafkaSettings
from redshank.bus.messages import TOPICS, Value, envelope, pack, unpack
from redshank.bus.seen import Seen
from redshank.clock import SystemClock
from redshank.errors import BusError, ConfigError
from tests.bus.kafka_writer import CAMERAS
from tests.bus.samples import alert, camera_state, event, event_message, message, observation
from tests.harness.broker import Broker, free_port

CLOCK = SystemClock()
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


@pytest.fixture
def prefix() -> str:
    return f"t{CLOCK.mono_ns()}"


@asynccontextmanager
async def running(address: str, prefix: str, outbox: Path, send_timeout_s: float = 15) -> AsyncIterator[KafkaBus]:
    settings = KafkaSettings.of(f"kafka://{address}/?prefix={prefix}", send_timeout_s=send_timeout_s)
    bus = KafkaBus(settings, outbox, CLOCK)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def drained(bus: KafkaBus, within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while bus.stats()["waiting"]:
            await CLOCK.sleep(0.02)


async def one(messages: AsyncIterator[Envelope]) -> Envelope:
    return await anext(messages)


def consume(address: str, topics: list[str], count: int) -> list[confluent_kafka.Message]:
    """What another Kafka client reads from the beginning; blocks at most 20 s."""
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": address, "group.id": f"console-{CLOCK.mono_ns()}", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(topics)
    found: list[confluent_kafka.Message] = []
    deadline = CLOCK.mono_ns() + 20 * 10**9
    while len(found) < count and CLOCK.mono_ns() < deadline:
        record = consumer.poll(0.2)
        if record is not None and record.error() is None:
            found.append(record)
    consumer.close()
    return found


async def test_delivery_rests_on_safe_settings_read_back_from_the_live_clients(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    """rel:T35"""
    async with (
        running(broker.address, prefix, tmp_path / "o.db") as bus,
        bus.subscribe([Topic.EVENTS], "web") as messages,
        asyncio.timeout(20),
    ):
        await bus.publish(Topic.EVENTS, event_message(1))
        await anext(messages)
        assert bus.settings() == {
            "outbox.journal_mode": "wal",
            "outbox.synchronous": "2",
            "producer.acks": -1,
            "producer.idempotence": True,
            "consumer.auto_commit": False,
        }


async def test_a_stock_consumer_reads_the_documented_json(broker: Broker, prefix: str, tmp_path: Path) -> None:
    values: list[Value] = [observation(), camera_state(), event(), alert()]
    async with running(broker.address, prefix, tmp_path / "o.db") as bus:
        for value in values:
            sent = envelope(value, f"id-{type(value).__name__}", CLOCK.now())
            await bus.publish(TOPICS[sent.kind], sent)
        await drained(bus)
        topics = [f"{prefix}.{topic}" for topic in Topic]
        records = await asyncio.to_thread(consume, broker.address, topics, 4)
    keys = {record.topic().removeprefix(f"{prefix}."): record.key() for record in records}
    assert keys == {"observations": b"yard", "cameras": b"yard", "events": b"default", "alerts": b"default"}
    for record in records:
        body = json.loads(record.value())
        schema = json.loads((ROOT / f"docs/reference/bus/{body['kind']}.json").read_text(encoding="utf-8"))
        jsonschema.validate(body, schema)
        assert record.topic() == f"{prefix}.{TOPICS[body['kind']]}"


async def test_poison_is_parked_at_once_and_delays_nobody(broker: Broker, prefix: str, tmp_path: Path) -> None:
    """rel:T41: bad schema, wrong version, 10 MB; each parked within a second with its reason, the next message within one too."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    large = {"max.message.bytes": "20000000"}
    await admin.create_topics([NewTopic(f"{prefix}.events", 1, 1, topic_configs=large)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, max_request_size=20_000_000)
    await producer.start()
    poison = {
        b"not json": "not JSON",
        b'{"v":1,"kind":"event","id":7}': "id: expected str",
        b'{"v":99,"kind":"event"}': "version '99'",
        b"x" * 10_000_000: "10000000 bytes",
    }
    async with (
        running(broker.address, prefix, tmp_path / "o.db") as bus,
        bus.subscribe([Topic.EVENTS], "web") as messages,
        asyncio.timeout(50),
    ):
        await bus.publish(Topic.EVENTS, event_message(0))
        await anext(messages)
        for number, body in enumerate(poison, 1):
            following = asyncio.create_task(one(messages))
            await producer.send_and_wait(f"{prefix}.events", body)
            await producer.send_and_wait(f"{prefix}.events", pack(event_message(number)))
            begun = CLOCK.mono_ns()
            assert (await following).id == f"event-{number}"
            assert CLOCK.mono_ns() - begun < 10**9
            assert bus.stats()["parked"] == number
        await drained(bus)
        letters = await asyncio.to_thread(consume, broker.address, [f"{prefix}.dead-letters"], len(poison))
    await producer.stop()
    found = [json.loads(record.value()) for record in letters]
    for letter, (body, reason) in zip(found, poison.items(), strict=True):
        assert reason in letter["reason"]
        assert letter["bytes"] == len(body)
        assert base64.b64decode(letter["body"]) == body[:100_000]


async def test_a_broker_that_is_away_at_the_start_gets_everything_later(tmp_path: Path) -> None:
    port = free_port()
    async with (
        running(f"127.0.0.1:{port}", "late", tmp_path / "o.db") as bus,
        bus.subscribe([Topic.EVENTS], "web") as messages,
        asyncio.timeout(40),
    ):
        reading = asyncio.create_task(one(messages))
        for n in range(50):
            await bus.publish(Topic.EVENTS, event_message(n))
        assert bus.stats()["waiting"] == 50
        with Broker(port=port):
            got = [(await reading).id, *[(await anext(messages)).id for _ in range(49)]]
            assert got == [f"event-{n}" for n in range(50)]
            await drained(bus)


async def test_a_bus_without_its_broker_stops_at_once_and_keeps_what_it_has(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with running(address, "never", tmp_path / "o.db") as bus:
        async with bus.subscribe([Topic.EVENTS], "web") as messages:
            reading = asyncio.create_task(anext(messages, None))
            await bus.publish(Topic.EVENTS, event_message(1))
            begun = CLOCK.mono_ns()
            await bus.stop()
            assert await reading is None
        assert CLOCK.mono_ns() - begun < 5 * 10**9
    async with running(address, "never", tmp_path / "o.db") as again:
        assert again.stats()["waiting"] == 1


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
async def test_an_outage_loses_nothing_repeats_nothing_and_keeps_the_order(fault: str, tmp_path: Path) -> None:
    """rel:T38, short, with a client that gives its connection up several times meanwhile.

    Not killed: noida-db 0.2.3 then forgets topics it made half a second before, and no client can mend that.
    """
    await outage(tmp_path, fault, 2.5, send_timeout_s=0.7)


@pytest.mark.torture
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("minutes", [5, 15])
async def test_a_long_outage_loses_nothing_and_is_caught_up_quickly(minutes: int, tmp_path: Path) -> None:
    """rel:T38 at full length: past the clients' time-outs of two and five minutes; drained at ten times the live rate."""
    await outage(tmp_path, "stopped", minutes * 60)


async def outage(tmp_path: Path, fault: str, seconds: float, send_timeout_s: float = 15) -> None:
    """8 cameras, 160 observations a second, the broker gone for a while."""
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker") as broker:
        async with (
            running(broker.address, "outage", tmp_path / "o.db", send_timeout_s) as bus,
            bus.subscribe([Topic.OBSERVATIONS], "judge") as messages,
            asyncio.timeout(seconds * 1.2 + 50),
        ):
            got: list[Envelope] = []
            reading = asyncio.create_task(collect(messages, got))
            sent = await publish_steadily(bus, 0, 0.5)
            broker.pause() if fault == "frozen" else broker.stop()
            sent = await publish_steadily(bus, sent, seconds)
            waiting = bus.stats()["waiting"]
            assert waiting > 0
            assert on_disk(tmp_path) <= 200_000_000
            broker.resume() if fault == "frozen" else broker.start()
            async with asyncio.timeout(10 + waiting / 1600):
                while bus.stats()["waiting"]:
                    await CLOCK.sleep(0.05)
            sent = await publish_steadily(bus, sent, 0.5)
            while len(got) < 8 * sent:
                await CLOCK.sleep(0.05)
            reading.cancel()
            assert bus.stats()["dropped"] == 0
    for camera in range(8):
        assert [e.seq for e in got if e.camera == f"cam{camera}"] == list(range(sent))


def on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("o.db*"))


async def publish_steadily(bus: KafkaBus, first: int, seconds: float) -> int:
    """20 observations a second from each of 8 cameras; the next number."""
    number = first
    for number in range(first, first + round(seconds * 20)):
        await asyncio.gather(*(bus.publish(Topic.OBSERVATIONS, message(number, f"cam{c}")) for c in range(8)))
        await CLOCK.sleep(0.05)
    return number + 1


async def collect(messages: AsyncIterator[Envelope], got: list[Envelope]) -> None:
    seen = Seen()
    async for received in messages:
        if seen.is_new(received):
            got.append(received)


async def test_a_publisher_killed_again_and_again_loses_nothing(broker: Broker, prefix: str, tmp_path: Path) -> None:
    """rel:T39, three rounds; the hundred are in the torture set."""
    await kill_rounds(broker, prefix, tmp_path, 3)


@pytest.mark.torture
@pytest.mark.timeout(900)
async def test_a_publisher_killed_a_hundred_times_loses_nothing(broker: Broker, prefix: str, tmp_path: Path) -> None:
    """rel:T39"""
    await kill_rounds(broker, prefix, tmp_path, 100)


async def kill_rounds(broker: Broker, prefix: str, tmp_path: Path, rounds: int) -> None:
    random_ = random.Random(39)
    promised: list[int] = []
    for _ in range(rounds):
        first = promised[-1] + 1000 if promised else 0  # numbers under way at a kill are never used again
        arguments = [broker.address, prefix, str(tmp_path / "o.db"), str(first)]
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bus.kafka_writer", *arguments, stdout=subprocess.PIPE, cwd=ROOT
        )
        assert writer.stdout is not None
        for _ in range(random_.randrange(20, 200)):
            promised.append(int(await writer.stdout.readline()))
        writer.kill()
        promised += [int(line) for line in (await writer.stdout.read()).splitlines()]
        await writer.wait()
    async with running(broker.address, prefix, tmp_path / "o.db") as bus:
        await drained(bus)
    records = await asyncio.to_thread(consume_all, broker.address, f"{prefix}.observations")
    seen = Seen()
    kept = [e for e in records if seen.is_new(e)]
    assert set(promised) <= {e.seq for e in kept}
    for camera in range(CAMERAS):
        line = [e.seq for e in kept if e.camera == f"cam{camera}"]
        assert line == sorted(set(line))
        first_times = list(dict.fromkeys(e.seq for e in records if e.camera == f"cam{camera}"))
        assert first_times == line, "a repeated message never overtakes a new one"


def consume_all(address: str, topic: str) -> list[Envelope]:
    """Everything in the topic, by high-water marks."""
    probe = confluent_kafka.Consumer({"bootstrap.servers": address, "group.id": "probe"})
    partitions = probe.list_topics(topic, 10).topics[topic].partitions
    count = sum(probe.get_watermark_offsets(confluent_kafka.TopicPartition(topic, p), 10)[1] for p in partitions)
    probe.close()
    return [unpack(record.value()) for record in consume(address, [topic], count)]


async def test_a_message_the_broker_refuses_is_given_up_alone(broker: Broker, prefix: str, tmp_path: Path) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    await admin.create_topics([NewTopic(f"{prefix}.events", 1, 1, topic_configs={"max.message.bytes": "20000"})])
    await admin.close()
    large = replace(envelope(event(), "large", CLOCK.now()), data={"text": "x" * 50_000})
    async with (
        running(broker.address, prefix, tmp_path / "o.db") as bus,
        bus.subscribe([Topic.EVENTS], "web") as messages,
        asyncio.timeout(40),
    ):
        await bus.publish(Topic.EVENTS, event_message(1))
        await bus.publish(Topic.EVENTS, large)
        await bus.publish(Topic.EVENTS, event_message(2))
        assert [(await anext(messages)).id for _ in range(2)] == ["event-1", "event-2"]
        await drained(bus)
        assert bus.stats()["parked"] == 1


async def test_the_login_is_in_no_message(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = KafkaSettings.of(
        f"kafka://127.0.0.1:{free_port()}/?security=sasl_plaintext", user="redshank", password="hunter2"
    )
    assert "hunter2" not in repr(settings)
    bus = KafkaBus(settings, tmp_path / "o.db", CLOCK)
    await bus.start()
    async with asyncio.timeout(20):
        while not any(record.message == "broker away" for record in caplog.records):
            await CLOCK.sleep(0.05)
    await bus.stop()
    assert not any("hunter2" in f"{record.getMessage()} {record.__dict__}" for record in caplog.records)


async def test_publishing_needs_a_running_bus(tmp_path: Path) -> None:
    bus = KafkaBus(KafkaSettings.of("kafka://127.0.0.1:1"), tmp_path / "o.db", CLOCK)
    with pytest.raises(BusError, match="not running"):
        await bus.publish(Topic.EVENTS, event_message(1))


def test_an_address_says_where_and_how() -> None:
    settings = KafkaSettings.of("kafka://a,b:9093/?prefix=site1&security=ssl", outbox_bytes=5)
    assert settings.servers == ("a:9092", "b:9093")
    assert (settings.prefix, settings.security, settings.outbox_bytes) == ("site1", "ssl", 5)
    assert settings.topic("events") == "site1.events"


@pytest.mark.parametrize(
    "url",
    [
        "kafka://",
        "kafka://user:hunter2@host:9092/",
        "kafka://host:99999/",
        "kafka://host:9092/?prefx=a",
        "kafka://host:9092/?prefix=a/b",
        "kafka://host:9092/?security=tls",
        "nats://host:4222",
    ],
)
def test_a_wrong_address_is_one_line_without_a_login(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^bus\.url: ") as caught:
        KafkaSettings.of(url)
    assert "hunter2" not in str(caught.value)


def test_a_missing_certificate_authority_is_named() -> None:
    settings = KafkaSettings.of("kafka://host:9092/?security=ssl", ca_file=Path("/nowhere.pem"))
    with pytest.raises(ConfigError, match=r"/nowhere\.pem cannot be used"):
        settings.connection()
