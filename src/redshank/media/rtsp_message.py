"""RTSP 1.0 requests and answers (RFC 2326) and who is asking (RFC 2617, Digest without qop or with it). Pure but for the reader."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

MAX_HEAD = 8192
MAX_BODY = 8192
REALM = "redshank"
_FIELD = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')
_TRACK = re.compile(r"/?trackID=(\d{1,3})$")
_REASONS = {
    200: "OK", 302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 413: "Request Entity Too Large",
    454: "Session Not Found", 455: "Method Not Valid in This State", 461: "Unsupported Transport", 501: "Not Implemented",
    503: "Service Unavailable",
}  # fmt: skip


class BadRequest(ValueError):
    """Not RTSP, or too large; the connection ends after the answer. `status` is what to answer."""

    def __init__(self, status: int) -> None:
        super().__init__(_REASONS[status])
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    @property
    def path(self) -> str:
        """Path and query without the track, unquoted: `/front/sub`."""
        parts = urlsplit(self.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        return unquote(_TRACK.sub("", target)).rstrip("/") or "/"

    @property
    def track(self) -> int | None:
        match = _TRACK.search(self.url)
        return int(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def encode(self, cseq: str) -> bytes:
        lines = [f"RTSP/1.0 {self.status} {_REASONS.get(self.status, 'Error')}", f"CSeq: {cseq}", "Server: Redshank"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request; None for an interleaved packet of the viewer (a receiver report), which is passed over.

    The reader's limit must be MAX_HEAD. Raises BadRequest, and asyncio.IncompleteReadError at the end of the connection.
    """
    first = await reader.readexactly(1)
    if first == b"$":
        head = await reader.readexactly(3)
        await reader.readexactly(int.from_bytes(head[1:], "big"))
        return None
    try:
        text = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise BadRequest(413) from error
    request = _parse(text)
    length = request.headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise BadRequest(400)
    if len(length) > 6 or int(length) > MAX_BODY:
        raise BadRequest(413)
    body = await reader.readexactly(int(length))
    return Request(request.method, request.url, request.headers, body)


def _parse(text: bytes) -> Request:
    lines = text.decode("utf-8", "replace").strip().split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("RTSP/1"):
        raise BadRequest(400)
    pairs = [line.partition(":") for line in lines[1:]]
    headers = {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
    cseq = headers.get("cseq", "")
    try:
        urlsplit(words[1])
    except ValueError as error:
        raise BadRequest(400) from error
    if len(cseq) > 20 or not cseq.isascii() or not cseq.isdigit():
        raise BadRequest(400)
    return Request(words[0], words[1], headers)


Verify = Callable[[str], bool]
"""Whether the viewer proved to know this password. With Basic and Digest alike; compares in constant time."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a request says about who asks. `user` is empty when it says nothing."""

    user: str = ""
    verify: Verify = field(default=lambda password: False)
    password: str = field(default="", repr=False)
    """With Basic, as it was given; Digest does not tell it."""


def login_of(request: Request, nonce: str, methods: tuple[str, ...]) -> Login:
    """Read the Authorization header; anything malformed, or a method not offered, is nobody."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic" and "basic" in methods:
        return _basic(rest)
    if scheme.lower() == "digest" and "digest" in methods:
        return _digest(rest, request.method, nonce)
    return Login()


def _basic(rest: str) -> Login:
    try:
        user, colon, given = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return Login()
    if not colon:
        return Login()
    return Login(user, lambda password: hmac.compare_digest(password.encode(), given.encode()), given)


def _digest(rest: str, method: str, nonce: str) -> Login:
    got = {name.lower(): quoted or plain for name, quoted, plain in _FIELD.findall(rest)}
    user = got.get("username", "")
    if not user or got.get("nonce") != nonce:
        return Login()

    def verify(password: str) -> bool:
        secret = _md5(f"{user}:{REALM}:{password}")
        middle = f"{nonce}:{got.get('nc', '')}:{got.get('cnonce', '')}:auth" if got.get("qop") == "auth" else nonce
        asked = _md5(f"{method}:{got.get('uri', '')}")
        wanted = _md5(f"{secret}:{middle}:{asked}")
        return hmac.compare_digest(wanted.encode(), got.get("response", "").encode())

    return Login(user, verify)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def challenge(nonce: str, methods: tuple[str, ...]) -> Response:
    """401 with every method we take, the strongest first."""
    digest = ("WWW-Authenticate", f'Digest realm="{REALM}", nonce="{nonce}"')
    basic = ("WWW-Authenticate", f'Basic realm="{REALM}"')
    offered = [line for name, line in (("digest", digest), ("basic", basic)) if name in methods]
    return Response(401, tuple(offered))
