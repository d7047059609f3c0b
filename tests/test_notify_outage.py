"""rel:T51: every receiver away at once, in each way a receiver can be away, with alerts due; then back.

Real channels, servers, proxy and database; only the hour of waiting is simulated. At full length (200 alerts, 1 h): `-m torture`.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection

from redshank.alert.base import Channel, Picture
from redshank.alert.compose import Composer, Site
from redshank.alert.email import EmailChannel, EmailSettings
from redshank.alert.slack import SlackChannel, SlackSettings
from redshank.alert.webhook import WebhookChannel, WebhookSettings
from redshank.blobs.disk import DiskBlobs
from redshank.clock import NS_PER_S, SystemClock
from redshank.model import Alert
from redshank.notify import Notifier
from redshank.notify_lane import Route
from redshank.store import alerts, outbox
from redshank.store.base import Store
from tests.alert import sample
from tests.alert.servers import local
from tests.harness.certificate import certificate
from tests.harness.clocks import FakeClock
from tests.harness.fault_proxy import FaultProxy
from tests.harness.sinks import SmtpSink, WebhookSink
from tests.harness.slack import SlackServer

FAULTS = ("refuse", "black_hole", "4xx", "5xx", "tls")
TIMEOUT_S = 1.0
"""Of each channel: short enough for many tries into a black hole, long enough for a busy machine."""
RETURN_S = 300
"""rel:T51: everything is delivered within 5 min of the return."""


@dataclass(frozen=True, slots=True)
class Target:
    """A channel with its receiver behind a proxy. `got`: ids of the alerts it accepted, in order."""

    channel: Channel
    proxy: FaultProxy
    got: Callable[[], list[str]]
    answer: Callable[[str], None]
    """Makes the receiver answer `4xx`, `5xx` or `ok`."""
    plain: Callable[[], None] | None
    """Puts a server without TLS in its place; None when the channel speaks to a plain one anyway."""
    back: Callable[[], None]


def mail_target(stack: ExitStack) -> Target:
    sink = stack.enter_context(SmtpSink("implicit"))
    proxy = stack.enter_context(FaultProxy(sink.port))
    ca_file = str(certificate().ca_file)
    settings = EmailSettings(
        "mail",
        "localhost",
        "cam@example.org",
        ("ann@example.org",),
        "tls",
        proxy.port,
        ca_file=ca_file,
        timeout_s=TIMEOUT_S,
    )
    replies = {"4xx": "451 later", "5xx": "554 no service", "ok": "250 OK"}
    wrong = SmtpSink("none", port=sink.port)

    def got() -> list[str]:
        return [re.findall(r"alert-\d{4}", mail.raw.decode())[0] for mail in sink.inbox.items]

    def plain() -> None:
        sink.refuse()
        wrong.__enter__()

    def back() -> None:
        wrong.__exit__(None, None, None)
        sink.accept()

    def answer(kind: str) -> None:
        sink.status = replies[kind]

    return Target(EmailChannel(settings, local), proxy, got, answer, plain, back)


def hook_target(stack: ExitStack) -> Target:
    sink = stack.enter_context(WebhookSink(tls=True))
    proxy = stack.enter_context(FaultProxy(sink.server.port))
    ca_file = str(certificate().ca_file)
    settings = WebhookSettings("hook", f"https://localhost:{proxy.port}/", ca_file=ca_file, timeout_s=TIMEOUT_S)
    refused: list[int] = [0]
    wrong = WebhookSink(port=sink.server.port)

    def answer(kind: str) -> None:
        sink.status = {"4xx": 404, "5xx": 503, "ok": 204}[kind]
        refused[0] = len(sink.inbox) if kind == "ok" else 0

    def got() -> list[str]:
        return [json.loads(request.body)["data"]["id"] for request in sink.inbox.items[refused[0] :]]

    def plain() -> None:
        sink.refuse()
        wrong.__enter__()

    def back() -> None:
        wrong.__exit__(None, None, None)
        sink.accept()

    return Target(WebhookChannel(settings, local, FakeClock()), proxy, got, answer, plain, back)


def slack_target(stack: ExitStack) -> Target:
    server = stack.enter_context(SlackServer())
    proxy = stack.enter_context(FaultProxy(server.server.port))
    settings = SlackSettings("chat", server.token, "C01", f"http://localhost:{proxy.port}/api", TIMEOUT_S)

    def answer(kind: str) -> None:
        server.retry_after_s = 30 if kind == "4xx" else 0
        server.errors = {"chat.postMessage": "internal_error"} if kind == "5xx" else {}

    def got() -> list[str]:
        return [re.findall(r"alert-\d{4}", message["text"])[0] for message in server.messages.items]

    return Target(SlackChannel(settings, local), proxy, got, answer, None, lambda: None)


def break_it(target: Target, fault: str) -> None:
    match fault:
        case "refuse" | "black_hole" as mode:
            target.proxy.set(mode)
        case "4xx" | "5xx":
            target.answer(fault)
        case "tls" if target.plain is not None:
            target.plain()


def mend(target: Target, fault: str) -> None:
    match fault:
        case "refuse" | "black_hole":
            target.proxy.set("pass")
        case "4xx" | "5xx":
            target.answer("ok")
        case "tls" if target.plain is not None:
            target.back()


def queue(store: Store, clock: FakeClock, number: int, channels: list[str]) -> None:
    alert = sample.alert(f"alert-{number:04}")

    def work(conn: Connection) -> None:
        alerts.save(conn, alert)
        for name in channels:
            outbox.queue(conn, outbox.Wanted(f"n-{name}-{number:04}", alert.id, name, "open", clock.now(), clock.now()))

    store.write(work).result(10)


async def idle(clock: FakeClock, lanes: int) -> None:
    """Until every lane waits for the clock."""
    async with asyncio.timeout(30):
        while sum(not future.done() for _, future in clock._sleepers) < lanes:  # noqa: ASYNC110 - work of other threads
            await asyncio.sleep(0.002)


async def outage(store: Store, folder: Path, fault: str, count: int, seconds: int) -> str:
    """Runs it and returns the figures."""

    async def no_picture(alert: Alert) -> Picture | None:
        return None

    clock, real = FakeClock(), SystemClock()
    with ExitStack() as stack:
        targets = [make(stack) for make in (mail_target, hook_target, slack_target)]
        names = [target.channel.name for target in targets]
        composer = Composer(Site(sample.BERLIN, {}), DiskBlobs(folder), no_picture)
        notifier = Notifier(store, [Route(target.channel) for target in targets], clock, composer)
        for target in targets:
            break_it(target, fault)
        task = asyncio.create_task(notifier.run())
        await idle(clock, len(targets))
        for number in range(count):
            queue(store, clock, number, names)
            notifier.wake()
        for _ in range(seconds // 5):
            await idle(clock, len(targets))
            clock.advance(5)
        await idle(clock, len(targets))
        tries = {name: health.failed for name, health in notifier.health().items()}
        for target in targets:
            mend(target, fault)
        waited, started = clock.mono_ns(), real.mono_ns()
        while any(len(target.got()) < count for target in targets):
            await idle(clock, len(targets))
            clock.advance(1)
            assert clock.mono_ns() - waited < RETURN_S * NS_PER_S, {t.channel.name: len(t.got()) for t in targets}
        took = (clock.mono_ns() - waited + real.mono_ns() - started) / NS_PER_S
        notifier.stop()
        await task
        await notifier.close()
        expected = [f"alert-{number:04}" for number in range(count)]
        for target in targets:
            assert target.got() == expected, f"{target.channel.name}: lost, repeated or out of order"
    assert took < RETURN_S
    return f"T51 {fault}: {count} alerts each, away {seconds} s, failed tries {tries}, all there after {took:.1f} s"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "redshank.db"
    Store(f"sqlite:////{path}", FakeClock()).close()
    return path


@pytest.fixture
def store(tmp_path: Path, empty: Path) -> Iterator[Store]:
    shutil.copy(empty, tmp_path / "redshank.db")
    opened = Store(f"sqlite:////{tmp_path}/redshank.db", FakeClock())
    yield opened
    opened.close()


@pytest.mark.parametrize("fault", FAULTS)
async def test_after_an_outage_everything_arrives_once_and_in_order(store: Store, tmp_path: Path, fault: str) -> None:
    """rel:T51, short."""
    print(await outage(store, tmp_path, fault, count=15, seconds=130 if fault in ("refuse", "4xx", "5xx") else 20))


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS)
async def test_after_an_hour_two_hundred_arrive_once_and_in_order(store: Store, tmp_path: Path, fault: str) -> None:
    """rel:T51."""
    print(await outage(store, tmp_path, fault, count=200, seconds=3600))
