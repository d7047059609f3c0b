"""The bus over Kafka: durable local outbox → idempotent producer (acks=all) → readers that dedupe.

`publish` returns when the message is in the outbox on disk. One task commits what was published (everything that came while the last
commit ran goes into the next), one task sends it. The sender has at most one batch per partition under way and never starts a later
one before that is acknowledged, so a failure can repeat messages but never reorder those of a key. A broker that is
away only makes the outbox grow. Event loop, plus one thread for the outbox.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from redshank.bus.base import Envelope, Topic
from redshank.bus.kafka_reader import Reader
from redshank.bus.kafka_settings import DEAD_LETTERS, KafkaSettings, create_missing_topics
from redshank.bus.messages import LOSSY, MAX_BYTES, pack
from redshank.bus.outbox import Outbox, Row
from redshank.clock import Clock
from redshank.errors import BusError

log = logging.getLogger(__name__)
T = TypeVar("T")
_BATCH_ROWS = 500
_PENDING = 1000
"""Publishers that may wait for one commit; more of them wait their turn."""
_BACKOFF_S = (0.25, 5.0)


class KafkaBus:
    """See `bus.base.Bus`. `outbox`: path of its SQLite file; one bus owns it."""

    def __init__(self, settings: KafkaSettings, outbox: Path, clock: Clock) -> None:
        self._settings = settings
        self._path = outbox
        self._clock = clock
        self._outbox: Outbox | None = None
        self._disk = ThreadPoolExecutor(1, "bus-outbox")
        self._pending: list[tuple[Row, asyncio.Future[None]]] = []
        self._room = asyncio.Semaphore(_PENDING)
        self._published = asyncio.Event()
        self._kept = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._readers: set[Reader] = set()
        self._producer: AIOKafkaProducer | None = None
        self._alone = False
        """True after a batch was too large: rows go one by one until the guilty one is found."""
        self._counts = {"published": 0, "acknowledged": 0, "dropped": 0, "parked": 0, "connected": 0}

    async def start(self) -> None:
        """Raises BusError when the outbox cannot be opened, ConfigError for a wrong certificate; never for an absent broker."""
        if self._outbox is not None:
            return
        self._settings.connection()
        self._outbox = await self._on_disk(lambda: Outbox(self._path, self._settings.outbox_bytes))
        self._tasks = [asyncio.create_task(self._keep()), asyncio.create_task(self._send())]

    async def publish(self, topic: Topic, envelope: Envelope) -> None:
        lossy = topic in LOSSY
        key = envelope.camera if lossy else envelope.site
        await self._store(Row(topic, key, self._clock.now() // 1000, lossy, pack(envelope)))
        self._counts["published"] += 1

    def subscribe(self, topics: Sequence[Topic], group: str) -> AbstractAsyncContextManager[AsyncIterator[Envelope]]:
        return self._subscribe([self._settings.topic(topic) for topic in topics], group)

    def stats(self) -> Mapping[str, int]:
        waiting = self._outbox.waiting if self._outbox else 0
        return {**self._counts, "waiting": waiting + len(self._pending)}

    def settings(self) -> Mapping[str, object]:
        """What delivery rests on, read back from the live clients and the live database (rel:T35)."""
        found: dict[str, object] = {}
        if self._outbox is not None:
            found |= {f"outbox.{name}": value for name, value in self._outbox.settings().items()}
        if self._producer is not None:
            found["producer.acks"] = self._producer._sender._acks
            found["producer.idempotence"] = self._producer._txn_manager is not None
        commits = {reader.auto_commit for reader in self._readers} - {None}
        if commits:
            found["consumer.auto_commit"] = True in commits
        return found

    async def stop(self) -> None:
        for reader in self._readers:
            reader.end()
        tasks, self._tasks = self._tasks, []
        if not tasks:
            return
        self._published.set()  # what was accepted is committed first
        tasks[1].cancel()
        await asyncio.wait(tasks)
        outbox, self._outbox = self._outbox, None
        if outbox is not None:
            await self._on_disk(outbox.close)
        self._disk.shutdown()
        for task in tasks:
            if not task.cancelled():
                task.result()

    @asynccontextmanager
    async def _subscribe(self, topics: Sequence[str], group: str) -> AsyncIterator[AsyncIterator[Envelope]]:
        reader = Reader(self._settings, topics, group, self._clock, self._park)
        self._readers.add(reader)
        failed = True
        try:
            yield reader
            failed = False
        finally:
            await reader.close(handled=not failed)
            self._readers.discard(reader)

    async def _store(self, row: Row) -> None:
        async with self._room:
            if not self._tasks or any(task.done() for task in self._tasks):
                raise BusError("the bus is not running")
            done = asyncio.get_running_loop().create_future()
            self._pending.append((row, done))
            self._published.set()
            await done

    async def _park(self, topic: str, reason: str, letter: bytes) -> None:
        """A message nobody can read: into the dead-letter topic, counted, logged."""
        self._counts["parked"] += 1
        log.warning("message parked", extra={"topic": topic, "reason": reason})
        try:
            await self._store(Row(DEAD_LETTERS, topic, self._clock.now() // 1000, True, letter))
        except BusError as error:
            log.error("dead letter lost", extra={"reason": str(error)})

    async def _keep(self) -> None:
        """Group commit, until `stop` and nothing is left."""
        outbox = self._outbox
        assert outbox is not None
        while self._tasks or self._pending:
            await self._published.wait()
            self._published.clear()
            batch, self._pending = self._pending, []
            rows = [row for row, _ in batch]
            error: BusError | None = None
            try:
                self._counts["dropped"] += await self._on_disk(lambda: outbox.append(rows))  # noqa: B023 (awaited here)
            except BusError as reason:
                error = reason
            for _, done in batch:
                if not done.done():
                    done.set_exception(error) if error else done.set_result(None)
            self._kept.set()

    async def _send(self) -> None:
        """For ever: connect, drain, and after a failure wait and begin again with the oldest unacknowledged message."""
        wait, reason = _BACKOFF_S[0], ""
        while True:
            try:
                async with self._connected() as producer:
                    log.info("broker connected", extra={"servers": self._settings.servers})
                    reason = ""
                    while True:
                        await self._send_once(producer)
                        wait = _BACKOFF_S[0]
            except (KafkaError, OSError, TimeoutError, BusError) as error:
                if repr(error) != reason:
                    reason = repr(error)
                    log.warning("broker away", extra={"reason": reason, "waiting": self.stats()["waiting"]})
            await self._clock.sleep(wait)
            wait = min(wait * 2, _BACKOFF_S[1])

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AIOKafkaProducer]:
        if self._settings.create_topics:
            await create_missing_topics(self._settings)
        producer = AIOKafkaProducer(
            **self._settings.connection(),
            acks="all",
            enable_idempotence=True,
            max_batch_size=2 * MAX_BYTES,
            max_request_size=4 * MAX_BYTES,
            request_timeout_ms=5000,
            retry_backoff_ms=250,
        )
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                await producer.start()
            self._producer = producer
            self._counts["connected"] = 1
            yield producer
        finally:
            self._producer = None
            self._counts["connected"] = 0
            await _give_up(producer)

    async def _send_once(self, producer: AIOKafkaProducer) -> None:
        """Send the oldest rows and forget those acknowledged; wait when there are none."""
        outbox = self._outbox
        assert outbox is not None
        self._kept.clear()
        rows = await self._on_disk(lambda: outbox.first(1 if self._alone else _BATCH_ROWS, MAX_BYTES))
        if not rows:
            self._alone = False
            await self._kept.wait()
            return
        async with asyncio.timeout(self._settings.send_timeout_s):
            batches = await self._by_partition(producer, rows)
            sent = [(ids, await _submit(producer, *place, part)) for place, (ids, part) in batches.items()]
        # Not cancelled when time is up: aiokafka's sender would stumble over a batch that was.
        late = (await asyncio.wait([future for _, future in sent], timeout=self._settings.send_timeout_s))[1]
        results = [TimeoutError("no answer") if future in late else future.exception() for _, future in sent]
        done = [id_ for (ids, _), error in zip(sent, results, strict=True) if error is None for id_ in ids]
        await self._on_disk(lambda: outbox.remove(done))
        self._counts["acknowledged"] += len(done)
        for error in results:
            if isinstance(error, MessageSizeTooLargeError):
                await self._too_large(outbox, rows, error)
            elif error is not None:
                raise error

    async def _too_large(self, outbox: Outbox, rows: Sequence[Row], error: MessageSizeTooLargeError) -> None:
        """Find the message the broker refuses by sending one at a time, and give only that one up."""
        if self._alone:
            await self._on_disk(lambda: outbox.remove([rows[0].id]))
            self._counts["parked"] += 1
            log.error(
                "message refused", extra={"topic": rows[0].topic, "bytes": len(rows[0].body), "reason": repr(error)}
            )
        self._alone = not self._alone
        raise error  # also gives the producer up: its sequence numbers now have a hole

    async def _by_partition(
        self, producer: AIOKafkaProducer, rows: Iterable[Row]
    ) -> Mapping[tuple[str, int], tuple[list[int], Any]]:
        """Rows in order, as one batch for each (topic, partition); the partition follows from the key as in any Kafka client."""
        batches: dict[tuple[str, int], tuple[list[int], Any]] = defaultdict(lambda: ([], producer.create_batch()))
        for row in rows:
            topic = self._settings.topic(row.topic)
            partitions = sorted(await producer.partitions_for(topic))
            ids, batch = batches[topic, DefaultPartitioner()(row.key.encode(), partitions, partitions)]
            # A full batch takes nothing more, so what does not fit stays, with all that follows it, for the next round.
            if batch.append(key=row.key.encode(), value=row.body, timestamp=row.time_ms) is not None:
                ids.append(row.id)
        return batches

    async def _on_disk(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


async def _give_up(producer: AIOKafkaProducer) -> None:
    """Stop without the wait of `stop` for every batch, also for those a dead broker will never take: they are in the outbox."""
    producer._closed = True
    sending = producer._sender.sender_task if producer._sender is not None else None
    if sending is not None:
        sending.cancel()
        await asyncio.wait((sending,))
        if not sending.cancelled() and sending.exception() is not None:
            log.warning("producer failed", extra={"reason": repr(sending.exception())})
    await producer.client.close()


async def _submit(producer: AIOKafkaProducer, topic: str, partition: int, batch: Any) -> asyncio.Future[Any]:
    batch.close()
    future: asyncio.Future[Any] = await producer.send_batch(batch, topic, partition=partition)
    return future
