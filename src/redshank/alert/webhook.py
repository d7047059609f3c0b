"""The webhook channel: Standard Webhooks 1.0 (https://www.standardwebhooks.com), signed, to an address that is checked first.

    POST <url>
    webhook-id: <notification id>            the same on every retry: use it to drop repeats
    webhook-timestamp: <seconds>             of this attempt
    webhook-signature: v1,<base64> …         HMAC-SHA256 of "<id>.<timestamp>.<body>", one per secret

    {"type": "alert.created" | "alert.updated" | "alert.ended" | "test", "timestamp": RFC 3339, "data": {…}}

2xx is delivered, 410 switches the channel off until the next start, all else (redirects included) is tried again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from redshank.alert.base import Message
from redshank.alert.post import Answer, Resolve, open_client, port_of, post, tls_context, web_url
from redshank.clock import US_PER_S, Clock, rfc3339
from redshank.errors import ChannelError, ChannelRefused
from redshank.model import Box

_log = logging.getLogger(__name__)

TYPES = {"open": "alert.created", "update": "alert.updated", "close": "alert.ended", "test": "test"}
GONE = 410


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """One receiver. `url` and `secrets` never appear in a message, a log line or a repr."""

    name: str
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """`whsec_` + base64 of 24 to 64 bytes each, newest first; several while receivers change over; none: not signed."""
    picture: bool = False
    """Put the JPEG into `data.picture.jpeg` as base64. Off: the receiver opens `link`."""
    verify: bool = True
    ca_file: str = ""
    timeout_s: float = 10.0


def secret_key(text: str) -> bytes:
    """The bytes of a `whsec_…` secret. Raises ChannelRefused without repeating it."""
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ChannelRefused(
            "webhook secret: expected whsec_ followed by base64 of 24 to 64 bytes (openssl rand -base64 32)"
        )
    return key


def signature(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one `v1,…` per key, separated by spaces."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)


class WebhookChannel:
    """Runs on the event loop; one connection per delivery."""

    can_update = True

    def __init__(self, settings: WebhookSettings, resolve: Resolve, clock: Clock) -> None:
        self._settings = settings
        self._url = web_url(settings.url, f"channels.{settings.name}.url")
        self._keys = [secret_key(secret) for secret in settings.secrets]
        self._resolve = resolve
        self._clock = clock
        self._client = open_client(tls_context(settings.verify, settings.ca_file))
        self._gone = False
        if not settings.verify:
            _log.warning("certificate is not checked channel=%s host=%s", settings.name, self._url.host)

    @property
    def name(self) -> str:
        return self._settings.name

    async def send(self, message: Message, previous: str) -> str:
        where = f"{self._url.host}:{port_of(self._url)}"
        if self._gone:
            raise ChannelRefused(
                f"{where}: switched off, the receiver said 410 Gone; remove the webhook or restart to try again"
            )
        body = payload(message, self._settings.picture)
        now = self._clock.now() // US_PER_S
        headers = {
            "content-type": "application/json",
            "user-agent": "redshank",
            "webhook-id": message.id,
            "webhook-timestamp": str(now),
        }
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, message.id, now, body)
        answer = await post(self._client, self._url, body, headers, self._resolve, self._settings.timeout_s)
        self._gone = answer.status == GONE
        judge_answer(answer, where)
        return message.id

    async def close(self) -> None:
        await self._client.aclose()


def judge_answer(answer: Answer, where: str) -> None:
    """Returns for 2xx; ChannelRefused for 410; ChannelError with the receiver's Retry-After for everything else."""
    if 200 <= answer.status < 300:
        return
    if answer.status == GONE:
        raise ChannelRefused(f"{where}: the receiver said 410 Gone; the webhook is switched off until the next start")
    if 300 <= answer.status < 400:
        raise ChannelError(
            f"{where}: answered {answer.status}, a redirect; write the final address in the configuration"
        )
    raise ChannelError(f"{where}: answered {answer.status}", answer.retry_after_s)


def payload(message: Message, picture: bool) -> bytes:
    """The body. Fields are only ever added; ids, camera and zones are the configured ones, texts are for people."""
    alert = message.alert
    data: dict[str, object] = {
        "id": alert.id,
        "revision": alert.revision,
        "state": alert.state,
        "rule": alert.rule,
        "severity": alert.severity,
        "camera": {"id": message.camera, "name": message.camera_name, "place": message.place},
        "label": alert.label,
        "score": round(alert.score, 4),
        "box": _box(alert.box),
        "zones": list(alert.zones),
        "tracks": list(alert.tracks),
        "opened": rfc3339(alert.opened),
        "updated": rfc3339(alert.updated),
        "closed": rfc3339(alert.closed) if alert.closed is not None else None,
        "detections": [{"label": d.label, "score": round(d.score, 4), "box": _box(d.box)} for d in message.detections],
        "title": message.title,
        "text": message.text,
        "link": message.link,
        "picture": _picture(message, picture),
    }
    whole = {"type": TYPES[message.kind], "timestamp": rfc3339(message.time), "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _box(box: Box | None) -> list[float] | None:
    return None if box is None else [round(v, 5) for v in (box.x1, box.y1, box.x2, box.y2)]


def _picture(message: Message, inside: bool) -> dict[str, object] | None:
    if message.picture is None:
        return None
    picture = message.picture
    facts: dict[str, object] = {"name": picture.name, "width": picture.width, "height": picture.height}
    return {**facts, "jpeg": base64.b64encode(picture.jpeg).decode()} if inside else facts
