"""The sinks keep what arrives and fail as told; foreign clients talk to them."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from typing import Literal

import httpx
import pytest

from tests.harness.certificate import certificate
from tests.harness.sinks import SmtpSink, WebhookSink
from tests.harness.slack import SlackServer


def client(sink: SmtpSink, tls: str) -> smtplib.SMTP:
    context = certificate().client_context()
    if tls == "implicit":
        return smtplib.SMTP_SSL(sink.host, sink.port, context=context, timeout=5)
    plain = smtplib.SMTP(sink.host, sink.port, timeout=5)
    if tls == "starttls":
        plain.starttls(context=context)
    return plain


def letter() -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Person at Front door", "a@example.com", "b@example.com"
    message.set_content("text")
    message.add_attachment(b"\xff\xd8picture", maintype="image", subtype="jpeg", filename="p.jpg")
    return message


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_mail_arrives_whole_with_login_and_encryption(tls: Literal["none", "starttls", "implicit"]) -> None:
    with SmtpSink(tls, "user", "secret") as sink, client(sink, tls) as smtp:
        smtp.login("user", "secret")
        smtp.send_message(letter())
        (mail,) = sink.wait(1)
    assert (mail.encrypted, mail.user) == (tls != "none", "user")
    assert mail.receivers == ("b@example.com",)
    (attached,) = mail.message.iter_attachments()
    assert attached.get_content() == b"\xff\xd8picture"


def test_a_wrong_password_is_answered_and_unencrypted_mail_refused() -> None:
    with SmtpSink("starttls", "user", "secret") as sink:
        with client(sink, "starttls") as smtp, pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login("user", "wrong")
        with client(sink, "none") as smtp, pytest.raises(smtplib.SMTPException):
            smtp.send_message(letter())
    assert len(sink.inbox) == 0


def test_mail_can_be_refused_for_now_for_good_for_one_receiver_or_by_a_closed_port() -> None:
    with SmtpSink() as sink:
        for status, code in (("451 later", 451), ("550 never", 550)):
            sink.status = status
            with client(sink, "none") as smtp, pytest.raises(smtplib.SMTPDataError) as caught:
                smtp.send_message(letter())
            assert caught.value.smtp_code == code
        sink.refuse_receiver["b@example.com"] = "550 unknown"
        with client(sink, "none") as smtp, pytest.raises(smtplib.SMTPRecipientsRefused):
            smtp.send_message(letter())
        sink.refuse()
        with pytest.raises(OSError, match="refused"):
            client(sink, "none")
        sink.accept()
        sink.refuse_receiver.clear()
        sink.status = "250 OK"
        with client(sink, "none") as smtp:
            smtp.send_message(letter())
        assert sink.tried.items == ["451 later", "550 never", "250 OK"]
        assert len(sink.wait(1)) == 1


@pytest.mark.parametrize("tls", [False, True])
def test_a_webhook_is_kept_whole_and_answered_as_planned(tls: bool) -> None:
    with WebhookSink(tls) as sink, httpx.Client(verify=certificate().client_context()) as http:
        sink.plan.extend([503, 429])
        got = [http.post(sink.url, content=b"{}", headers={"webhook-id": "x"}).status_code for _ in range(3)]
        requests = sink.wait(3)
    assert got == [503, 429, 204]
    assert {(r.method, r.path, r.headers["webhook-id"], r.body) for r in requests} == {("POST", "/hook", "x", b"{}")}


def test_a_webhook_can_hang_and_can_break_off_its_answer() -> None:
    with WebhookSink() as sink:
        sink.hang = True
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(sink.url, timeout=0.3)
        sink.hang, sink.cut = False, True
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(sink.url)
        assert len(sink.wait(2)) == 2


def test_slack_takes_a_message_and_a_picture_in_its_thread() -> None:
    with SlackServer("tok") as slack, httpx.Client(base_url=slack.base_url) as http:
        auth = {"Authorization": "Bearer tok"}
        assert http.post("auth.test", headers=auth).json()["ok"]
        ts = http.post("chat.postMessage", headers=auth, json={"channel": "C1", "text": "hello"}).json()["ts"]
        offer = http.post("files.getUploadURLExternal", headers=auth, data={"filename": "p.jpg", "length": "4"}).json()
        assert http.post(offer["upload_url"], content=b"12345").status_code == 400
        assert http.post(offer["upload_url"], content=b"1234").status_code == 200
        done = {"files": [{"id": offer["file_id"], "title": "p"}], "channel_id": "C1", "thread_ts": ts}
        assert http.post("files.completeUploadExternal", headers=auth, json=done).json()["ok"]
        (shared,) = slack.files.wait(1)
    assert (shared.name, shared.data, shared.channel, shared.thread) == ("p.jpg", b"1234", "C1", ts)
    assert slack.messages.items[0]["text"] == "hello"


def test_slack_says_no_the_way_slack_does() -> None:
    with SlackServer("tok") as slack, httpx.Client(base_url=slack.base_url) as http:
        assert http.post("auth.test").json() == {"ok": False, "error": "invalid_auth"}
        auth = {"Authorization": "Bearer tok"}
        slack.errors["chat.postMessage"] = "channel_not_found"
        assert http.post("chat.postMessage", headers=auth, json={}).json()["error"] == "channel_not_found"
        slack.retry_after_s = 7
        limited = http.post("chat.postMessage", headers=auth, json={})
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
