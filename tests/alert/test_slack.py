from __future__ import annotations

import json
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from redshank.alert.message import Place
from redshank.alert.slack import SlackChannel, SlackSettings, text_of
from redshank.errors import ChannelError, ChannelRefused, ConfigError
from tests.alert import sample
from tests.alert.servers import HttpServer, Reply, Request, http_server, local

TOKEN = "xoxb-CANARY-1234"


@dataclass
class Workspace:
    """Answers like Slack's Web API; `errors`: method → the error it gives; `raw`: path → a whole reply."""

    server: HttpServer
    posts: list[dict[str, object]] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    shared: list[dict[str, object]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    raw: dict[str, Reply] = field(default_factory=dict)
    upload_url: str = ""
    calls: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Reply:
        method = request.path.rpartition("/")[2]
        self.calls.append(method)
        if method in self.raw:
            return self.raw[method]
        if method.startswith("F"):
            self.uploads[method] = request.body
            return 200, {}, b"OK - 1"
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.reply(ok=False, error="invalid_auth")
        if method in self.errors:
            return self.reply(ok=False, error=self.errors[method])
        return self.does(method, request)

    def does(self, method: str, request: Request) -> Reply:
        match method:
            case "chat.postMessage" | "chat.update":
                self.posts.append({"method": method, **request.json})
                return self.reply(ok=True, channel="C024BE91L", ts=f"1700000000.00{len(self.posts):04}")
            case "files.getUploadURLExternal":
                assert request.form["length"] == str(len(sample.JPEG))
                assert request.form["filename"] == sample.PICTURE.name
                url = self.upload_url or f"http://slack.example:{self.server.port}/upload/v1/F{len(self.calls)}"
                return self.reply(ok=True, upload_url=url, file_id=f"F{len(self.calls)}")
            case "files.completeUploadExternal":
                self.shared.append(request.json)
                return self.reply(ok=True, files=[])
        return self.reply(ok=False, error="unknown_method")

    def reply(self, **values: object) -> Reply:
        return 200, {"content-type": "application/json"}, json.dumps(values).encode()


@asynccontextmanager
async def opened() -> AsyncIterator[Workspace]:
    async with http_server() as server:
        found = Workspace(server)
        server.answer = found.answer
        yield found


@pytest.fixture
async def slack() -> AsyncIterator[Workspace]:
    async with opened() as found:
        yield found


def channel(slack: Workspace, **changes: object) -> SlackChannel:
    base = f"http://slack.example:{slack.server.port}/api"
    return SlackChannel(replace(SlackSettings("chat", TOKEN, "C024BE91L", base, 5), **changes), local)  # type: ignore[arg-type]


async def test_text_and_picture_arrive_in_one_thread(slack: Workspace) -> None:
    """req:T-11 T-12: the current upload flow."""
    reference = await channel(slack).send(sample.message(), "")
    assert slack.calls[0:2] == ["chat.postMessage", "files.getUploadURLExternal"]
    (post,) = slack.posts
    assert post["channel"] == "C024BE91L"
    for wanted in (
        "*Person at Front door*",
        "Street side",
        "2026-11-21 08:03:12 CET",
        "person 87.3 %, dog 43.2 %",
        "https://nvr.example.org/alerts/",
    ):
        assert wanted in str(post["text"])
    ((file_id, content),) = slack.uploads.items()
    assert content == sample.JPEG
    (shared,) = slack.shared
    assert shared["files"] == [{"id": file_id, "title": "Person at Front door"}]
    assert (shared["channel_id"], shared["thread_ts"]) == ("C024BE91L", "1700000000.000001")
    assert reference == "C024BE91L:1700000000.000001"


async def test_later_news_change_the_first_message(slack: Workspace) -> None:
    chat = channel(slack)
    first = await chat.send(sample.message(), "")
    assert await chat.send(sample.message("close"), first) == first
    post = slack.posts[-1]
    assert (post["method"], post["channel"], post["ts"]) == ("chat.update", "C024BE91L", "1700000000.000001")
    assert "– over" in str(post["text"])
    assert len(slack.uploads) == 1


async def test_news_of_a_message_that_was_deleted_join_its_thread(slack: Workspace) -> None:
    slack.errors = {"chat.update": "message_not_found"}
    await channel(slack).send(sample.message("close"), "C024BE91L:1700000000.000001")
    assert (slack.posts[-1]["method"], slack.posts[-1]["thread_ts"]) == ("chat.postMessage", "1700000000.000001")


async def test_a_failed_upload_is_tried_again_without_a_second_text(slack: Workspace) -> None:
    chat = channel(slack)
    slack.raw = {"files.completeUploadExternal": (503, {}, b"")}
    with pytest.raises(ChannelError, match=r"files\.completeUploadExternal answered 503"):
        await chat.send(sample.message(), "")
    slack.raw = {}
    assert await chat.send(sample.message(), "") == "C024BE91L:1700000000.000001"
    assert (len(slack.posts), len(slack.shared)) == (1, 1)


async def test_a_refused_picture_does_not_lose_the_text(slack: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    slack.errors = {"files.getUploadURLExternal": "missing_scope"}
    await channel(slack).send(sample.message(), "")
    assert len(slack.posts) == 1
    assert (
        "picture refused channel=chat reason=Slack: files.getUploadURLExternal: missing_scope: the app lacks a scope"
        in caplog.text
    )


async def test_without_a_picture_only_the_text_is_sent_and_says_why(slack: Workspace) -> None:
    await channel(slack).send(sample.message(picture=None), "")
    assert slack.calls == ["chat.postMessage"]
    assert "No picture: it was not ready within 3 s." in str(slack.posts[0]["text"])


async def test_slacks_patience_is_honoured(slack: Workspace) -> None:
    slack.raw = {"chat.postMessage": (429, {"retry-after": "30"}, b'{"ok":false,"error":"ratelimited"}')}
    with pytest.raises(ChannelError, match="answered 429") as caught:
        await channel(slack).send(sample.message(), "")
    assert caught.value.retry_after_s == 30
    assert not isinstance(caught.value, ChannelRefused)


@pytest.mark.parametrize(
    "error", ["invalid_auth", "token_revoked", "account_inactive", "channel_not_found", "not_in_channel", "is_archived"]
)
async def test_wrong_settings_are_refused_with_what_to_do(slack: Workspace, error: str) -> None:
    """req:T-14."""
    slack.errors = {"chat.postMessage": error}
    with pytest.raises(ChannelRefused, match=f"Slack: chat.postMessage: {error}: .*(token|channel|install)"):
        await channel(slack).send(sample.message(), "")


@pytest.mark.parametrize(
    "reply",
    [
        (200, {}, b'{"ok":false,"error":"internal_error"}'),
        (200, {}, b"<html>"),
        (200, {}, b"[]"),
        (200, {}, b'{"ok":1}'),
        (500, {}, b""),
        (302, {}, b""),
    ],
)
async def test_anything_else_is_tried_again(slack: Workspace, reply: Reply) -> None:
    slack.raw = {"chat.postMessage": reply}
    with pytest.raises(ChannelError, match=r"Slack: chat\.postMessage") as caught:
        await channel(slack).send(sample.message(), "")
    assert not isinstance(caught.value, ChannelRefused)


async def test_the_token_is_sent_as_a_header_only_to_the_api_and_never_shown(
    slack: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await channel(slack).send(sample.message(), "")
    upload = next(request for request in slack.server.requests if request.path.startswith("/upload"))
    assert "authorization" not in upload.headers
    assert all(TOKEN not in request.path and TOKEN.encode() not in request.body for request in slack.server.requests)
    shown = []
    slack.errors = {"chat.postMessage": f"bad {TOKEN}"}
    chat = channel(slack)
    try:
        await chat.send(sample.message(), "")
    except ChannelError:
        shown.append(traceback.format_exc())
    assert shown
    assert "CANARY" not in "".join(shown) + caplog.text + repr(chat._settings)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "https://evil.example/F1",
        "https://slack.example.evil/F1",
        "file:///etc/passwd",
        "",
        "http://files.slack.example/F1",
        "http://[/",
    ],
)
async def test_pictures_are_uploaded_to_slack_only(slack: Workspace, url: str) -> None:
    slack.upload_url = url or "x"
    with pytest.raises(ChannelError, match="upload address"):
        await channel(slack).send(sample.message(), "")
    assert slack.uploads == {}


@pytest.mark.parametrize("token", ["", "xoxb CANARY", "xoxb-CANARY\r\nX: y", "xöxb-CANARY"])
def test_a_token_that_cannot_be_one_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(ConfigError, match=r"channels\.chat\.token: expected") as caught:
        SlackChannel(SlackSettings("chat", token, "C1"), local)
    assert "CANARY" not in str(caught.value)


def test_a_channel_name_instead_of_its_id_is_named() -> None:
    with pytest.raises(ConfigError, match=r"channels\.chat\.channel: '#general' is not a channel id"):
        SlackChannel(SlackSettings("chat", TOKEN, "#general"), local)


def test_names_cannot_mention_everybody_or_hide_a_link() -> None:
    text = text_of(sample.message(place=Place("<!channel> & <https://evil.example|door>")))
    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|door&gt;" in text
