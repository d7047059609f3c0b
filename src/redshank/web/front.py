"""One port for HTTPS: who speaks TLS is served, who speaks plain HTTP is sent to the same address with https and nothing else.

On the event loop. Which it is, the first byte tells (a TLS handshake record begins with 22, RFC 8446 §5.1), looked at without being
taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import ssl
from collections.abc import Callable

from redshank.web.crowd import room_for

log = logging.getLogger(__name__)

HANDSHAKE = 0x16
FIRST_S = 3.0
"""So long somebody may say nothing after connecting."""
PATIENCE_S = 10.0
"""So long all that comes before the first request may take."""
UNDECIDED = 200
"""Connections of whom we do not know yet; the next waits. Of one address a share: `crowd.room_for`."""
MOST_BYTES = 8192
_ASKED = re.compile(rb"[A-Z]{3,10} (?P<path>/[!-~]{0,2000}) HTTP/1\.[01]\r\n")
_HOST = re.compile(
    rb"\r\nhost:[ \t]*(?P<host>[a-z0-9.\-]{1,253}|\[[0-9a-f:.]{2,45}\])(?P<port>:\d{1,5})?[ \t]*\r\n", re.I
)

Make = Callable[[], asyncio.Protocol]


async def welcome(listening: socket.socket, make: Make, tls: ssl.SSLContext) -> None:
    """Take connections until cancelled. make: the server's protocol for one of them."""
    listening.setblocking(False)
    loop = asyncio.get_running_loop()
    room = asyncio.Semaphore(UNDECIDED)
    waiting: dict[asyncio.Task[None], str] = {}

    def decided(task: asyncio.Task[None]) -> None:
        del waiting[task]
        room.release()

    try:
        while True:
            await room.acquire()
            sock, address = await _next(listening)
            if not room_for(address, waiting.values()):
                sock.close()
                room.release()
                continue
            task = loop.create_task(_take(sock, make, tls))
            waiting[task] = address
            task.add_done_callback(decided)
    finally:
        for task in waiting:
            task.cancel()


async def _next(listening: socket.socket) -> tuple[socket.socket, str]:
    """The next connection, and from where; too many open files only make it late."""
    while True:
        try:
            sock, address = await asyncio.get_running_loop().sock_accept(listening)
        except OSError as error:
            log.warning("web: a connection could not be taken: %s", error.strerror)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 1)
        else:
            return sock, str(address[0])


async def _take(sock: socket.socket, make: Make, tls: ssl.SSLContext) -> None:
    """One connection; whatever it does wrong ends it and nothing else."""
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    kept = False
    try:
        async with asyncio.timeout(PATIENCE_S):
            async with asyncio.timeout(FIRST_S):
                first = await _first_byte(sock)
            if first == HANDSHAKE:
                kept = True
                await loop.connect_accepted_socket(make, sock, ssl=tls, ssl_handshake_timeout=PATIENCE_S)
            elif first is not None:
                await loop.sock_sendall(sock, elsewhere(await loop.sock_recv(sock, MOST_BYTES)))
    except (OSError, TimeoutError):
        pass
    finally:
        if not kept:
            sock.close()


async def _first_byte(sock: socket.socket) -> int | None:
    """Without taking it; None: they went."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock, _mark, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock)
    with contextlib.suppress(BlockingIOError):
        peeked = sock.recv(1, socket.MSG_PEEK)
        return peeked[0] if peeked else None
    return None


def _mark(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def elsewhere(request: bytes) -> bytes:
    """The whole answer to a plain request. Pure."""
    asked, host = _ASKED.match(request), _HOST.search(request)
    if asked is None or host is None:
        return b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    to = b"https://" + host["host"] + (host["port"] or b"") + asked["path"]
    return b"HTTP/1.1 301 Moved Permanently\r\nLocation: " + to + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
