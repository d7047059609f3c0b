"""One port: HTTPS is served, plain HTTP is sent there, nonsense and silence cost nobody anything."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from redshank.certificates import Names, own
from redshank.clock import SystemClock
from redshank.web.app import listen, serve
from redshank.web.crowd import HERE
from redshank.web.front import FIRST_S, UNDECIDED, elsewhere
from tests.web.serving import place

NAMES = Names(("localhost",), (ipaddress.ip_address("127.0.0.1"),))


@dataclass
class Served:
    port: int
    trusted: ssl.SSLContext


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    tls = own(tmp_path / "tls", NAMES, SystemClock().now())
    with place(tmp_path) as here:
        listening = listen("127.0.0.1", 0)
        port = listening.getsockname()[1]
        task = asyncio.create_task(serve(here.app, listening, tls))
        try:
            yield Served(port, ssl.create_default_context(cafile=str(tmp_path / "tls" / "authority.pem")))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_device_that_trusts_the_authority_is_served(served: Served) -> None:
    """rel:S20"""
    async with httpx.AsyncClient(verify=served.trusted, trust_env=False) as client:
        answer = await client.get(f"https://127.0.0.1:{served.port}/healthz")
        assert answer.json() == {"ok": True}
        assert (await client.get(f"https://localhost:{served.port}/healthz")).status_code == 200


async def test_plain_http_is_sent_to_https_and_nothing_else(served: Served) -> None:
    """rel:S20"""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{served.port}/alerts/1?camera=yard")
        assert answer.status_code == 301
        assert answer.headers["location"] == f"https://127.0.0.1:{served.port}/alerts/1?camera=yard"
        assert answer.content == b""


async def test_silence_and_nonsense_cost_nobody_anything(served: Served) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(20)]
    for nonsense in (b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x00\xff" * 50, b"GET"):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(nonsense)
        writer.write_eof()
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
    async with httpx.AsyncClient(verify=served.trusted, trust_env=False) as client:
        assert (await client.get(f"https://127.0.0.1:{served.port}/healthz")).status_code == 200
    for _reader, writer in silent:
        writer.close()


async def test_who_says_nothing_makes_nobody_wait_for_long(served: Served) -> None:
    """rel:S21: more of them than there is room for."""
    silent = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(UNDECIDED + 10)]
    turned_away = [reader for reader, _writer in silent[HERE:]]
    async with asyncio.timeout(FIRST_S - 1):
        assert [await reader.read() for reader in turned_away] == [b""] * len(turned_away)
    async with httpx.AsyncClient(verify=served.trusted, trust_env=False, timeout=FIRST_S + 3) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):  # this machine has no room left for a moment
                assert (await client.get(f"https://127.0.0.1:{served.port}/healthz")).status_code == 200
                break
    for _reader, writer in silent:
        writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: user@evil.example\r\n\r\n",
        b"GET /\r\nSet-Cookie: a=b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"",
    ],
)
def test_a_plain_request_that_is_not_one_is_sent_nowhere(request_: bytes) -> None:
    assert elsewhere(request_).startswith(b"HTTP/1.1 400 ")
