"""What every channel promises, on the real ones against real servers."""

from __future__ import annotations

import base64
import io
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from redshank.alert.base import Channel
from redshank.alert.console import ConsoleChannel, ConsoleSettings
from redshank.alert.email import EmailChannel, EmailSettings
from redshank.alert.message import Place
from redshank.alert.slack import SlackChannel, SlackSettings
from redshank.alert.webhook import WebhookChannel, WebhookSettings
from redshank.errors import ChannelError
from tests.alert import sample
from tests.alert.servers import local
from tests.harness.certificate import certificate
from tests.harness.clocks import FakeClock
from tests.harness.sinks import SmtpSink, WebhookSink
from tests.harness.slack import SlackServer

TOKEN = "xoxb-CANARY-0123456789"
PASSWORD = "CANARY-password"
SECRET = "whsec_" + base64.b64encode(b"CANARY" * 4).decode()


@dataclass(frozen=True, slots=True)
class Case:
    """A channel and its receiver. `arrived`: what it has got, as text. `fail`: it says "not now" until `heal`."""

    channel: Channel
    arrived: Callable[[], list[str]]
    fail: Callable[[], None]
    heal: Callable[[], None]


class Stubborn(io.StringIO):
    """A writer that can break."""

    broken = False

    def write(self, text: str, /) -> int:
        if self.broken:
            raise OSError(5, "Input/output error")
        return super().write(text)


def console(stack: ExitStack) -> Case:
    out = Stubborn()
    channel = ConsoleChannel(ConsoleSettings("it"), out)
    return Case(
        channel,
        lambda: out.getvalue().splitlines(),
        lambda: setattr(out, "broken", True),
        lambda: setattr(out, "broken", False),
    )


def email(stack: ExitStack) -> Case:
    sink = stack.enter_context(SmtpSink("starttls", "cam", PASSWORD))
    settings = EmailSettings(
        "it", "localhost", "cam@example.org", ("ann@example.org",), "starttls", sink.port, "cam", PASSWORD
    )
    channel = EmailChannel(replace(settings, ca_file=str(certificate().ca_file)), local)

    def texts() -> list[str]:
        bodies = [mail.message.get_body(("plain",)) for mail in sink.inbox.items]
        return [body.get_content() for body in bodies if body is not None]

    return Case(channel, texts, lambda: setattr(sink, "status", "451 later"), lambda: setattr(sink, "status", "250 OK"))


def slack(stack: ExitStack) -> Case:
    server = stack.enter_context(SlackServer(TOKEN))
    channel = SlackChannel(SlackSettings("it", TOKEN, "C01", server.base_url), local)
    texts = lambda: [message["text"] for message in server.messages.items]  # noqa: E731
    return Case(
        channel, texts, lambda: setattr(server, "retry_after_s", 1), lambda: setattr(server, "retry_after_s", 0)
    )


def webhook(stack: ExitStack) -> Case:
    sink = stack.enter_context(WebhookSink())
    url = sink.url.replace("http://", "http://user:CANARY-login@") + "/CANARY-path"
    channel = WebhookChannel(WebhookSettings("it", url, (SECRET,)), local, FakeClock())

    def texts() -> list[str]:
        return [request.body.decode() for request in sink.inbox.items if sink.status < 300]

    return Case(channel, texts, lambda: setattr(sink, "status", 503), lambda: setattr(sink, "status", 204))


@pytest.fixture(params=[console, email, slack, webhook], ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with ExitStack() as stack:
        yield request.param(stack)


async def test_a_message_arrives_and_names_what_and_where(case: Case) -> None:
    reference = await case.channel.send(sample.message(), "")
    assert isinstance(reference, str)
    (text,) = case.arrived()
    for wanted in (
        "Front door",
        "person",
        "https://nvr.example.org/alerts/",
    ):
        assert wanted in text
    await case.channel.close()


async def test_every_kind_of_message_can_be_sent_with_and_without_a_reference(case: Case) -> None:
    first = await case.channel.send(sample.message(id="n0"), "")
    for number, kind in enumerate(("update", "close", "test"), 1):
        await case.channel.send(sample.message(kind, id=f"n{number}"), first)  # type: ignore[arg-type]
        await case.channel.send(sample.message(kind, id=f"m{number}", picture=None), "")  # type: ignore[arg-type]
    assert len(case.arrived()) == 7


async def test_what_fails_raises_and_passes_later(case: Case) -> None:
    case.fail()
    with pytest.raises(ChannelError):
        await case.channel.send(sample.message(), "")
    case.heal()
    await case.channel.send(sample.message(), "")
    assert len([text for text in case.arrived() if "Front door" in text]) >= 1


async def test_nasty_names_arrive(case: Case) -> None:
    nasty = "A\r\nB\0 <b>&amp;</b> \u202e\ud800 {x} %s \U0001f6a8 " + "long" * 100
    await case.channel.send(
        sample.message(place=Place(nasty, nasty), of=replace(sample.alert(), label=nasty, rule=nasty)), ""
    )
    assert len(case.arrived()) == 1


async def test_no_secret_is_ever_shown(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await case.channel.send(sample.message(), "")
    case.fail()
    with pytest.raises(ChannelError) as caught:
        await case.channel.send(sample.message(id="second"), "")
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(case.channel) + str(caught.value)
    assert "CANARY" not in shown
    assert SECRET not in shown


def test_it_has_the_name_it_was_given(case: Case) -> None:
    assert case.channel.name == "it"
    assert isinstance(case.channel.can_update, bool)


async def test_closing_twice_is_closing_once(case: Case) -> None:
    await case.channel.close()
    await case.channel.close()
