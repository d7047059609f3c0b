"""A process to be killed: judges the same script over and over from its beginning, as a bus would deliver it again.

    python -m tests.judge_child DATABASE VISITS

Prints a line after each commit. Every visit is one person and must be one event, one alert and one message, however often and wherever
this process was killed before.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

from redshank.clock import SystemClock
from redshank.judge import Judge
from redshank.judgement import Changes, JudgeSettings
from redshank.model import Observation
from redshank.rules.rule import Rule
from redshank.store.base import Store
from tests.rules.script import box_at, ended, observe, track

RULE = Rule("person", labels=("person",), min_time_s=0.4, max_per_minute=1000)


def script(visits: int) -> Iterator[Observation]:
    """Every two seconds another person, on two cameras by turns; the last one stays."""
    for number in range(visits):
        camera, first = ("door", "yard")[number % 2], number * 10
        looks = [track(f"t{number}", first + i, start=first, box=box_at(0.1 + 0.1 * i, 0.8)) for i in range(6)]
        for i, one in enumerate(looks):
            yield observe(first + i, one, camera=camera)
        if number < visits - 1:
            yield observe(first + 6, ended(looks[-1], first + 6), camera=camera)


def hear(changes: Changes) -> None:
    print(len(changes.alerts), flush=True)


async def main(path: str, visits: int) -> None:
    store = Store(f"sqlite:///{path}", SystemClock())
    judge = Judge([RULE], store, SystemClock(), JudgeSettings(channels={"mail": False}), hear)
    await judge.start()
    for number, observation in enumerate(script(visits)):
        await judge.observe(observation)
        if number % 3 == 0:
            await judge.settle()
    await judge.stop()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
