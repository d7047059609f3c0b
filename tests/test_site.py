"""A site without any camera, running: what `reload` makes of its file. No process is started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from redshank import status
from redshank.clock import SystemClock
from redshank.configuration import LAST_GOOD, Configuration
from redshank.site import Site

CLOCK = SystemClock()
BASE = "web: {enabled: false}\nbackup: {enabled: false}\n"
RULE = "rules: {visit: {labels: person, cooldown: 60}}\n"


class Running:
    """The site, its file, and what it says of itself."""

    def __init__(self, site: Site, file: Path, data: Path) -> None:
        self.site, self.file, self.data = site, file, data

    @property
    def status(self) -> dict[str, Any]:
        return status.read(self.data) or {}

    async def until(self, look: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not look():
                await CLOCK.sleep(0.05)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    file, data = tmp_path / "redshank.yaml", tmp_path / "data"
    file.write_text(BASE)
    with status.owned(data):
        configuration = Configuration(file, data, CLOCK, {})
        site = Site(configuration.first(), data, CLOCK, None, configuration=configuration)
        task = asyncio.create_task(site.run())
        found = Running(site, file, data)
        await found.until(lambda: found.status)
        yield found
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_without_a_camera_it_runs_and_says_what_to_do(running: Running) -> None:
    assert (running.status["setup"], running.status["ok"], running.status["cameras"]) == (True, False, [])
    assert str(running.file) in running.status["problems"][0]
    assert running.status["processes"] == {}


async def test_a_process_that_runs_only_when_it_is_needed_is_told_while_it_runs(running: Running) -> None:
    await running.site._show.studio.ask("card", {"caption": "nothing"}, b"")
    await running.until(lambda: running.status["processes"])
    ((name, told),) = running.status["processes"].items()
    assert (name, told["starts"]) == ("studio-0", 1)
    assert told["pid"]


async def test_what_was_saved_holds_when_reload_returns(running: Running) -> None:
    running.file.write_text(BASE + RULE)
    done = await running.site.reload("the test says so")
    assert (done.used, done.live, done.restart, done.problems) == (True, ("rules.visit",), (), ())
    assert (running.data / LAST_GOOD).read_text() == BASE + RULE
    assert (await running.site.reload("again")).live == ()


async def test_any_other_thread_may_ask_for_it(running: Running) -> None:
    running.file.write_text(BASE + RULE)
    done = await asyncio.to_thread(running.site.reload_now, "from a thread")
    assert done.live == ("rules.visit",)


async def test_two_at_once_are_done_one_after_the_other(running: Running) -> None:
    running.file.write_text(BASE + RULE)
    done = await asyncio.gather(*[running.site.reload("at once") for _ in range(5)])
    assert sorted(one.live for one in done) == [(), (), (), (), ("rules.visit",)]


async def test_what_waits_for_a_restart_is_told_until_it_is_put_back(running: Running) -> None:
    running.file.write_text(BASE + "bus: kafka://kafka:9092\n")
    assert (await running.site.reload("")).restart == ("bus.url",)
    await running.until(lambda: running.status["pending"] == ["bus.url"])
    running.file.write_text(BASE + RULE)
    done = await running.site.reload("")
    assert (done.live, done.restart) == (("rules.visit",), ())


async def test_a_mistake_changes_nothing_and_is_told_until_it_is_corrected(running: Running) -> None:
    running.file.write_text(BASE + RULE)
    await running.site.reload("")
    running.file.write_text(BASE + RULE.replace("60", "soon"))
    done = await running.site.reload("")
    assert (done.used, done.live) == (False, ())
    assert "soon" in done.problems[0]
    assert running.site.config.rules["visit"].cooldown == 60
    assert (running.data / LAST_GOOD).read_text() == BASE + RULE
    await running.until(lambda: any("is not used" in line for line in running.status["problems"]))
    running.file.write_text(BASE + RULE)
    assert (await running.site.reload("")).used
    await running.until(lambda: all("is not used" not in line for line in running.status["problems"]))


async def test_the_file_is_looked_at_by_itself(running: Running) -> None:
    running.file.write_text(BASE + RULE)
    await running.until(lambda: running.site.config.rules)


async def test_a_channel_with_the_same_settings_stays_open_and_another_secret_is_another_channel(
    running: Running,
) -> None:
    mail = "channels: {mail: {type: email, host: h.example.org, sender: a@b.c, to: a@b.c, user: me, password: %s}}\n"
    running.file.write_text(BASE + mail % "old")
    assert (await running.site.reload("")).live == ("channels.mail",)
    first = running.site.notifier.health()
    assert set(first) == {"mail"}
    running.file.write_text(BASE + RULE + mail % "old")
    await running.site.reload("")
    running.file.write_text(BASE + RULE + mail % "new")
    assert (await running.site.reload("")).live == ("channels.mail.password",)
    running.file.write_text(BASE)
    assert (await running.site.reload("")).live == ("rules.visit", "channels.mail")
    assert running.site.notifier.health() == {}
