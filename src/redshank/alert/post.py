"""One HTTP POST to an address somebody named: checked, bounded in time and size, silent about secrets. Runs on the event loop.

The name is resolved and judged by `resolve`, and the connection goes to exactly the address it returned with Host and TLS name of
the original: a name that answers differently the second time (DNS rebinding) gains nothing. Redirects are never followed, proxies of
the environment are never used.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from redshank.errors import ChannelError, ChannelRefused, RedshankError, TargetRefused

Resolve = Callable[[str, int], str]
"""(host, port) → the IP address to connect to. Blocks; raises TargetRefused for an address we never connect to."""

MAX_ANSWER = 256 * 1024
"""Bytes of an answer we read; the rest is not wanted."""
MAX_WAIT_S = 3600.0
"""A receiver that asks for more patience than this is asked again after this."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes

    @property
    def retry_after_s(self) -> float | None:
        """From Retry-After in seconds (RFC 9110 §10.2.3) or relative to the answer's own Date; None when absent or nonsense."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return min(float(value[:9]), MAX_WAIT_S)
        try:
            wait = parsedate_to_datetime(value) - parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(0.0, wait.total_seconds()), MAX_WAIT_S)


def tls_context(verify: bool = True, ca_file: str = "") -> ssl.SSLContext:
    """Certificates are checked against the system's authorities, plus `ca_file`. Raises ChannelRefused when that file is unusable."""
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ChannelRefused(f"ca_file {ca_file!r} is not a readable PEM file of certificates") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def web_url(text: str, key: str) -> httpx.URL:
    """An absolute http(s) URL. Raises ChannelRefused, which never repeats the text: paths of webhooks are often secrets."""
    try:
        url = httpx.URL(text)
        host = url.host  # decodes `xn--…`
    except (httpx.InvalidURL, TypeError, UnicodeError) as error:
        raise ChannelRefused(f"{key}: not a URL; expected https://host/path") from error
    if url.port is not None and not 0 < url.port < 65536:
        raise ChannelRefused(f"{key}: its port is not one from 1 to 65535")
    if url.scheme not in ("http", "https") or not host:
        raise ChannelRefused(f"{key}: expected a URL that starts with https:// or http:// and names a host")
    return url


def port_of(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def open_client(tls: ssl.SSLContext) -> httpx.AsyncClient:
    # httpx writes every URL at INFO, and the path of a webhook or the user part of a URL is a credential.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # No connection is kept: the pool knows them by address, and two names may share one.
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(verify=tls, trust_env=False, follow_redirects=False, limits=limits)


def hide(text: str, *secrets: str) -> str:
    """One short line of what a server said, without control characters and without anything that is secret."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


async def address_of(host: str, port: int, resolve: Resolve) -> str:
    """Where to connect, asked in the thread pool. Raises ChannelRefused when never, ChannelError when the name has no address now."""
    try:
        return await asyncio.to_thread(resolve, host, port)
    except TargetRefused as error:
        raise ChannelRefused(str(error)) from error
    except (OSError, UnicodeError) as error:
        raise ChannelError(f"{host}: the name has no address (no network, or the name is wrong)") from error
    except RedshankError as error:
        raise ChannelError(f"{host}: {error}") from error


async def post(
    client: httpx.AsyncClient,
    url: httpx.URL,
    content: bytes,
    headers: Mapping[str, str],
    resolve: Resolve,
    timeout_s: float,
) -> Answer:
    """POST once to a `web_url`. All of it, name included, takes at most `timeout_s`. Raises ChannelError; every status is an answer."""
    where = f"{url.host}:{port_of(url)}"
    try:
        async with asyncio.timeout(timeout_s):
            return await _post(client, url, content, headers, await address_of(url.host, port_of(url), resolve))
    except (TimeoutError, httpx.TimeoutException) as error:
        raise ChannelError(f"{where}: no answer within {timeout_s:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ExceptionGroup) as error:
        # A group: several addresses or families tried at once. ValueError: what a header or a host name cannot hold.
        raise ChannelError(f"{where}: {_cause(error)}") from error


async def _post(
    client: httpx.AsyncClient, url: httpx.URL, content: bytes, headers: Mapping[str, str], address: str
) -> Answer:
    login = httpx.BasicAuth(url.username, url.password) if url.username or url.password else None
    host = url.netloc.decode("ascii")
    checked = url.copy_with(host=address, username=None, password=None)
    request = client.build_request(
        "POST",
        checked,
        content=content,
        headers={**headers, "host": host.rpartition("@")[2]},
        extensions={"sni_hostname": url.host},
    )
    answer = await client.send(request, stream=True, auth=login)
    try:
        body = b""
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > MAX_ANSWER:
                break
        return Answer(answer.status_code, dict(answer.headers), body[:MAX_ANSWER])
    finally:
        await answer.aclose()


def _cause(error: BaseException) -> str:
    """The first reason below the library's wrapping: `certificate verify failed: self-signed certificate`."""
    while isinstance(error, ExceptionGroup) or error.__cause__ is not None or error.__context__ is not None:
        below = error.exceptions[0] if isinstance(error, ExceptionGroup) else error.__cause__ or error.__context__
        error = below or error
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused (is the server running, is the port right?)"
    return hide(str(error)) or type(error).__name__
