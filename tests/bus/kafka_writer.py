"""A publisher to be killed: `python -m tests.bus.kafka_writer ADDRESS PREFIX OUTBOX FIRST`.

Publishes observations of four cameras for ever and prints each number once `publish` has returned: from then on it must not be lost.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from redshank.bus.base import Topic
from redshank.bus.kafka import KafkaBus
from redshank.bus.kafka_settings import KafkaSettings
from redshank.clock import SystemClock
from tests.bus.samples import message

CAMERAS = 4


async def main(address: str, prefix: str, outbox: Path, first: int) -> None:
    clock = SystemClock()
    bus = KafkaBus(KafkaSettings.of(f"kafka://{address}/?prefix={prefix}"), outbox, clock)
    await bus.start()
    number = first
    while True:
        await bus.publish(Topic.OBSERVATIONS, message(number, f"cam{number % CAMERAS}", clock.now()))
        print(number, flush=True)
        number += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
