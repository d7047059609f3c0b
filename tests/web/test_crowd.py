"""Connections of strangers: nobody can hold so many, or for so long, that others find no room."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Response
from uvicorn.config import Config
from uvicorn.server import ServerState

from redshank.web.app import listen, serve
from redshank.web.crowd import HEADER_S, HERE, SHARE, SOCKETS, Shared, room_for
from tests.web.serving import place


def test_an_address_has_a_share_of_the_connections_and_this_machine_a_larger_one() -> None:
    """rel:S21"""
    strangers = ["203.0.113.5"] * SHARE
    assert room_for("203.0.113.5", strangers[1:])
    assert not room_for("203.0.113.5", strangers)
    assert not room_for("::ffff:203.0.113.5", strangers)
    assert room_for("203.0.113.6", strangers)
    assert not room_for("2001:db8::1", [f"2001:db8::{n:x}" for n in range(SHARE)]), "a network of IPv6 is one address"
    assert room_for("127.0.0.1", ["127.0.0.1"] * (HERE - 1))
    assert not room_for("127.0.0.1", ["127.0.0.1"] * HERE)
    assert SHARE < HERE < SOCKETS


class Wire(asyncio.Transport):
    """Somebody's connection."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 40_000), "sockname": ("192.0.2.1", 8970)})
        self.ended = False

    def abort(self) -> None:
        self.ended = True


def connected(state: ServerState, address: str, proxies: str = "") -> Wire:
    config = Config(FastAPI(), log_config=None, proxy_headers=bool(proxies), forwarded_allow_ips=proxies)
    wire = Wire(address)
    made: Any = Shared(config, state, {}, _loop=asyncio.get_running_loop())
    made.connection_made(wire)
    return wire


@pytest.mark.parametrize(("proxies", "refused"), [("", 1), ("203.0.113.5", 0)])
async def test_one_too_many_is_closed_at_once_but_never_of_a_proxy(proxies: str, refused: int) -> None:
    state = ServerState()
    wires = [connected(state, "203.0.113.5", proxies) for _ in range(SHARE + 1)]
    assert sum(wire.ended for wire in wires) == refused
    assert not connected(state, "203.0.113.6", proxies).ended


SIZE = 20_000_000


async def test_an_answer_that_nobody_reads_is_not_kept(tmp_path: Path) -> None:
    """rel:S21"""
    app = FastAPI()
    app.get("/")(lambda: Response(bytes(SIZE)))
    with place(tmp_path) as here:
        app.state.site = here.site
        listening = listen("127.0.0.1", 0)
        task = asyncio.create_task(serve(app, listening))
        with socket.create_connection(listening.getsockname(), 10) as reader:
            reader.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await asyncio.to_thread(reader.recv, 15) == b"HTTP/1.1 200 OK"
            for n in range(1, 5):
                async with asyncio.timeout(10):
                    while len(here.clock.slept) < n:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                here.clock.advance(HEADER_S)
            assert len(await asyncio.to_thread(_rest, reader)) < SIZE
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _rest(sock: socket.socket) -> bytes:
    """All that still comes."""
    return b"".join(iter(lambda: sock.recv(1_000_000), b""))
