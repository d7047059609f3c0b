from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from redshank.alert.message import Place
from redshank.alert.slack import SlackChannel, SlackSettings, text_of
from redshank.errors import ChannelError, ChannelRefused
from tests.alert import sample
from tests.alert.servers import Answering, Reply, http_server, local
from tests.harness.http_server import HttpRequest
from tests.harness.slack import SlackServer

TOKEN = "xoxb-CANARY-1234"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer(TOKEN) as found:
        yield found


def channel(base_url: str) -> SlackChannel:
    return SlackChannel(SlackSettings("chat", TOKEN, "C024BE91L", base_url, 5), local)


def base_of(server: Answering) -> str:
    return f"http://slack.example:{server.port}/api"


def methods(slack: SlackServer) -> list[str]:
    return [call.method for call in slack.calls.items]


async def test_text_and_picture_arrive_in_one_thread(slack: SlackServer) -> None:
    """req:T-11 T-12: the current upload flow."""
    reference = await channel(slack.base_url).send(sample.message(), "")
    assert methods(slack) == [
        "chat.postMessage",
        "files.getUploadURLExternal",
        "upload",
        "files.completeUploadExternal",
    ]
    (post,) = slack.messages.items
    assert reference == f"C024BE91L:{post['ts']}"
    assert post["channel"] == "C024BE91L"
    link = "https://nvr.example.org/alerts/"
    for wanted in (
        "*Person at Front door*",
        "Street side",
        "2026-11-21 08:03:12 CET",
        "person 87.3 %, dog 43.2 %",
        link,
    ):
        assert wanted in post["text"]
    (file,) = slack.files.items
    assert (file.data, file.name) == (sample.JPEG, sample.PICTURE.name)
    assert (file.channel, file.thread) == ("C024BE91L", post["ts"])


async def test_later_news_change_the_first_message(slack: SlackServer) -> None:
    chat = channel(slack.base_url)
    first = await chat.send(sample.message(), "")
    assert await chat.send(sample.message("close"), first) == first
    opening, closing = slack.messages.items
    assert methods(slack)[-1] == "chat.update"
    assert closing["ts"] == opening["ts"]
    assert "– over" in closing["text"]
    assert len(slack.files) == 1


async def test_news_of_a_message_that_was_deleted_join_its_thread(slack: SlackServer) -> None:
    slack.errors = {"chat.update": "message_not_found"}
    await channel(slack.base_url).send(sample.message("close"), "C024BE91L:1700000000.000001")
    assert slack.messages.items[-1]["thread_ts"] == "1700000000.000001"


async def test_a_failed_upload_is_tried_again_without_a_second_text(slack: SlackServer) -> None:
    chat = channel(slack.base_url)
    slack.errors = {"files.completeUploadExternal": "internal_error"}
    with pytest.raises(ChannelError, match=r"files\.completeUploadExternal: internal_error"):
        await chat.send(sample.message(), "")
    slack.errors = {}
    reference = await chat.send(sample.message(), "")
    (post,) = slack.messages.items
    assert reference == f"C024BE91L:{post['ts']}"
    assert [file.thread for file in slack.files.items] == [post["ts"]]


async def test_a_refused_picture_does_not_lose_the_text(slack: SlackServer, caplog: pytest.LogCaptureFixture) -> None:
    slack.errors = {"files.getUploadURLExternal": "missing_scope"}
    await channel(slack.base_url).send(sample.message(), "")
    assert len(slack.messages) == 1
    reason = "Slack: files.getUploadURLExternal: missing_scope: the app lacks a scope"
    assert f"picture refused channel=chat reason={reason}" in caplog.text


async def test_without_a_picture_only_the_text_is_sent_and_says_why(slack: SlackServer) -> None:
    await channel(slack.base_url).send(sample.message(picture=None), "")
    assert methods(slack) == ["chat.postMessage"]
    assert "No picture: it was not ready within 3 s." in slack.messages.items[0]["text"]


async def test_slacks_patience_is_honoured(slack: SlackServer) -> None:
    slack.retry_after_s = 30
    with pytest.raises(ChannelError, match="answered 429") as caught:
        await channel(slack.base_url).send(sample.message(), "")
    assert caught.value.retry_after_s == 30
    assert not isinstance(caught.value, ChannelRefused)


@pytest.mark.parametrize(
    "error", ["invalid_auth", "token_revoked", "account_inactive", "channel_not_found", "not_in_channel", "is_archived"]
)
async def test_wrong_settings_are_refused_with_what_to_do(slack: SlackServer, error: str) -> None:
    """req:T-14."""
    slack.errors = {"chat.postMessage": error}
    with pytest.raises(ChannelRefused, match=f"Slack: chat.postMessage: {error}: .*(token|channel|install)"):
        await channel(slack.base_url).send(sample.message(), "")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"ok":false,"error":"internal_error"}'),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"ok":1}'),
        (200, b"[" * 100_000),
        (500, b""),
        (302, b""),
    ],
)
async def test_anything_else_is_tried_again(status: int, body: bytes) -> None:
    with http_server() as server:
        server.answer = lambda request: (status, {}, body)
        with pytest.raises(ChannelError, match=r"Slack: chat\.postMessage") as caught:
            await channel(base_of(server)).send(sample.message(), "")
    assert not isinstance(caught.value, ChannelRefused)


def agreeable(upload_url: str) -> Callable[[HttpRequest], Reply]:
    """Says yes to everything and names this upload address."""
    return lambda request: (
        200,
        {},
        json.dumps({"ok": True, "ts": "1.1", "file_id": "F1", "upload_url": upload_url}).encode(),
    )


async def test_the_token_goes_to_the_api_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with http_server() as server:
        server.answer = agreeable(f"http://slack.example:{server.port}/upload/F1?ticket=CANARY-ticket")
        await channel(base_of(server)).send(sample.message(), "")
    post, offer, upload, complete = server.requests
    assert {one.headers["authorization"] for one in (post, offer, complete)} == {f"Bearer {TOKEN}"}
    assert "authorization" not in upload.headers
    assert upload.body == sample.JPEG
    assert all(TOKEN not in one.path and TOKEN.encode() not in one.body for one in server.requests)
    assert "CANARY" not in caplog.text


async def test_the_token_is_never_shown(slack: SlackServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    slack.errors = {"chat.postMessage": f"bad {TOKEN}"}
    chat = channel(slack.base_url)
    with pytest.raises(ChannelError) as caught:
        await chat.send(sample.message(), "")
    assert "CANARY" not in "".join(traceback.format_exception(caught.value)) + caplog.text + repr(chat._settings)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x", "https://evil.example/F1", "https://slack.example.evil/F1", "file:///etc/passwd", "x",
        "http://files.slack.example/F1", "http://[/", "https://files.slack.com:99999/", "https://xn--zz--.slack.com/",
    ],
)  # fmt: skip
async def test_pictures_are_uploaded_to_slack_only(url: str) -> None:
    with http_server() as server:
        server.answer = agreeable(url)
        with pytest.raises(ChannelError, match="upload address"):
            await channel(base_of(server)).send(sample.message(), "")
    assert len(server.requests) == 2


async def test_what_we_keep_of_an_answer_is_plain_text() -> None:
    """A lone surrogate could be stored in no database."""
    with http_server() as server:
        server.answer = lambda request: (200, {}, rb'{"ok": true, "channel": "C1\ud800", "ts": "1.1\n"}')
        message = replace(sample.message(), picture=None, no_picture="none")
        assert await channel(base_of(server)).send(message, "") == "C1 :1.1"


@pytest.mark.parametrize("token", ["", "xoxb CANARY", "xoxb-CANARY\r\nX: y", "xöxb-CANARY"])
def test_a_token_that_cannot_be_one_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(ChannelRefused, match=r"channels\.chat\.token: expected") as caught:
        SlackChannel(SlackSettings("chat", token, "C1"), local)
    assert "CANARY" not in str(caught.value)


def test_a_channel_name_instead_of_its_id_is_named() -> None:
    with pytest.raises(ChannelRefused, match=r"channels\.chat\.channel: '#general' is not a channel id"):
        SlackChannel(SlackSettings("chat", TOKEN, "#general"), local)


def test_names_cannot_mention_everybody_or_hide_a_link() -> None:
    text = text_of(sample.message(place=Place("<!channel> & <https://evil.example|door>")))
    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|door&gt;" in text
