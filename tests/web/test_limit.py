"""What a request may bring, and links from elsewhere that lead to the page."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from redshank.web import answer, shell
from redshank.web.app import listen, serve
from redshank.web.limit import BODY, Limit
from redshank.web.rooms import Rooms
from tests.web.serving import client, place


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[httpx.Client]:
    """A server at which nobody is logged in."""
    with place(tmp_path) as here:
        here.rooms = Rooms()
        with client(here.app) as session:
            yield session


def test_what_is_announced_as_too_large_is_refused_before_it_is_sent(strangers: httpx.Client) -> None:
    """rel:S21"""
    base = strangers.base_url
    with socket.create_connection((base.host, base.port or 0), 5) as sock:
        sock.sendall(f"POST /api/login HTTP/1.1\r\nHost: {base.host}\r\nContent-Length: {10 * BODY}\r\n\r\n".encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 413 ")


def test_what_turns_out_too_large_is_refused_while_it_comes(tmp_path: Path) -> None:
    """rel:S21"""
    with place(tmp_path) as here, client(here.app) as session:
        base = session.base_url
        with socket.create_connection((base.host, base.port or 0), 10) as sock:
            head = f"POST /api/login HTTP/1.1\r\nHost: {base.host}\r\nTransfer-Encoding: chunked\r\n"
            sock.sendall(f"{head}Content-Type: application/json\r\n\r\n{BODY + 1:x}\r\n".encode())
            with contextlib.suppress(ConnectionError):  # it had heard enough
                sock.sendall(bytes(BODY + 1) + b"\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 413 ")
        assert session.get("/healthz").status_code == 200


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """rel:S21: SOCKETS of them would be all that there can be."""
    app = FastAPI()
    answer.install(app)

    @app.post("/")
    async def read(request: Request) -> int:
        return len(await request.body())

    app.add_middleware(Limit, patience_s=0.05)
    with place(tmp_path) as here:
        app.state.site = here.site
    listening = listen("127.0.0.1", 0)
    task = asyncio.create_task(serve(app, listening))
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
    async with asyncio.timeout(10):
        said = await reader.read()
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in said
    writer.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


FOLLOWED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def test_a_link_in_a_mail_leads_to_the_page(strangers: httpx.Client) -> None:
    assert strangers.get("/alerts/some-id", headers=FOLLOWED).status_code == (200 if shell.PAGE else 404)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/api/session", FOLLOWED),
        ("POST", "/alerts", FOLLOWED),
        ("GET", "/alerts", {**FOLLOWED, "Sec-Fetch-Dest": "iframe"}),
        ("GET", "/alerts", {**FOLLOWED, "Sec-Fetch-Mode": "no-cors"}),
        ("GET", "/alerts", {**FOLLOWED, "Origin": "https://evil.example"}),
    ],
)
def test_nothing_else_from_another_site_is_answered(
    strangers: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    """rel:S10"""
    assert strangers.request(method, path, headers=headers).status_code == 403
