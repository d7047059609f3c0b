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
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshank.alert.email import EmailChannel, EmailSettings
from redshank.alert.letter import html_body, letter, text_body
from redshank.alert.message import Place
from redshank.errors import ChannelError, ChannelRefused, ConfigError, TargetRefused
from tests.alert import sample
from tests.alert.servers import free_port, local, mail_server, server_tls

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # implicit TLS is TLS to us

Files = tuple[Path, Path]
PASSWORD = "CANARY-p:@#/ss"
SENDER = Address("Redshank", addr_spec="cam@example.org")


def channel(port: int, certificate: Files | None, **changes: object) -> EmailChannel:
    settings = EmailSettings(
        "mail",
        "mail.example",
        "cam@example.org",
        ("ann@example.org", "bob@example.org"),
        "tls" if certificate else "none",
        port,
        ca_file=str(certificate[0]) if certificate else "",
        timeout_s=5,
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


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_mail_arrives_over_both_kinds_of_tls_with_login(certificate: Files, security: str) -> None:
    """req:R-06 I-11."""
    tls, login = server_tls(certificate), ("cam", PASSWORD)
    with mail_server(tls if security == "tls" else None, tls if security == "starttls" else None, login) as server:
        mail_channel = channel(server.port, certificate, security=security, username="cam", password=PASSWORD)
        reference = await mail_channel.send(sample.message(), "")
    (mail,) = server.mails
    assert server.logins == [login]
    assert server.receivers == [["ann@example.org", "bob@example.org"]]
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


async def test_later_mails_of_an_alert_join_the_thread_of_the_first(certificate: Files) -> None:
    with mail_server(server_tls(certificate)) as server:
        mail_channel = channel(server.port, certificate)
        first = await mail_channel.send(sample.message(id="one"), "")
        assert await mail_channel.send(sample.message("close", id="two"), first) == first
    opening, closing = server.mails
    assert closing["message-id"] == "<two@example.org>"
    assert closing["in-reply-to"] == closing["references"] == opening["message-id"]


async def test_a_retry_is_the_same_mail(certificate: Files) -> None:
    with mail_server(server_tls(certificate)) as server:
        mail_channel = channel(server.port, certificate)
        server.data_reply = lambda content: "451 later"
        with pytest.raises(ChannelError, match="answered 451 later"):
            await mail_channel.send(sample.message(), "")
        server.data_reply = lambda content: ""
        await mail_channel.send(sample.message(), "")
        await mail_channel.send(sample.message(), "")
    assert server.mails[0]["message-id"] == server.mails[1]["message-id"]
    assert server.mails[0]["date"] == server.mails[1]["date"]


async def test_a_refused_receiver_does_not_lose_the_others(
    certificate: Files, caplog: pytest.LogCaptureFixture
) -> None:
    with mail_server(server_tls(certificate)) as server:
        server.refusals = {"ann@example.org": "550 no such user"}
        await channel(server.port, certificate).send(sample.message(), "")
    assert server.receivers == [["bob@example.org"]]
    assert "receiver refused channel=mail receiver=ann@example.org answer=550 no such user" in caplog.text


async def test_a_receiver_that_is_put_off_gets_it_later_and_the_others_once(certificate: Files) -> None:
    with mail_server(server_tls(certificate)) as server:
        mail_channel = channel(server.port, certificate)
        server.refusals = {"ann@example.org": "450 greylisted"}
        for _ in range(2):
            with pytest.raises(ChannelError, match=r"put off for ann@example\.org: 450 greylisted") as caught:
                await mail_channel.send(sample.message(), "")
            assert not isinstance(caught.value, ChannelRefused)
        server.refusals = {}
        await mail_channel.send(sample.message(), "")
    assert server.receivers == [["bob@example.org"], ["ann@example.org"]]
    assert server.mails[0]["message-id"] == server.mails[1]["message-id"]


async def test_when_every_receiver_is_refused_it_is_not_tried_again(certificate: Files) -> None:
    with mail_server(server_tls(certificate)) as server:
        server.refusals = {"ann@example.org": "550 unknown", "bob@example.org": "551 moved"}
        with pytest.raises(
            ChannelRefused,
            match=r"mail\.example:\d+: refuses the receiver ann@example.org: 550 unknown; check `receivers`",
        ):
            await channel(server.port, certificate).send(sample.message(), "")


async def test_refused_and_put_off_in_the_end_reaches_nobody(certificate: Files) -> None:
    with mail_server(server_tls(certificate)) as server:
        mail_channel = channel(server.port, certificate)
        server.refusals = {"ann@example.org": "550 unknown", "bob@example.org": "450 later"}
        with pytest.raises(ChannelError, match="put off for bob"):
            await mail_channel.send(sample.message(), "")
        server.refusals["bob@example.org"] = "550 no"
        with pytest.raises(ChannelRefused, match="refuses the receiver bob"):
            await mail_channel.send(sample.message(), "")


async def test_a_mail_too_big_for_the_server_goes_without_the_picture(certificate: Files) -> None:
    with mail_server(server_tls(certificate)) as server:
        server.data_reply = lambda content: "552 too much mail data" if b"image/jpeg" in content else ""
        await channel(server.port, certificate).send(sample.message(), "")
    assert (
        "No picture: the mail server takes no message of this size."
        in part(server.mails[0], "text/plain").get_content()
    )


async def test_a_server_that_is_down_in_any_way_is_tried_again(certificate: Files) -> None:
    with pytest.raises(ChannelError, match="connection refused"):
        await channel(free_port(), certificate).send(sample.message(), "")
    with mail_server(server_tls(certificate)) as server:
        for reply in ("421 closing", "451 busy", "550 go away", "554 no service"):
            server.mail_reply = reply
            with pytest.raises(ChannelError, match=f"answered {reply}") as caught:
                await channel(server.port, certificate).send(sample.message(), "")
            assert not isinstance(caught.value, ChannelRefused)


async def test_a_black_hole_costs_its_own_time_only(certificate: Files) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:
        port = hole.getsockname()[1]
        for security in ("tls", "starttls"):
            with pytest.raises(ChannelError, match=r"no answer within 0.2 s"):
                await channel(port, certificate, security=security, timeout_s=0.2).send(sample.message(), "")


async def test_a_wrong_password_is_one_clear_line_without_it(
    certificate: Files, caplog: pytest.LogCaptureFixture
) -> None:
    """req:T-14."""
    caplog.set_level(logging.DEBUG)
    with mail_server(server_tls(certificate), login=("cam", "right")) as server:
        mail_channel = channel(server.port, certificate, username="cam", password=PASSWORD)
        with pytest.raises(ChannelRefused) as caught:
            await mail_channel.send(sample.message(), "")
    assert str(caught.value) == f"mail.example:{server.port}: refuses the login (535); check `username` and `password`"
    shown = "".join(traceback.format_exception(caught.value))
    assert "CANARY" not in shown + caplog.text + repr(mail_channel._settings)


async def test_a_server_that_wants_a_login_and_gets_none_says_so(certificate: Files) -> None:
    with (
        mail_server(server_tls(certificate), login=("cam", "right")) as server,
        pytest.raises(ChannelRefused, match=r"refuses the login \(530\)"),
    ):
        await channel(server.port, certificate).send(sample.message(), "")


async def test_the_certificate_is_verified_unless_the_channel_says_no(
    certificate: Files, caplog: pytest.LogCaptureFixture
) -> None:
    for implicit in (True, False):
        tls = server_tls(certificate)
        with mail_server(tls if implicit else None, None if implicit else tls) as server:
            security = "tls" if implicit else "starttls"
            with pytest.raises(ChannelError, match=r"certificate is not valid \(self-signed"):
                await channel(server.port, certificate, security=security, ca_file="").send(sample.message(), "")
            with pytest.raises(ChannelError, match=r"certificate is not valid .*other\.example"):
                await channel(server.port, certificate, security=security, host="other.example").send(
                    sample.message(), ""
                )
            assert server.mails == []
            await channel(server.port, certificate, security=security, ca_file="", verify=False).send(
                sample.message(), ""
            )
            assert len(server.mails) == 1
    assert "certificate is not checked channel=mail host=mail.example" in caplog.text


async def test_starttls_is_never_skipped_when_the_server_does_not_offer_it(certificate: Files) -> None:
    """Nobody on the way can talk us out of encryption."""
    with mail_server() as server, pytest.raises(ChannelError, match="STARTTLS"):
        await channel(server.port, certificate, security="starttls").send(sample.message(), "")
    assert server.mails == []


async def test_a_forbidden_address_is_refused(certificate: Files) -> None:
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
    with pytest.raises(ConfigError, match=r"channels\.mail\.receivers: .* is not a mail address"):
        channel(1, None, receivers=(text,))
    with pytest.raises(ConfigError, match=r"channels\.mail\.sender: "):
        channel(1, None, sender=text)


def test_a_password_is_never_sent_in_the_clear() -> None:
    with pytest.raises(ConfigError, match="never sent unencrypted"):
        channel(1, None, username="cam", password=PASSWORD)


def test_nobody_to_tell_is_an_error_at_start() -> None:
    with pytest.raises(ConfigError, match="nobody is listed"):
        channel(1, None, receivers=())


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
