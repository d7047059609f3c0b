"""rel:S20: what the listener of `--lan` speaks, said to it byte by byte: no client here could say it."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from redshank.access.desk import Desk
from redshank.access.password import Passwords
from redshank.certificates import Names, own
from redshank.clock import SystemClock
from redshank.web.app import listen, serve
from redshank.web.rooms import Rooms
from tests.access import people
from tests.web.serving import place

NAMES = Names(("localhost",), (ipaddress.ip_address("127.0.0.1"),))
ALERT, HANDSHAKE = 21, 22
PROTOCOL_VERSION = 70
"""The alert of RFC 5246 §7.2.2."""


@dataclass
class Served:
    port: int
    trusted: ssl.SSLContext


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    tls = own(tmp_path / "tls", NAMES, SystemClock().now())
    with place(tmp_path) as here:
        desk = Desk(here.store, here.clock, Passwords(people.CHEAP))
        await people.admin(desk)
        here.rooms = Rooms(access=desk)
        listening = listen("127.0.0.1", 0)
        task = asyncio.create_task(serve(here.app, listening, tls))
        yield Served(
            listening.getsockname()[1], ssl.create_default_context(cafile=str(tmp_path / "tls" / "authority.pem"))
        )
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        desk.close()


def hello(version: int) -> bytes:
    """A ClientHello (RFC 5246 §7.4.1.2) that speaks nothing newer; 0x0301 is TLS 1.0."""
    ciphers = struct.pack(">4H", 0xC02F, 0xC02B, 0xC013, 0xC009)
    groups = struct.pack(">HHHHH", 10, 6, 4, 23, 24) + struct.pack(">HHBB", 11, 2, 1, 0)
    algorithms = struct.pack(">HHHHH", 13, 6, 4, 0x0401, 0x0403)
    extensions = groups + algorithms
    body = struct.pack(">H", version) + bytes(32) + b"\x00" + struct.pack(">H", len(ciphers)) + ciphers + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack(">BHH", HANDSHAKE, min(version, 0x0301), len(message)) + message


async def answered(port: int, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    async with asyncio.timeout(10):
        found = await reader.read(7)
    writer.close()
    return found


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302])
async def test_nothing_older_than_tls_1_2_is_answered(served: Served, version: int) -> None:
    """rel:S20: SSL 3, TLS 1.0, TLS 1.1."""
    found = await answered(served.port, hello(version))
    assert found == b"" or (found[0] == ALERT and found[6] == PROTOCOL_VERSION), found


async def test_tls_1_2_and_1_3_are(served: Served) -> None:
    """The hello of above is a good one: only its version was wrong."""
    assert (await answered(served.port, hello(0x0303)))[0] == HANDSHAKE
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        served.trusted.minimum_version = served.trusted.maximum_version = version
        _reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=served.trusted)
        assert writer.get_extra_info("ssl_object").version() == version.name.replace("_", ".")
        writer.close()


async def test_a_session_over_tls_never_goes_without(served: Served) -> None:
    """rel:S20: Secure, HttpOnly, SameSite=Strict, and nothing is said over plain HTTP but where to go."""
    said = {"name": "admin", "password": people.PASSWORD}
    async with httpx.AsyncClient(verify=served.trusted, trust_env=False) as client:
        answer = await client.post(f"https://127.0.0.1:{served.port}/api/login", json=said)
        assert answer.status_code == 204
        flags = {one.strip().lower() for one in answer.headers["set-cookie"].split(";")[1:]}
        assert {"secure", "httponly", "samesite=strict"} <= flags
        plain = await client.post(f"http://127.0.0.1:{served.port}/api/login", json=said)
        assert plain.status_code == 301
        assert "set-cookie" not in plain.headers
