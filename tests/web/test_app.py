"""The shape of the application: one guard for every route, one name for the server, one answer for what is wrong."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute

from redshank.web import shell
from redshank.web.answer import Problem
from redshank.web.app import listen, make_app, serve
from redshank.web.crowd import HEADER_S
from redshank.web.guard import guard
from tests.web.serving import Place, client, place


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


@pytest.fixture
def app(here: Place) -> Iterator[httpx.Client]:
    with client(here.app) as session:
        yield session


def routes_of(app: FastAPI) -> list[APIRoute]:
    """The table of the API; whatever stands beside the included routers is none of ours and must not be there."""
    found = [route for included in app.routes for route in included.original_router.routes]  # type: ignore[attr-defined]
    found = [route for route in found if route not in shell.routes.routes]
    assert all(isinstance(route, APIRoute | APIWebSocketRoute) for route in found)
    return [route for route in found if isinstance(route, APIRoute)]


def test_every_route_passes_the_guard_before_anything_else(here: Place) -> None:
    async def refuse() -> None:
        raise Problem(401, "not for you")

    app = here.app
    app.dependency_overrides[guard] = refuse
    table = routes_of(app)
    assert len(table) > 15
    with client(app) as session:
        for route in table:
            for method in route.methods or ():
                assert session.request(method, route.path).status_code == 401, route.path
        assert session.get("/nothing").status_code == 401


def test_routes_lie_under_api(here: Place) -> None:
    for route in routes_of(here.app):
        assert route.path.startswith("/api/") or route.path in ("/healthz", "/readyz", "/metrics")


def test_the_api_describes_itself(app: httpx.Client) -> None:
    said = app.get("/api/openapi.json").json()
    assert said["openapi"].startswith("3.1")
    assert "/api/play/{camera}/{stream}/{start}/{end}.mp4" in said["paths"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8970", "LOCALHOST", "[::1]:8970", "[::1]"])
def test_this_machines_own_names_are_answered(app: httpx.Client, host: str) -> None:
    assert app.get("/healthz", headers={"Host": host}).json() == {"ok": True}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8970", "127.0.0.1.evil.example", "", "localhost.", "::1", "a@127.0.0.1"]
)
def test_other_names_are_refused_so_that_no_foreign_page_gets_in(app: httpx.Client, host: str) -> None:
    """DNS rebinding."""
    for path in ("/healthz", "/api/status", "/nothing"):
        answer = app.get(path, headers={"Host": host})
        assert answer.status_code == 421
        assert "web.names" in answer.json()["detail"]


@pytest.mark.parametrize(
    "said",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "https://localhost"},
    ],
)
def test_pages_of_other_sites_are_refused_by_our_own_name_too(app: httpx.Client, said: dict[str, str]) -> None:
    for path in ("/healthz", "/api/status", "/nothing"):
        answer = app.get(path, headers={"Host": "localhost", **said})
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "said", [{"Sec-Fetch-Site": "same-origin", "Origin": "http://LOCALHOST:80"}, {"Sec-Fetch-Site": "none"}]
)
def test_our_own_page_and_what_the_user_types_are_answered(app: httpx.Client, said: dict[str, str]) -> None:
    said = {name: value.lower() for name, value in said.items()}
    assert app.get("/healthz", headers={"Host": "LocalHost:80", **said}).json() == {"ok": True}


@pytest.mark.parametrize(
    "path",
    [
        "/api/recordings/yard?from=1152921503606846975&to=1152921503606846976",
        "/api/timeline/yard?from=253402300799000000&to=253402300800000000",
        f"/api/play/yard/main/0/1/{'9' * 30}/0-1.m4s",
        f"/api/play/yard/main/0/1/{'9' * 30}/0-1.h264.m4s",
        "/api/play/yard/main/0/1/-1/0-1.m4s",
        "/api/picture/yard/1152921503606846975.jpg",
        "/api/sprites/yard/99999-01-01/12.json",
    ],
)
def test_numbers_beyond_reason_are_problems(app: httpx.Client, path: str) -> None:
    answer = app.get(path)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_latest_time_there_is_can_be_asked_for(app: httpx.Client) -> None:
    last = 253_402_300_799_999_999
    assert app.get(f"/api/timeline/yard?from={last - 10**9}&to={last}").status_code == 200
    assert app.get(f"/api/recordings/yard?from={last - 10**9}&to={last}").status_code == 200
    assert app.get("/api/sprites/yard/9999-12-31/23.json").status_code == 200


def test_what_nobody_thought_of_is_a_problem_behind_the_same_wall(
    here: Place, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> dict[str, object]:
        raise ZeroDivisionError("of the status")

    app = make_app(replace(here.site, status=broken), here.rooms)
    with client(app) as session:
        answer = session.get("/api/status")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-security-policy"]
    assert "ZeroDivisionError" not in answer.text
    assert "of the status" in caplog.text


def test_the_status_is_made_on_the_event_loop(here: Place) -> None:
    """It counts what changes there."""
    loops: list[bool] = []

    def status() -> dict[str, object]:
        loops.append(asyncio._get_running_loop() is not None)
        return {}

    with client(make_app(replace(here.site, status=status), here.rooms)) as session:
        assert session.get("/api/status").status_code == 200
    assert loops == [True]


def test_nothing_is_shared_with_other_origins_or_kept(app: httpx.Client) -> None:
    for path in ("/healthz", "/nothing", "/api/openapi.json"):
        answer = app.get(path, headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


def test_unknown_paths_and_methods_are_problems(app: httpx.Client) -> None:
    assert app.get("/api/nothing").headers["content-type"] == "application/problem+json"
    assert app.post("/api/status").status_code == 405
    assert app.get("/api/docs").status_code == 404


def test_a_taken_port_is_said_and_the_next_one_taken(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with caplog.at_level(logging.WARNING), listen("127.0.0.1", port) as found:
            assert found.getsockname()[1] > port
            assert f"port {port} is taken" in caplog.text
            assert str(found.getsockname()[1]) in caplog.text


async def test_the_server_ends_when_it_is_cancelled_and_leaves_signals_alone(here: Place) -> None:
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    task = asyncio.create_task(serve(make_app(here.site, here.rooms), listening))
    async with httpx.AsyncClient(trust_env=False) as session:
        assert (await session.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


async def test_a_connection_that_never_says_what_it_wants_is_closed(here: Place) -> None:
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    task = asyncio.create_task(serve(make_app(here.site, here.rooms), listening))
    silent, slow, working = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    slow[1].write(b"GET /healthz HTTP/1.1\r\nHost: local")
    for _ in range(3):
        async with asyncio.timeout(10):
            working[1].write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in await working[0].readuntil(b"\r\n\r\n")
            await working[0].readexactly(len(b'{"ok":true}'))
        here.clock.advance(HEADER_S)
    async with asyncio.timeout(10):
        assert await silent[0].read() == await slow[0].read() == b""
    working[1].write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"200 OK" in await working[0].readuntil(b"\r\n\r\n")
    for _reader, writer in (silent, slow, working):
        writer.close()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_that_serves_dies_unnoticed(here: Place, tmp_path: Path) -> None:
    listening = listen("127.0.0.1", 0)
    listening.close()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(OSError, match="Bad file descriptor"):
        async with asyncio.timeout(10):
            await serve(make_app(here.site, here.rooms), listening, tls)


async def test_cancelled_twice_it_still_ends_in_order(here: Place) -> None:
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    task = asyncio.create_task(serve(make_app(here.site, here.rooms), listening))
    async with httpx.AsyncClient(trust_env=False) as session:
        assert (await session.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
    servers = {one for one in asyncio.all_tasks() if "Server.serve" in repr(one)}
    assert len(servers) == 1
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(one.done() and not one.cancelled() for one in servers)
