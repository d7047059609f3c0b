"""The broker starts, keeps its records through a restart, and is gone afterwards."""

from __future__ import annotations

import socket

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.harness.broker import Broker


async def test_a_record_survives_a_restart() -> None:
    with Broker() as broker:
        producer = AIOKafkaProducer(bootstrap_servers=broker.address, acks="all", enable_idempotence=True)
        await producer.start()
        await producer.send_and_wait("t", b"value", key=b"key")
        await producer.stop()
        broker.stop()
        broker.start()
        consumer = AIOKafkaConsumer("t", bootstrap_servers=broker.address, auto_offset_reset="earliest")
        await consumer.start()
        record = await consumer.getone()
        await consumer.stop()
        assert (record.key, record.value) == (b"key", b"value")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", broker.port), 1)
