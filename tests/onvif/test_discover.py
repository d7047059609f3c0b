"""Finding cameras: a question over UDP to one of ours on 127.0.0.1 (there is no multicast in a test), and answers of every kind."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from redshank.clock import SystemClock
from redshank.onvif.discover import Found, discover, matches

ID = "urn:uuid:1"


def answer(id: str, xaddrs: str, scopes: str = "", more: str = "") -> bytes:
    """In the shape of a camera's."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">'
        f"{more}<SOAP-ENV:Header><wsa:RelatesTo>{id}</wsa:RelatesTo></SOAP-ENV:Header><SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch>"
        f"<d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>"
        "</d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


class Responder(asyncio.DatagramProtocol):
    def __init__(self, make: Callable[[str], list[bytes]]) -> None:
        self._make = make
        self.heard: list[bytes] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data)
        found = re.search(r"MessageID>([^<]+)<", data.decode())
        for one in self._make(found[1] if found else ""):
            self._transport.sendto(one, addr)


@asynccontextmanager
async def responding(make: Callable[[str], list[bytes]]) -> AsyncIterator[tuple[Responder, tuple[str, int]]]:
    loop = asyncio.get_running_loop()
    transport, responder = await loop.create_datagram_endpoint(lambda: Responder(make), local_addr=("127.0.0.1", 0))
    try:
        yield responder, transport.get_extra_info("sockname")
    finally:
        transport.close()


async def test_cameras_that_answer_are_found_once_each_and_sorted() -> None:
    scopes = "onvif://www.onvif.org/name/Front%20door onvif://www.onvif.org/hardware/Eye%204 onvif://www.onvif.org/location/x"

    def make(id: str) -> list[bytes]:
        near = answer(id, "http://192.168.1.9/onvif/device_service", scopes)
        far = answer(id, "http://[fe80::1]/x http://192.168.1.100:8080/onvif/device_service")
        return [far, near, near, b"\xff" * 100, b"x" * 20_000]

    async with responding(make) as (responder, address):
        found = await discover(["127.0.0.1"], SystemClock(), address, 0.7)
    assert found == [
        Found("Front door", "", "Eye 4", "192.168.1.9", "http://192.168.1.9/onvif/device_service"),
        Found("", "", "", "192.168.1.100", "http://192.168.1.100:8080/onvif/device_service"),
    ]
    assert len(responder.heard) == 2
    assert b"NetworkVideoTransmitter" in responder.heard[0]


async def test_a_flood_of_answers_is_bounded() -> None:
    def make(id: str) -> list[bytes]:
        return [answer(id, f"http://10.0.{n // 250}.{n % 250 + 1}/x") for n in range(600)]

    async with responding(make) as (_, address):
        found = await discover(["127.0.0.1"], SystemClock(), address, 0.7)
    assert 0 < len(found) <= 256


async def test_an_interface_that_is_not_there_asks_nobody() -> None:
    assert await discover(["192.0.2.1"], SystemClock(), ("127.0.0.1", 9), 0.6) == []


@pytest.mark.parametrize(
    "xaddrs",
    [
        "http://127.0.0.1/x", "http://[::1]/x", "http://169.254.7.7/x", "http://[fe80::1]/x", "http://0.0.0.0/x",
        "http://224.0.0.1/x",
        "ftp://192.168.1.9/x", "http://a:b@192.168.1.9/x", "http://cam.lan/x", "http://192.168.1.9:99999/x", "javascript:x", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_a_camera_in_this_network_are_dropped(xaddrs: str) -> None:
    assert matches(answer(ID, xaddrs), "192.168.1.9", ID) == []


def test_the_address_that_answered_is_preferred() -> None:
    (found,) = matches(answer(ID, "http://10.9.9.9/x http://192.168.1.9/x"), "192.168.1.9", ID)
    assert found.address == "192.168.1.9"


@pytest.mark.parametrize(
    "data",
    [
        answer("urn:uuid:another", "http://192.168.1.9/x"),
        answer(ID, "http://192.168.1.9/x", more="<!DOCTYPE a>"),
        answer(ID, "http://192.168.1.9/x")[:-30],
        b"",
        b"\x00" * 50,
    ],
)
def test_what_is_no_answer_to_our_question_is_dropped(data: bytes) -> None:
    assert matches(data, "192.168.1.9", ID) == []
