"""One suite for every bus (`bus.base.Bus`): in process, and over Kafka with the broker of the wheel noida-db."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from redshank.bus.base import Bus, Envelope, Topic
from redshank.bus.kafka import KafkaBus
from redshank.bus.kafka_settings import KafkaSettings
from redshank.bus.memory import MemoryBus
from redshank.bus.seen import Seen
from redshank.clock import SystemClock
from redshank.errors import BusError
from tests.bus.samples import event_message, message
from tests.harness.broker import Broker

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


@pytest.fixture(params=["memory", "kafka"])
async def bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bus]:
    made: Bus = MemoryBus()
    if request.param == "kafka":
        broker: Broker = request.getfixturevalue("broker")
        prefix = f"t{CLOCK.mono_ns()}"
        made = KafkaBus(KafkaSettings.of(f"kafka://{broker.address}/?prefix={prefix}"), tmp_path / "outbox.db", CLOCK)
    await made.start()
    yield made
    await made.stop()


def now(envelope: Envelope) -> Envelope:
    return replace(envelope, sent=CLOCK.now())


async def take(messages: AsyncIterator[Envelope], count: int) -> list[str]:
    """Ids of the next `count`; a bus that loses one fails here after 10 s."""
    async with asyncio.timeout(10):
        return [(await anext(messages)).id for _ in range(count)]


async def test_a_reader_gets_what_was_published_whole_and_in_order(bus: Bus) -> None:
    sent = [now(message(n)) for n in range(100)]
    async with bus.subscribe([Topic.OBSERVATIONS], "judge") as messages, asyncio.timeout(10):
        for envelope in sent:
            await bus.publish(Topic.OBSERVATIONS, envelope)
        assert [await anext(messages) for _ in sent] == sent


async def test_order_is_kept_for_each_camera(bus: Bus) -> None:
    async with bus.subscribe([Topic.OBSERVATIONS], "judge") as messages:
        for n in range(50):
            await asyncio.gather(*(bus.publish(Topic.OBSERVATIONS, now(message(n, f"cam{c}"))) for c in range(6)))
        got = await take(messages, 300)
    for c in range(6):
        assert [id_ for id_ in got if id_.startswith(f"cam{c}-")] == [f"cam{c}-{n}" for n in range(50)]


async def test_only_the_topics_asked_for_are_delivered(bus: Bus) -> None:
    async with bus.subscribe([Topic.EVENTS, Topic.ALERTS], "web") as messages:
        await bus.publish(Topic.OBSERVATIONS, now(message(1)))
        await bus.publish(Topic.EVENTS, now(event_message(1)))
        await bus.publish(Topic.ALERTS, now(event_message(2)))
        assert set(await take(messages, 2)) == {"event-1", "event-2"}


async def test_every_group_gets_everything(bus: Bus) -> None:
    async with bus.subscribe([Topic.EVENTS], "web") as web, bus.subscribe([Topic.EVENTS], "notify") as notify:
        for n in range(10):
            await bus.publish(Topic.EVENTS, now(event_message(n)))
        expected = [f"event-{n}" for n in range(10)]
        assert await take(web, 10) == expected
        assert await take(notify, 10) == expected


async def test_what_was_published_before_subscribing_is_not_delivered(bus: Bus) -> None:
    async with bus.subscribe([Topic.EVENTS], "early") as early:
        await bus.publish(Topic.EVENTS, now(event_message(1)))
        assert await take(early, 1) == ["event-1"]
        await CLOCK.sleep(0.002)  # records are timed in milliseconds
        async with bus.subscribe([Topic.EVENTS], "late") as late:
            await bus.publish(Topic.EVENTS, now(event_message(2)))
            assert await take(late, 1) == ["event-2"]


async def test_members_of_a_group_share_the_work_and_nothing_is_lost_when_one_leaves(bus: Bus) -> None:
    """The cameras of a member that leaves go to the others, in order; after dedupe each message was had once."""
    got: list[Envelope] = []
    seen = Seen()

    async def work(messages: AsyncIterator[Envelope]) -> None:
        async for envelope in messages:
            if seen.is_new(envelope):
                got.append(envelope)

    async def work_a_little(leaves: AsyncExitStack, messages: AsyncIterator[Envelope]) -> None:
        async with leaves:
            for _ in range(40):
                envelope = await anext(messages)
                if seen.is_new(envelope):
                    got.append(envelope)

    async with AsyncExitStack() as stack, asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        stays = await stack.enter_async_context(bus.subscribe([Topic.OBSERVATIONS], "judge"))
        leaves = AsyncExitStack()
        leaver = await leaves.enter_async_context(bus.subscribe([Topic.OBSERVATIONS], "judge"))
        staying = tasks.create_task(work(stays))
        leaving = tasks.create_task(work_a_little(leaves, leaver))
        n = 0
        while not leaving.done() or n < 60:
            for camera in range(8):
                await bus.publish(Topic.OBSERVATIONS, now(message(n, f"cam{camera}")))
            await CLOCK.sleep(0.01)
            n += 1
        while len(got) < 8 * n:
            await CLOCK.sleep(0.05)
        staying.cancel()
    for camera in range(8):
        assert [e.seq for e in got if e.camera == f"cam{camera}"] == list(range(n))


async def test_a_message_whose_reader_failed_is_had_by_another(bus: Bus) -> None:
    handled: list[str] = []
    heirs: list[str] = []

    async def inherit(messages: AsyncIterator[Envelope]) -> None:
        async for envelope in messages:
            heirs.append(envelope.id)

    async def fail(stack: AsyncExitStack, messages: AsyncIterator[Envelope]) -> None:
        async with stack:
            for _ in range(29):
                handled.append((await anext(messages)).id)
            await anext(messages)
            raise LookupError("the reader fails at its thirtieth message")

    async with AsyncExitStack() as stack, asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        stays = await stack.enter_async_context(bus.subscribe([Topic.OBSERVATIONS], "notify"))
        failing_stack = AsyncExitStack()
        fails = await failing_stack.enter_async_context(bus.subscribe([Topic.OBSERVATIONS], "notify"))
        failing = asyncio.create_task(fail(failing_stack, fails))
        heir = tasks.create_task(inherit(stays))
        n = 0
        while not failing.done():  # which camera goes to which member is the bus's affair: eight of them reach both
            for camera in range(8):
                await bus.publish(Topic.OBSERVATIONS, now(message(n, f"cam{camera}")))
            n += 1
            await CLOCK.sleep(0.02)
        with pytest.raises(LookupError):
            await failing
        sent = {f"cam{camera}-{i}" for camera in range(8) for i in range(n)}
        while not sent - set(handled) <= set(heirs):
            await CLOCK.sleep(0.02)
        heir.cancel()
    assert len(handled) == 29


async def test_an_unknown_version_is_parked_and_delays_nobody(bus: Bus) -> None:
    async with bus.subscribe([Topic.EVENTS], "web") as messages:
        await bus.publish(Topic.EVENTS, now(replace(event_message(1), v=2)))
        await bus.publish(Topic.EVENTS, now(event_message(2)))
        assert await take(messages, 1) == ["event-2"]
    assert bus.stats()["parked"] == 1


async def test_counters_tell_what_happened(bus: Bus) -> None:
    async with bus.subscribe([Topic.EVENTS], "web") as messages:
        for n in range(5):
            await bus.publish(Topic.EVENTS, now(event_message(n)))
        await take(messages, 5)
        async with asyncio.timeout(10):
            while bus.stats()["acknowledged"] < 5:
                await CLOCK.sleep(0.01)
    stats = bus.stats()
    assert (stats["published"], stats["waiting"], stats["dropped"], stats["parked"]) == (5, 0, 0, 0)


async def test_stopping_ends_readers_is_idempotent_and_refuses_more(bus: Bus) -> None:
    async with bus.subscribe([Topic.EVENTS], "web") as messages:
        reading = asyncio.create_task(anext(messages, None))
        await asyncio.sleep(0)
        await bus.stop()
        await bus.stop()
        async with asyncio.timeout(10):
            assert await reading is None
    with pytest.raises(BusError):
        await bus.publish(Topic.EVENTS, now(event_message(1)))
