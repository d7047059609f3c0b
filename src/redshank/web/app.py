"""The web application, and the server it runs in: on the hub's event loop, on loopback only until there are logins."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import ssl

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI

from redshank.errors import ConfigError, RedshankError
from redshank.web import (
    alert,
    alerts,
    answer,
    auditing,
    cameras,
    configuring,
    download,
    entering,
    events,
    exporting,
    gallery,
    glancing,
    holding,
    insights,
    lanes,
    live_hls,
    living,
    logs,
    media,
    metrics,
    models,
    onvif,
    passes,
    people,
    pictures,
    probing,
    recordings,
    reviewing,
    shell,
    system,
    thumbs,
    transcoding,
    trust,
    trying,
    updates,
    whep,
)
from redshank.web.crowd import SOCKETS, Shared, watch
from redshank.web.front import Make, welcome
from redshank.web.guard import Wall, failed, guard
from redshank.web.heavy import room
from redshank.web.limit import Limit
from redshank.web.rooms import Rooms
from redshank.web.site import WebSite, rechecked

log = logging.getLogger(__name__)

THREADS = 8
"""For routes that block on database or disk."""
MESSAGE = 1 << 16
"""Bytes a browser may say at once through a socket."""
UNSENT = 1 << 17
"""Bytes the kernel takes for a connection beyond what is on its way."""
STOP_S = 2
NEIGHBOURS = 50
"""Ports tried after the wanted one."""


PARTS = (
    entering,
    people,
    passes,
    auditing,
    glancing,
    living,
    whep,
    live_hls,
    # A transcoded chunk's name would also do for one that is not: it is looked for first.
    transcoding,
    media,
    pictures,
    recordings,
    probing,
    onvif,
    trust,
    trying,
    models,
    cameras,
    configuring,
    alerts,
    alert,
    thumbs,
    events,
    reviewing,
    exporting,
    holding,
    lanes,
    gallery,
    download,
    updates,
    insights,
    system,
    metrics,
    logs,
)
"""Modules with `routes`, in the order in which an address is looked for."""


class WebEnded(RedshankError):
    """Nobody asked it to."""


def make_app(site: WebSite, rooms: Rooms) -> FastAPI:
    """Everything under /api, and /healthz."""
    app = FastAPI(
        title="Redshank",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(guard)],
        redirect_slashes=False,
    )
    app.state.site = rechecked(site)
    app.state.rooms = rooms
    app.state.heavy = room()
    for part in PARTS:
        app.include_router(part.routes)
    answer.install(app)
    app.add_exception_handler(Exception, failed)
    app.include_router(shell.routes)
    app.add_middleware(Limit)
    app.add_middleware(Wall, names=rooms.names)
    return app


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens: on this port, or on the next free one, which is said. Raises ConfigError when there is none.

    host: empty: every address of this machine.
    """
    both = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both or ":" in host else socket.AF_INET
    for candidate in [port, *range(port + 1, min(port + NEIGHBOURS, 65_536))]:
        try:
            listening = socket.create_server((host, candidate), family=family, dualstack_ipv6=both)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            raise ConfigError(f"web: cannot listen on {host or 'the network'}: {error.strerror}") from error
        if candidate != port:
            log.warning("web: port %d is taken by another program, the page is on port %d instead", port, candidate)
        # Else head and body of an answer wait 40 ms for one another (asyncio sets it only where it made the socket itself).
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Else the kernel holds ten seconds of live pictures for a viewer who is slow, who should skip to the newest instead.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        return listening
    raise ConfigError(
        f"web: ports {port} to {port + NEIGHBOURS} of {host or 'this machine'} are all taken: set web.port to a free one"
    )


async def serve(app: FastAPI, listening: socket.socket, tls: ssl.SSLContext | None = None, proxies: str = "") -> None:
    """Until cancelled; then what is being sent has STOP_S. The hub keeps its own signal handlers. Raises what ended it.

    tls: HTTPS, and plain HTTP is sent there. proxies: networks whose X-Forwarded-For and -Proto are believed, separated by commas.
    """
    current_default_thread_limiter().total_tokens = THREADS
    # What is there by now stays: looking through it again at each full collection stopped everything for 30 to 60 ms.
    gc.collect()
    gc.freeze()
    logging.getLogger("uvicorn.error").addFilter(_said_of_us)
    server = uvicorn.Server(_settings(app, proxies))
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    running = asyncio.ensure_future(server.serve(sockets=[] if tls else [listening]))
    beside = [asyncio.ensure_future(watch(server, app.state.site.clock))]
    if tls:
        beside.append(asyncio.ensure_future(welcome(listening, _protocol(server), tls)))
    try:
        await asyncio.wait({running, *beside}, return_when=asyncio.FIRST_COMPLETED)
        for ended in (running, *beside):
            if ended.done():
                ended.result()
        raise WebEnded("the web server has ended by itself")
    finally:
        for one in beside:
            one.cancel()
        server.should_exit = True
        await _ended(running)
        listening.close()


async def _ended(task: asyncio.Future[None]) -> None:
    """Within STOP_S + 1 s, however often this is cancelled meanwhile: nobody may close the socket under the server."""
    waiting = asyncio.ensure_future(asyncio.wait({task}, timeout=STOP_S + 1))
    while not waiting.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(waiting)
    task.cancel()


def _settings(app: FastAPI, proxies: str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Shared,
        ws="websockets-sansio",
        ws_max_size=MESSAGE,
        ws_per_message_deflate=False,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=SOCKETS,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=STOP_S,
    )


def _said_of_us(record: logging.LogRecord) -> bool:
    """uvicorn 0.54 says of every socket that was refused with an answer (ASGI "WebSocket Denial Response") that it got none."""
    return "without completing handshake" not in str(record.msg)


def _protocol(server: uvicorn.Server) -> Make:
    """As the server itself makes it for a connection."""
    config = server.config

    def make() -> asyncio.Protocol:
        made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
            config=config, server_state=server.server_state, app_state=server.lifespan.state
        )
        return made

    return make
