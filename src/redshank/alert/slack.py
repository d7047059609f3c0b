"""The Slack channel: text with `chat.postMessage`, the picture in its thread by the present upload flow, later news by `chat.update`.

    files.getUploadURLExternal (filename, length) → upload_url, file_id
    POST of the bytes to upload_url
    files.completeUploadExternal (file id, channel_id, thread_ts)

(https://docs.slack.dev/messaging/working-with-files; files.upload ended in November 2025.) The bot needs the scopes `chat:write` and
`files:write` and must be in the channel. Runs on the event loop. `send` returns `<channel id>:<ts>` of the first message.
"""

from __future__ import annotations

import json
import logging
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from redshank.alert.base import Message, Picture
from redshank.alert.message import TEXTS, percent, plain
from redshank.alert.post import Answer, Resolve, hide, open_client, port_of, post, tls_context, web_url
from redshank.errors import ChannelError, ChannelRefused

_log = logging.getLogger(__name__)

FOR_GOOD: Mapping[str, str] = {
    "invalid_auth": "the token is wrong; copy the Bot User OAuth Token (xoxb-…) again",
    "not_authed": "the token is missing; copy the Bot User OAuth Token (xoxb-…)",
    "token_revoked": "the token was revoked; install the app again and copy its token",
    "token_expired": "the token has expired; install the app again and copy its token",
    "account_inactive": "the bot or its workspace is gone; install the app again",
    "no_permission": "the bot may not do this; give the app the scopes chat:write and files:write",
    "missing_scope": "the app lacks a scope; give it chat:write and files:write and install it again",
    "not_allowed_token_type": "this is not a bot token; use the one that starts with xoxb-",
    "channel_not_found": "there is no such channel for this bot; use the channel's id (C…) and invite the bot",
    "not_in_channel": "the bot is not in the channel; type /invite @<bot> there",
    "is_archived": "the channel is archived",
    "restricted_action": "the workspace does not let the bot post there",
    "msg_too_long": "the text is too long",
    "file_uploads_disabled": "the workspace allows no uploads",
}
REMEMBERED = 1000
"""Messages whose text was posted and whose picture is not there yet; the oldest is forgotten (its text may then come twice)."""


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """One channel of one workspace. `token` never appears in a message, a log line or a repr."""

    name: str
    token: str = field(repr=False)
    channel: str
    """The channel's id, e.g. C0123456789."""
    base_url: str = "https://slack.com/api/"
    timeout_s: float = 10.0


class SlackChannel:
    """Text first, so that a failing upload never holds back the words."""

    can_update = True

    def __init__(self, settings: SlackSettings, resolve: Resolve) -> None:
        key = f"channels.{settings.name}"
        if re.fullmatch(r"[A-Za-z0-9._-]+", settings.token) is None:
            raise ChannelRefused(f"{key}.token: expected letters, digits and hyphens (xoxb-…)")
        if re.fullmatch(r"[A-Za-z0-9]+", settings.channel) is None:
            raise ChannelRefused(
                f"{key}.channel: {plain(settings.channel)!r} is not a channel id; expected one like C0123456789"
            )
        self._settings = settings
        self._base = web_url(settings.base_url.rstrip("/") + "/", f"{key}.base_url")
        self._resolve = resolve
        self._client = open_client(tls_context())
        self._posted: OrderedDict[str, str] = OrderedDict()

    @property
    def name(self) -> str:
        return self._settings.name

    async def send(self, message: Message, previous: str) -> str:
        if previous and message.kind in ("update", "close"):
            channel, _, ts = previous.partition(":")
            await self._update(channel, ts, message)
            return previous
        reference = self._posted.get(message.id) or await self._post_text(message)
        if message.picture is not None:
            self._remember(message.id, reference)
            await self._share(message.picture, reference, message.title)
        self._posted.pop(message.id, None)
        return reference

    async def close(self) -> None:
        await self._client.aclose()

    async def _post_text(self, message: Message) -> str:
        text = {
            "channel": self._settings.channel,
            "text": text_of(message),
            "unfurl_links": False,
            "unfurl_media": False,
        }
        found = await self._call("chat.postMessage", text)
        return hide(f"{found.get('channel') or self._settings.channel}:{found.get('ts', '')}")

    async def _update(self, channel: str, ts: str, message: Message) -> None:
        try:
            await self._call("chat.update", {"channel": channel, "ts": ts, "text": text_of(message)})
        except ChannelRefused as error:
            if "message_not_found" not in str(error) and "edit_window_closed" not in str(error):
                raise
            await self._call("chat.postMessage", {"channel": channel, "thread_ts": ts, "text": text_of(message)})

    async def _share(self, picture: Picture, reference: str, title: str) -> None:
        """A refused picture is logged and given up: the text is there already."""
        channel, _, ts = reference.partition(":")
        try:
            form = {"filename": picture.name, "length": str(len(picture.jpeg)), "alt_txt": plain(title)}
            ticket = await self._call("files.getUploadURLExternal", form, as_form=True)
            await self._upload(str(ticket.get("upload_url", "")), picture)
            files = [{"id": ticket.get("file_id", ""), "title": plain(title)}]
            await self._call("files.completeUploadExternal", {"files": files, "channel_id": channel, "thread_ts": ts})
        except ChannelRefused as error:
            _log.warning("picture refused channel=%s reason=%s", self.name, error)

    async def _upload(self, target: str, picture: Picture) -> None:
        """Only to Slack: the very server we call, or over https one below its domain or below slack.com."""
        try:
            url = web_url(target, "upload_url")
        except ChannelRefused as error:
            raise ChannelError("Slack: gave no usable upload address") from error
        same = (url.scheme, url.host, port_of(url)) == (self._base.scheme, self._base.host, port_of(self._base))
        below = url.scheme == "https" and url.host.endswith((".slack.com", f".{self._base.host}"))
        if not same and not below:
            raise ChannelError("Slack: gave an upload address that is not its own")
        headers = {"content-type": "image/jpeg"}
        answer = await post(self._client, url, picture.jpeg, headers, self._resolve, self._settings.timeout_s)
        if not 200 <= answer.status < 300:
            raise ChannelError(f"Slack: the upload answered {answer.status}", answer.retry_after_s)

    async def _call(self, method: str, arguments: Mapping[str, Any], as_form: bool = False) -> Mapping[str, Any]:
        """One Web API method. Raises ChannelError or ChannelRefused unless it answers `"ok": true`."""
        content = urlencode(arguments).encode() if as_form else json.dumps(arguments).encode()
        kind = "application/x-www-form-urlencoded" if as_form else "application/json; charset=utf-8"
        headers = {"content-type": kind, "authorization": f"Bearer {self._settings.token}"}
        answer = await post(
            self._client, self._base.join(method), content, headers, self._resolve, self._settings.timeout_s
        )
        return self._judged(method, answer)

    def _judged(self, method: str, answer: Answer) -> Mapping[str, Any]:
        if answer.status != 200:
            raise ChannelError(f"Slack: {method} answered {answer.status}", answer.retry_after_s)
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise ChannelError(f"Slack: {method} did not answer JSON; is base_url right?") from error
        if isinstance(found, dict) and found.get("ok") is True:
            return found
        code = hide(str(found.get("error", "")) if isinstance(found, dict) else "", self._settings.token)
        if code in FOR_GOOD:
            raise ChannelRefused(f"Slack: {method}: {code}: {FOR_GOOD[code]}")
        if code in ("message_not_found", "edit_window_closed"):
            raise ChannelRefused(f"Slack: {method}: {code}")
        raise ChannelError(f"Slack: {method}: {code or 'an answer without ok'}", answer.retry_after_s)

    def _remember(self, message_id: str, reference: str) -> None:
        self._posted[message_id] = reference
        while len(self._posted) > REMEMBERED:
            self._posted.popitem(last=False)


def escaped(text: str) -> str:
    """Slack's three control characters; mentions and links cannot be smuggled in by a camera's name."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text_of(message: Message, texts: Mapping[str, str] = TEXTS) -> str:
    lines = [f"*{escaped(message.title).replace('*', '∗')}*", escaped(message.text)]
    if message.detections:
        lines.append(", ".join(f"{escaped(plain(d.label))} {percent(d.score)}" for d in message.detections))
    if message.no_picture:
        lines.append(escaped(texts["no_picture"].format(reason=message.no_picture)))
    if message.link:
        lines.append(f"<{escaped(message.link).replace('|', '%7C')}|{escaped(message.link)}>")
    return "\n".join(lines)
