"""One member of a consumer group, on the event loop.

A message counts as handled when its reader asks for the next one, or leaves without an exception; offsets of handled messages are
committed twice a second, so a crash or a change of members repeats about that much. A group that has never committed begins
with what was published since it subscribed (by record timestamp), also when the broker was away then. What cannot be read is
parked and skipped.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from redshank.bus.base import VERSION, Envelope
from redshank.bus.kafka_settings import KafkaSettings, create_missing_topics
from redshank.bus.messages import MAX_BYTES, Unreadable, unpack
from redshank.clock import NS_PER_S, Clock, rfc3339

log = logging.getLogger(__name__)
Park = Callable[[str, str, bytes], Awaitable[None]]
"""Topic, reason, dead letter."""
_COMMIT_EVERY_NS = NS_PER_S // 2
_POLL_MS = 500
_LEAVE_S = 5
_BACKOFF_S = (0.25, 5.0)
_KEPT_BODY = 100_000
"""Of a dead letter's original at most this many bytes are kept."""


class Reader:
    """An async iterator. Connects at the first message asked for, and again whenever the broker was away."""

    def __init__(self, settings: KafkaSettings, topics: Sequence[str], group: str, clock: Clock, park: Park) -> None:
        self._settings = settings
        self._topics = topics
        self._group = f"{settings.prefix}.{group}"
        self._clock = clock
        self._park = park
        self._since_ms = clock.now() // 1000
        self._consumer: AIOKafkaConsumer | None = None
        self._fetched: deque[Any] = deque()
        self._current: Any = None
        self._handled: dict[TopicPartition, int] = {}
        """Offsets to commit: the next one to read."""
        self._committed_ns = clock.mono_ns()
        self._ended = asyncio.Event()

    @property
    def auto_commit(self) -> bool | None:
        """Of the live client; None while there is none."""
        return None if self._consumer is None else bool(self._consumer._enable_auto_commit)

    def end(self) -> None:
        """The iteration ends; from any coroutine."""
        self._ended.set()

    async def close(self, handled: bool) -> None:
        """Commit and leave the group. `handled`: whether the last message given out was."""
        self.end()
        if handled:
            self._finish_current()
        await self._disconnect(commit=True)

    def __aiter__(self) -> AsyncIterator[Envelope]:
        return self

    async def __anext__(self) -> Envelope:
        self._finish_current()
        while not self._ended.is_set():
            if not self._fetched:
                await self._unless_ended(self._fetch())
                continue
            record = self._fetched.popleft()
            self._current = record
            try:
                return unpack(record.value or b"")
            except Unreadable as error:
                await self._park(record.topic, str(error), _dead_letter(record, str(error), self._clock.now()))
                self._finish_current()
        raise StopAsyncIteration

    def _finish_current(self) -> None:
        record, self._current = self._current, None
        if record is not None:
            self._handled[TopicPartition(record.topic, record.partition)] = record.offset + 1

    async def _unless_ended(self, work: Coroutine[Any, Any, None]) -> None:
        task, ended = asyncio.create_task(work), asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait((task, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            task.cancel()
            await asyncio.wait((task, ended))
        if not task.cancelled():
            task.result()

    async def _fetch(self) -> None:
        """Wait for messages, at most a moment; connect first where needed; commit in passing."""
        if self._consumer is None:
            await self._connect()
        assert self._consumer is not None
        try:
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=200)
            for records in fetched.values():
                self._fetched.extend(records)
            if not fetched or self._clock.mono_ns() - self._committed_ns > _COMMIT_EVERY_NS:
                await self._commit(self._consumer)
        except KafkaError as error:
            log.warning("broker away", extra={"group": self._group, "reason": repr(error)})
            await self._disconnect(commit=False)

    async def _connect(self) -> None:
        wait, reason = _BACKOFF_S[0], ""
        while self._consumer is None:
            consumer = AIOKafkaConsumer(
                **self._settings.connection(),
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="latest",
                max_partition_fetch_bytes=2 * MAX_BYTES,
                session_timeout_ms=6_000,
                heartbeat_interval_ms=500,
                metadata_max_age_ms=5_000,
                request_timeout_ms=15_000,
                retry_backoff_ms=250,
            )
            try:
                if self._settings.create_topics:
                    await create_missing_topics(self._settings)
                consumer.subscribe(self._topics, listener=_Rebalance(self, consumer))
                await consumer.start()
                self._consumer = consumer
                return
            except (KafkaError, OSError, TimeoutError) as error:
                if repr(error) != reason:
                    reason = repr(error)
                    log.warning("broker away", extra={"group": self._group, "reason": reason})
            finally:
                if self._consumer is None:
                    await consumer.stop()  # never joined: only its connections are closed
            await self._clock.sleep(wait)
            wait = min(wait * 2, _BACKOFF_S[1])

    async def _disconnect(self, commit: bool) -> None:
        consumer, self._consumer = self._consumer, None
        self._fetched.clear()
        if consumer is None:
            return
        leaving = asyncio.create_task(self._leave(consumer, commit))
        done, _ = await asyncio.wait((leaving,), timeout=_LEAVE_S)
        if not done:
            leaving.cancel()
            await asyncio.wait((leaving,))
        if leaving.cancelled() or leaving.exception():
            # aiokafka lets a cancellation of its own tasks out of stop(), and then has not closed its connections.
            await consumer._client.close()
            log.info("left the group without the broker", extra={"group": self._group})

    async def _leave(self, consumer: AIOKafkaConsumer, commit: bool) -> None:
        if commit:
            await self._commit(consumer)
        await consumer.stop()

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        """Not committing costs repeated messages after a restart, nothing else.

        Never while the group is being shared out anew: Kafka would refuse or take it, but noida-db 0.2.3 counts its generation up at
        once, aiokafka then forgets its member id, and the group waits for ever for a leader that is gone. Hence a heartbeat first.
        """
        self._committed_ns = self._clock.mono_ns()
        mine = consumer.assignment()
        offsets = {partition: offset for partition, offset in self._handled.items() if partition in mine}
        if not offsets or not await _in_step(consumer):
            return
        try:
            await consumer.commit(offsets)
            self._handled.clear()
        except (KafkaError, IllegalStateError) as error:
            log.info("offsets not committed", extra={"group": self._group, "reason": repr(error)})

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        gone = set(partitions)
        self._fetched = deque(r for r in self._fetched if TopicPartition(r.topic, r.partition) not in gone)
        self._handled = {partition: offset for partition, offset in self._handled.items() if partition not in gone}

    async def assigned(self, consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
        """Partitions this group never committed begin at the time of subscription."""
        fresh = [p for p in partitions if await consumer.committed(p) is None]
        if not fresh:
            return
        # The ends first: what comes while we look up times must not be skipped.
        ends = await consumer.end_offsets(fresh)
        found = await consumer.offsets_for_times(dict.fromkeys(fresh, self._since_ms))
        for partition in fresh:
            first = found.get(partition)
            consumer.seek(partition, ends[partition] if first is None else min(first.offset, ends[partition]))


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka carries no types
    def __init__(self, reader: Reader, consumer: AIOKafkaConsumer) -> None:
        self._reader = reader
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._reader.revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._reader.assigned(self._consumer, assigned)


async def _in_step(consumer: AIOKafkaConsumer) -> bool:
    """Whether the broker still counts us in the present generation of the group; no public call tells."""
    coordinator = consumer._coordinator
    return bool(await coordinator._do_heartbeat()) and not coordinator.need_rejoin(consumer._subscription.subscription)


def _dead_letter(record: Any, reason: str, now: int) -> bytes:
    body = record.value or b""
    letter = {
        "v": VERSION,
        "reason": reason,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "time": rfc3339(now),
        "bytes": len(body),
        "body": base64.b64encode(body[:_KEPT_BODY]).decode(),
    }
    return json.dumps(letter, separators=(",", ":")).encode()
