from __future__ import annotations

import asyncio

from redshank.bus.base import Topic
from redshank.bus.memory import MemoryBus
from tests.bus.samples import event_message, message


async def test_a_slow_reader_loses_the_oldest_observations_and_the_loss_is_counted() -> None:
    bus = MemoryBus(capacity=10)
    async with bus.subscribe([Topic.OBSERVATIONS], "judge") as messages:
        for n in range(25):
            await bus.publish(Topic.OBSERVATIONS, message(n))
        assert bus.stats() == {"published": 25, "acknowledged": 25, "dropped": 15, "parked": 0, "waiting": 10}
        assert [(await anext(messages)).seq for _ in range(10)] == list(range(15, 25))


async def test_events_are_never_dropped_publishing_waits_for_room() -> None:
    bus = MemoryBus(capacity=10)
    async with bus.subscribe([Topic.EVENTS, Topic.OBSERVATIONS], "web") as messages:

        async def publish_all() -> None:
            for n in range(25):
                await bus.publish(Topic.EVENTS, event_message(n))

        publishing = asyncio.create_task(publish_all())
        await asyncio.sleep(0)
        assert bus.stats()["waiting"] == 10
        assert not publishing.done()
        await bus.publish(Topic.OBSERVATIONS, message(1))  # the other rule is not held up
        got = [(await anext(messages)).id for _ in range(26)]
        await publishing
        assert [id_ for id_ in got if id_.startswith("event")] == [f"event-{n}" for n in range(25)]
        assert bus.stats()["dropped"] == 0


async def test_a_waiting_publisher_goes_on_when_the_full_reader_leaves() -> None:
    bus = MemoryBus(capacity=1)
    async with bus.subscribe([Topic.EVENTS], "web"):
        await bus.publish(Topic.EVENTS, event_message(1))
        publishing = asyncio.create_task(bus.publish(Topic.EVENTS, event_message(2)))
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await publishing


async def test_messages_of_two_topics_come_in_the_order_they_were_published() -> None:
    bus = MemoryBus()
    async with bus.subscribe([Topic.EVENTS, Topic.OBSERVATIONS], "web") as messages:
        for n in range(4):
            await bus.publish(Topic.EVENTS, event_message(n))
            await bus.publish(Topic.OBSERVATIONS, message(n))
        got = [(await anext(messages)).id for _ in range(8)]
    assert got == [id_ for n in range(4) for id_ in (f"event-{n}", f"yard-{n}")]


async def test_without_readers_nothing_is_kept() -> None:
    bus = MemoryBus()
    await bus.publish(Topic.EVENTS, event_message(1))
    async with bus.subscribe([Topic.EVENTS], "web"):
        assert bus.stats()["waiting"] == 0
