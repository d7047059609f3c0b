from __future__ import annotations

import logging
import socket
import traceback
from dataclasses import replace
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any, Literal

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st

from redshank.alert.email import EmailChannel, EmailSettings
from redshank.alert.letter import html_body, letter, text_body
from redshank.alert.message import Place
from redshank.errors import ChannelError, ChannelRefused, TargetRefused
from tests.alert import sample
from tests.alert.servers import free_port, local
from tests.harness.certificate import certificate
from tests.harness.sinks import SmtpSink

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # implicit TLS is TLS to us

Tls = Literal["implicit", "starttls"]
PASSWORD = "CANARY-p:@#/ss"
SENDER = Address("Redshank", addr_spec="cam@example.org")


def channel(port: int, **changes: object) -> EmailChannel:
    receivers = ("ann@example.org", "bob@example.org")
    trusted = str(certificate().ca_file)
    settings = EmailSettings(
        "mail", "localhost", "cam@example.org", receivers, "tls", port, ca_file=trusted, timeout_s=5
    )
    return EmailChannel(replace(settings, **changes), local)  # type: ignore[arg-type]


def parsed(**changes: object) -> EmailMessage:
    mail = message_from_bytes(letter(sample.message(**changes), SENDER, ["ann@example.org"], ""), policy=default)  # type: ignore[arg-type]
    assert isinstance(mail, EmailMessage)
    return mail


def part(mail: EmailMessage, kind: str) -> EmailMessage:
    (found,) = [one for one in mail.walk() if one.get_content_type() == kind]
    assert isinstance(found, EmailMessage)
    return found


@pytest.mark.parametrize(("security", "tls"), [("tls", "implicit"), ("starttls", "starttls")])
async def test_a_mail_arrives_over_both_kinds_of_tls_with_login(security: str, tls: Tls) -> None:
    """req:R-06 I-11."""
    with SmtpSink(tls, "cam", PASSWORD) as server:
        mail_channel = channel(server.port, security=security, username="cam", password=PASSWORD)
        reference = await mail_channel.send(sample.message(), "")
    (arrived,) = server.inbox.items
    assert (arrived.user, arrived.encrypted, arrived.sender) == ("cam", True, "cam@example.org")
    assert arrived.receivers == ("ann@example.org", "bob@example.org")
    mail = arrived.message
    assert mail["from"] == "Redshank <cam@example.org>"
    assert mail["to"] == "ann@example.org, bob@example.org"
    assert mail["subject"] == "Person at Front door"
    assert mail["date"].datetime.isoformat() == "2026-11-21T07:03:12+00:00"
    assert reference == mail["message-id"] == f"<{sample.message().id}@example.org>"
    assert part(mail, "image/jpeg").get_content() == sample.JPEG


def test_text_and_html_say_where_when_why_and_list_every_label() -> None:
    """req:W-04 P-17."""
    mail = parsed()
    for kind in ("text/plain", "text/html"):
        body = part(mail, kind).get_content()
        for wanted in (
            "Front door",
            "Street side",
            "2026-11-21 08:03:12 CET",
            "People at night",
            "person",
            "87.3 %",
            "dog",
            "43.2 %",
        ):
            assert wanted in body, (kind, wanted)
        assert "https://nvr.example.org/alerts/0190a000-0000-7000-8000-000000000001" in body
    assert "  person  87.3 %\r\n  dog  43.2 %" in part(mail, "text/plain").get_content()


def test_the_picture_is_attached_by_name_and_shown_inline() -> None:
    mail = parsed()
    (attached,) = mail.iter_attachments()
    assert (attached.get_content_type(), attached.get_content_disposition()) == ("image/jpeg", "attachment")
    assert attached.get_filename() == "front-door-2026-11-21T07-03-12Z.jpg"
    cid = attached["content-id"].strip("<>")
    html = mail.get_body(("html",))
    assert html is not None
    assert f'<img src="cid:{cid}"' in html.get_content()
    assert mail.get_content_type() == "multipart/related"


def test_without_a_picture_the_mail_says_why() -> None:
    mail = parsed(picture=None)
    assert list(mail.iter_attachments()) == []
    for kind in ("text/plain", "text/html"):
        assert "No picture: it was not ready within 3 s." in part(mail, kind).get_content()
    assert "<img" not in part(mail, "text/html").get_content()


async def test_later_mails_of_an_alert_join_the_thread_of_the_first() -> None:
    with SmtpSink("implicit") as server:
        mail_channel = channel(server.port)
        first = await mail_channel.send(sample.message(id="one"), "")
        assert await mail_channel.send(sample.message("close", id="two"), first) == first
    opening, closing = (mail.message for mail in server.inbox.items)
    assert closing["message-id"] == "<two@example.org>"
    assert closing["in-reply-to"] == closing["references"] == opening["message-id"]


async def test_a_retry_is_the_same_mail() -> None:
    with SmtpSink("implicit") as server:
        mail_channel = channel(server.port)
        server.status = "451 later"
        with pytest.raises(ChannelError, match="answered 451 later"):
            await mail_channel.send(sample.message(), "")
        server.status = "250 OK"
        await mail_channel.send(sample.message(), "")
        await mail_channel.send(sample.message(), "")
    assert server.inbox.items[0].message["message-id"] == server.inbox.items[1].message["message-id"]
    assert server.inbox.items[0].message["date"] == server.inbox.items[1].message["date"]


async def test_a_refused_receiver_does_not_lose_the_others(caplog: pytest.LogCaptureFixture) -> None:
    with SmtpSink("implicit") as server:
        server.refuse_receiver = {"ann@example.org": "550 no such user"}
        await channel(server.port).send(sample.message(), "")
    assert [list(mail.receivers) for mail in server.inbox.items] == [["bob@example.org"]]
    assert "receiver refused channel=mail receiver=ann@example.org answer=550 no such user" in caplog.text


async def test_a_receiver_that_is_put_off_gets_it_later_and_the_others_once() -> None:
    with SmtpSink("implicit") as server:
        mail_channel = channel(server.port)
        server.refuse_receiver = {"ann@example.org": "450 greylisted"}
        for _ in range(2):
            with pytest.raises(ChannelError, match=r"put off for ann@example\.org: 450 greylisted") as caught:
                await mail_channel.send(sample.message(), "")
            assert not isinstance(caught.value, ChannelRefused)
        server.refuse_receiver = {}
        await mail_channel.send(sample.message(), "")
    assert [list(mail.receivers) for mail in server.inbox.items] == [["bob@example.org"], ["ann@example.org"]]
    assert server.inbox.items[0].message["message-id"] == server.inbox.items[1].message["message-id"]


async def test_when_every_receiver_is_refused_it_is_not_tried_again() -> None:
    with SmtpSink("implicit") as server:
        server.refuse_receiver = {"ann@example.org": "550 unknown", "bob@example.org": "551 moved"}
        with pytest.raises(
            ChannelRefused,
            match=r"localhost:\d+: refuses the receiver ann@example.org: 550 unknown; check the receivers",
        ):
            await channel(server.port).send(sample.message(), "")


async def test_refused_and_put_off_in_the_end_reaches_nobody() -> None:
    with SmtpSink("implicit") as server:
        mail_channel = channel(server.port)
        server.refuse_receiver = {"ann@example.org": "550 unknown", "bob@example.org": "450 later"}
        with pytest.raises(ChannelError, match="put off for bob"):
            await mail_channel.send(sample.message(), "")
        server.refuse_receiver["bob@example.org"] = "550 no"
        with pytest.raises(ChannelRefused, match="refuses the receiver bob"):
            await mail_channel.send(sample.message(), "")


class Small:
    """Takes mails without pictures only."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if b"image/jpeg" in envelope.content:
            return "552 too much mail data"
        self.contents.append(envelope.content)
        return "250 OK"


async def test_a_mail_too_big_for_the_server_goes_without_the_picture() -> None:
    small = Small()
    server = Controller(small, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        await channel(server.port, security="none").send(sample.message(), "")
    finally:
        server.stop()
    (content,) = small.contents
    assert b"No picture: the mail server takes no message of this size." in content


async def test_a_server_that_is_down_in_any_way_is_tried_again() -> None:
    with pytest.raises(ChannelError, match="connection refused"):
        await channel(free_port()).send(sample.message(), "")
    with SmtpSink("implicit") as server:
        for reply in ("421 closing", "451 busy", "550 go away", "554 no service"):
            server.status = reply
            with pytest.raises(ChannelError, match=f"answered {reply}") as caught:
                await channel(server.port).send(sample.message(), "")
            assert not isinstance(caught.value, ChannelRefused)


async def test_a_black_hole_costs_its_own_time_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:
        port = hole.getsockname()[1]
        for security in ("tls", "starttls"):
            with pytest.raises(ChannelError, match=r"no answer within 0.2 s"):
                await channel(port, security=security, timeout_s=0.2).send(sample.message(), "")


async def test_a_wrong_password_is_one_clear_line_without_it(caplog: pytest.LogCaptureFixture) -> None:
    """req:T-14."""
    caplog.set_level(logging.DEBUG)
    with SmtpSink("implicit", "cam", "right") as server:
        mail_channel = channel(server.port, username="cam", password=PASSWORD)
        with pytest.raises(ChannelRefused) as caught:
            await mail_channel.send(sample.message(), "")
    assert str(caught.value) == f"localhost:{server.port}: refuses the login (535); check user and password"
    shown = "".join(traceback.format_exception(caught.value))
    assert "CANARY" not in shown + caplog.text + repr(mail_channel._settings)


async def test_a_server_that_wants_a_login_and_gets_none_says_so() -> None:
    with (
        SmtpSink("implicit", "cam", "right") as server,
        pytest.raises(ChannelRefused, match=r"refuses the login \(530\)"),
    ):
        await channel(server.port).send(sample.message(), "")


@pytest.mark.parametrize(("security", "tls"), [("tls", "implicit"), ("starttls", "starttls")])
async def test_the_certificate_is_verified_unless_the_channel_says_no(
    security: str, tls: Tls, caplog: pytest.LogCaptureFixture
) -> None:
    with SmtpSink(tls) as server:
        with pytest.raises(ChannelError, match=r"certificate is not valid \(unable to get local issuer"):
            await channel(server.port, security=security, ca_file="").send(sample.message(), "")
        with pytest.raises(ChannelError, match=r"certificate is not valid .*other\.example"):
            await channel(server.port, security=security, host="other.example").send(sample.message(), "")
        assert len(server.inbox) == 0
        await channel(server.port, security=security, ca_file="", verify=False).send(sample.message(), "")
        assert len(server.inbox) == 1
    assert "certificate is not checked channel=mail host=localhost" in caplog.text


async def test_starttls_is_never_skipped_when_the_server_does_not_offer_it() -> None:
    """Nobody on the way can talk us out of encryption."""
    with SmtpSink() as server, pytest.raises(ChannelError, match="STARTTLS"):
        await channel(server.port, security="starttls").send(sample.message(), "")
    assert len(server.inbox) == 0


async def test_a_forbidden_address_is_refused() -> None:
    def refuse(host: str, port: int) -> str:
        raise TargetRefused(f"{host}:{port} is a link-local or metadata address")

    with pytest.raises(ChannelRefused, match="link-local"):
        await EmailChannel(EmailSettings("m", "h.example", "a@b.c", ("d@e.f",)), refuse).send(sample.message(), "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "ann@",
        "@example.org",
        "ann@example.org\r\nBcc: x@y.z",
        "a@b.c, d@e.f",
        "Ann <a@b.c>",
        "änn@example.org",
        "a b@c.d",
    ],
)
def test_what_is_not_one_plain_address_is_refused_at_start(text: str) -> None:
    with pytest.raises(ChannelRefused, match=r"channels\.mail\.receivers: .* is not a mail address"):
        channel(1, receivers=(text,))
    with pytest.raises(ChannelRefused, match=r"channels\.mail\.sender: "):
        channel(1, sender=text)


def test_a_password_is_never_sent_in_the_clear() -> None:
    with pytest.raises(ChannelRefused, match="never sent unencrypted"):
        channel(1, security="none", username="cam", password=PASSWORD)


def test_nobody_to_tell_is_an_error_at_start() -> None:
    with pytest.raises(ChannelRefused, match="nobody is listed"):
        channel(1, receivers=())


MARKUP = '<script>alert(1)</script>"><img src=x onerror=y>&amp;'


def test_names_with_markup_stay_text() -> None:
    alert = replace(sample.alert(rule=MARKUP), label=MARKUP)
    message = replace(
        sample.message(place=Place(MARKUP, MARKUP), of=alert), no_picture=MARKUP, link=f"https://x/{MARKUP}"
    )
    found: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append(tag)

    Tags().feed(html_body(message, "cid"))
    assert set(found) <= {"html", "body", "h2", "p", "em", "table", "tr", "th", "td", "a"}
    assert MARKUP in text_body(message)


@given(st.text(), st.text(), st.text())
def test_no_name_adds_a_header_or_breaks_the_mail(name: str, place: str, label: str) -> None:
    alert = replace(sample.alert(), label=label)
    mail = message_from_bytes(
        letter(sample.message(place=Place(name, place), of=alert), SENDER, ["ann@example.org"], ""), policy=default
    )
    assert sorted(key.lower() for key in mail) == [
        "auto-submitted", "content-type", "date", "from", "message-id", "mime-version", "subject", "to",
    ]  # fmt: skip
    assert [one.get_content_type() for one in mail.walk()] == [
        "multipart/related", "multipart/alternative", "text/plain", "text/html", "image/jpeg",
    ]  # fmt: skip


def test_a_mail_is_seven_bit_with_short_lines() -> None:
    raw = letter(sample.message(place=Place("Hintertür " * 15)), SENDER, ["ann@example.org"], "")
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize(("host", "port"), [(".example", 0), (f"{'m' * 64}.example", 0), ("localhost", 99999)])
async def test_an_address_that_cannot_be_one_costs_one_try(host: str, port: int) -> None:
    """Never the sender, which is the other channels' too."""
    with SmtpSink("implicit") as server, pytest.raises(ChannelError, match=f"^{host}:"):
        await channel(port or server.port, host=host).send(sample.message(), "")


@pytest.mark.parametrize("login", ["müller", "m\ud800"])
async def test_a_login_of_any_letters_costs_one_try_at_most(login: str) -> None:
    with SmtpSink("implicit", "cam", PASSWORD) as server, pytest.raises(ChannelError):
        await channel(server.port, username=login, password="ünknown").send(sample.message(), "")
