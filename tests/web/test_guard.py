"""Sockets and whoever forgot to say whom they answer: the guard refuses, and nothing of it is an error of ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from redshank.access.who import Verb, Who
from redshank.web.answer import Problem
from redshank.web.app import listen, make_app, serve
from redshank.web.guard import needs, public
from redshank.web.rooms import Rooms
from tests.web.serving import Everybody, Place, place

VIEWER = Who("user", "u2", "anna", rights={Verb.LIVE: frozenset({"yard"})})


@public
async def closes(socket: WebSocket) -> None:
    await socket.accept()
    raise Problem(404, "found out too late")


@public
async def refuses(socket: WebSocket) -> None:
    raise Problem(404, "there is no such thing")


@needs(Verb.CONFIGURE)
async def configures(socket: WebSocket) -> None:
    await socket.accept()


async def undeclared(socket: WebSocket) -> None:
    await socket.accept()


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    with place(tmp_path) as here:
        app = app_of(here)
        listening = listen("127.0.0.1", 0)
        task = asyncio.create_task(serve(app, listening))
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def app_of(here: Place) -> FastAPI:
    here.rooms = Rooms(access=Everybody(VIEWER))
    app = make_app(here.site, here.rooms)
    for endpoint in (closes, refuses, configures, undeclared):
        app.add_api_websocket_route(f"/{endpoint.__name__}", endpoint)
        # Before the page, which answers every address.
        app.router.routes.insert(0, app.router.routes.pop())
    return app


@pytest.mark.parametrize(
    ("path", "status"), [("refuses", 404), ("configures", 403), ("undeclared", 403), ("nothing", 403)]
)
async def test_a_socket_that_is_not_for_them_is_refused_before_it_opens(
    address: str, path: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """rel:S11."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{address}/{path}"):
            pass
    assert refused.value.response.status_code == status
    assert refused.value.response.headers.get("cache-control") in ("private, no-store", None)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


async def test_another_sites_page_opens_no_socket(address: str) -> None:
    """rel:S11."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{address}/closes", origin="https://evil.example"):  # type: ignore[arg-type]
            pass
    assert refused.value.response.status_code == 403


async def test_a_problem_once_it_is_open_closes_it(address: str, caplog: pytest.LogCaptureFixture) -> None:
    async with connect(f"{address}/closes") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


async def test_what_is_refused_is_noted_by_the_routes_own_address(tmp_path: Path) -> None:
    """What somebody makes up in its place must not be a line of the audit each."""
    with place(tmp_path) as here:
        door = Everybody(Who("user", "u2", "anna", None, {Verb.LIVE: None}))
        here.rooms = Rooms(access=door)
        transport = httpx.ASGITransport(here.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as session:
            for made_up in ("one", "two"):
                assert (await session.delete(f"/api/users/{made_up}")).status_code == 403
    assert door.audit.lines == [("anna", "refused", "", "DELETE /api/users/{user}")] * 2
