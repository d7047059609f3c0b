"""Connections of strangers: nobody can hold so many, or for so long, that others find no room."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from uvicorn.config import Config
from uvicorn.server import ServerState

from redshank.web.crowd import HERE, SHARE, SOCKETS, Shared, room_for


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
