"""A small RTSP 1.0 server (RFC 2326): live feeds to viewers as they come, never re-encoded.

RTP interleaved in the RTSP connection (§10.12), or over UDP when the viewer asks. Everything runs on one event loop: a task per
connection reads requests, and one more per playing viewer sends what its bounded queue holds (`media.feed`). It knows no web
framework. It serves RTSP out, the demo and, with `Hooks`, the tests' broken cameras.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

from redshank.clock import US_PER_S, Clock
from redshank.media.feed import Feed, Unit
from redshank.media.rtp import RtpStream, can_send, payload_type, sdp
from redshank.media.rtsp_message import (
    MAX_HEAD,
    BadRequest,
    Login,
    Request,
    Response,
    Verify,
    challenge,
    login_of,
    read_request,
)

log = logging.getLogger(__name__)

METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
REPORT_S = 5
"""Media seconds between sender reports."""
_WRITE_HIGH = 256 * 1024
_MAX_DENIED = 5
_CHANNELS = re.compile(r"interleaved=(\d{1,3})(?:-(\d{1,3}))?")
_PORTS = re.compile(r"client_port=(\d{1,5})(?:-(\d{1,5}))?")

Allow = Callable[[str, str, Verify], bool]
"""(path, user, verify) -> may watch. `user` is empty for a request without login; `verify(password)` says whether the viewer
proved to know it. Called on the loop for every request but OPTIONS."""


def anyone(path: str, user: str, verify: Verify) -> bool:
    """The `Allow` of an open server."""
    return True


Find = Callable[[str, Login, str], Awaitable[Feed | int]]
"""(path, login, viewer's address) -> what is watched there, or the status to answer: 401 asks for a login. Asked once per connection,
path and login; a feed that ends closes the connection."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    max_clients: int = 64
    max_strangers: int = 64
    """Of them from one address that were allowed nothing yet …"""
    login_s: float | None = None
    """… which they are for so long at most. None: for as long as they talk."""
    idle_s: float = 60
    """A connection that neither plays over TCP nor says anything is closed after this."""
    stall_s: float = 10
    """A viewer that takes nothing for this long is closed."""
    logins: tuple[str, ...] = ("digest", "basic")
    tls: ssl.SSLContext | None = None


def _random_time() -> int:
    return int.from_bytes(os.urandom(4), "big")


async def _as_asked(request: Request) -> Response | None:
    return None


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where tests bend the server into a broken camera."""

    answer: Callable[[Request], Awaitable[Response | None]] = _as_asked
    """Answers instead of the server when not None; may also never return."""
    rtp: Callable[[bytes], Iterable[bytes]] = lambda packet: (packet,)
    """Every RTP packet passes through it, in order."""
    first_time: Callable[[], int] = _random_time
    """RTP time of a viewer's first picture."""


@dataclass(slots=True)
class _Track:
    """One SETUP: where its packets go, and its RTP state once the first has gone."""

    number: int
    codec: str
    send_rtp: Callable[[bytes], None]
    send_rtcp: Callable[[bytes], None]
    stream: RtpStream | None = None
    next_report_s: Fraction = field(default_factory=Fraction)


class Server:
    """Serves `mounts` (path such as `/front` -> feed), which may change while it runs; or, with `find`, what that finds."""

    def __init__(
        self,
        mounts: Mapping[str, Feed],
        clock: Clock,
        settings: ServerSettings | None = None,
        allow: Allow = anyone,
        hooks: Hooks | None = None,
        find: Find | None = None,
    ) -> None:
        self.mounts = dict(mounts)
        self.find = find or self._mounted
        self.settings = settings or ServerSettings()
        self.clock = clock
        self.allow = allow
        self.hooks = hooks or Hooks()
        self.connections: set[Connection] = set()
        self.refused = 0
        """Connections closed at once because `max_clients` or `max_strangers` were there."""
        self.port = self.settings.port
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def _mounted(self, path: str, login: Login, address: str) -> Feed | int:
        if not self.allow(path, login.user, login.verify):
            return 401
        feed = self.mounts.get(path)
        return 404 if feed is None else feed

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        self._server = await asyncio.start_server(
            self._accept, self.settings.host, self.port, limit=MAX_HEAD, ssl=self.settings.tls, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection. May be called again, and `start` after it takes the same port."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if server is not None:
            await server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _peer(writer)
        strangers = sum(one.peer == peer and one.stranger for one in self.connections)
        if len(self.connections) >= self.settings.max_clients or strangers >= self.settings.max_strangers:
            self.refused += 1
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = Connection(self, reader, writer)
        self.connections.add(connection)
        try:
            await connection.run()
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError, ssl.SSLError):
            pass  # the viewer went away or we are stopping: either way this task is over
        finally:
            self.connections.discard(connection)
            await connection.close()
            self._tasks.discard(task)


def _peer(writer: asyncio.StreamWriter) -> str:
    """Address; empty of one that has gone already."""
    peername: tuple[str, ...] = writer.get_extra_info("peername") or ("",)
    return peername[0]


class Connection:
    """One viewer's TCP connection: at most one session."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.peer = _peer(writer)
        self._server = server
        self._reader = reader
        self._nonce = os.urandom(16).hex()
        self._session = os.urandom(8).hex()
        self._path = ""
        self._feed: Feed | None = None
        self._found: tuple[tuple[str, str, str], Feed] | None = None
        """What was found, for which path and login."""
        self._tracks: dict[int, _Track] = {}
        self._sockets: list[asyncio.DatagramTransport] = []
        self._playing: asyncio.Task[None] | None = None
        self._denied = 0
        self._limit = asyncio.timeout(None)
        """Runs for strangers, but not while we look whether they are."""
        self._frames: list[bytes] = []
        writer.transport.set_write_buffer_limits(high=_WRITE_HIGH)

    async def run(self) -> None:
        """Answer requests until the viewer leaves."""
        async with asyncio.timeout(self._server.settings.login_s) as self._limit:
            await self._serve()

    @property
    def stranger(self) -> bool:
        """Whether nothing was found for them yet."""
        return self._found is None

    async def _serve(self) -> None:
        while self._denied < _MAX_DENIED:
            streams_here = self._playing is not None and not self._sockets
            try:
                async with asyncio.timeout(None if streams_here else self._server.settings.idle_s):
                    request = await read_request(self._reader)
            except BadRequest as error:
                self.writer.write(Response(error.status).encode("0"))
                await self.writer.drain()
                return
            if request is None:
                continue
            response = await self._server.hooks.answer(request) or await self._answer(request)
            self.writer.write(response.encode(request.headers["cseq"]))
            await self.writer.drain()
            if request.method == "TEARDOWN" and response.status == 200:
                return
            if request.method == "PLAY" and response.status == 200 and self._playing is None:
                self._playing = asyncio.create_task(self._play())

    async def close(self) -> None:
        """Give everything back and wait for the sender to end."""
        for transport in self._sockets:
            transport.close()
        self.writer.close()
        if self._playing is not None:
            self._playing.cancel()
            with suppress(asyncio.CancelledError):
                await self._playing

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(200, (("Public", METHODS),))
        begins = request.method in ("DESCRIBE", "SETUP")
        # PLAY and TEARDOWN may name the session's base in another spelling.
        found = await self._find(request, request.path if begins else self._path or request.path)
        if found == 401:
            self._denied += "authorization" in request.headers
            return challenge(self._nonce, self._server.settings.logins)
        if begins and isinstance(found, int):
            return Response(found)
        match request.method:
            case "DESCRIBE":
                return self._describe(request, cast(Feed, found))
            case "SETUP":
                return await self._setup(request, cast(Feed, found))
            case "PLAY" | "GET_PARAMETER" | "SET_PARAMETER" | "TEARDOWN":
                return self._in_session(request)
        return Response(501, (("Public", METHODS),))

    async def _find(self, request: Request, path: str) -> Feed | int:
        """Asked again only for another path or login: a password may take long to check. A Digest is good for one request."""
        login = request.headers.get("authorization", "")
        asked = path, login, f"{request.method} {request.url}" if login.lower().startswith("digest") else ""
        if self._found is None or self._found[0] != asked:
            said = login_of(request, self._nonce, self._server.settings.logins)
            ends = self._limit.when()
            self._limit.reschedule(None)
            found = await self._server.find(path, said, self.peer)
            if isinstance(found, int):
                self._limit.reschedule(ends)
                return found
            self._found = asked, found
        return self._found[1]

    def _describe(self, request: Request, feed: Feed) -> Response:
        if not any(can_send(format) for format in feed.formats):
            return Response(503)  # a camera that was never seen, or a codec RTP has no payload for here
        base = request.url.rstrip("/") + "/"
        headers = (("Content-Base", base), ("Content-Type", "application/sdp"))
        return Response(200, headers, sdp(feed.formats).encode())

    async def _setup(self, request: Request, feed: Feed) -> Response:
        number = request.track or 0
        if number >= len(feed.formats) or not can_send(feed.formats[number]):
            return Response(404)
        if self._playing is not None or (self._feed is not None and self._feed is not feed):
            return Response(455)
        wanted = request.headers.get("transport", "")
        codec = feed.formats[number].codec
        if "TCP" in wanted.upper():
            track, transport = self._interleaved(number, codec, wanted)
        elif self._server.settings.tls is None and (ports := _PORTS.search(wanted)):
            track, transport = await self._datagrams(number, codec, int(ports[1]), int(ports[2] or int(ports[1]) + 1))
        else:
            return Response(461)  # multicast, or plain UDP beside a TLS connection
        self._feed, self._path = feed, request.path
        self._tracks[number] = track
        return Response(200, (("Transport", transport), ("Session", self._session_header())))

    def _interleaved(self, number: int, codec: str, wanted: str) -> tuple[_Track, str]:
        match = _CHANNELS.search(wanted)
        rtp = int(match[1]) & 0xFF if match else number * 2
        rtcp = int(match[2]) & 0xFF if match and match[2] else rtp + 1 & 0xFF

        def sender(channel: int) -> Callable[[bytes], None]:
            head = b"$" + bytes([channel])
            return lambda packet: self._frames.append(head + len(packet).to_bytes(2, "big") + packet)

        return _Track(number, codec, sender(rtp), sender(rtcp)), f"RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}"

    async def _datagrams(self, number: int, codec: str, rtp: int, rtcp: int) -> tuple[_Track, str]:
        """Two sockets that send to the viewer's own address only, whatever the header says."""
        loop = asyncio.get_running_loop()
        here: str = self.writer.get_extra_info("sockname")[0]
        made = []
        for port in (rtp, rtcp):
            transport, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=(here, 0), remote_addr=(self.peer, port & 0xFFFF)
            )
            made.append(transport)
            self._sockets.append(transport)
        ours = "-".join(str(transport.get_extra_info("sockname")[1]) for transport in made)
        header = f"RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={ours}"
        return _Track(number, codec, made[0].sendto, made[1].sendto), header

    def _session_header(self) -> str:
        return f"{self._session};timeout={round(self._server.settings.idle_s)}"

    def _in_session(self, request: Request) -> Response:
        given = request.headers.get("session", "").partition(";")[0].strip()
        if request.method in ("PLAY", "TEARDOWN") and (not self._tracks or given != self._session):
            return Response(454)
        headers: tuple[tuple[str, str], ...] = (("Session", self._session_header()),) if self._tracks else ()
        if request.method == "PLAY":  # no RTP-Info: the first picture's time is not known before it comes
            headers += (("Range", "npt=now-"),)
        return Response(200, headers)

    async def _play(self) -> None:
        """Send units until the feed ends, the viewer leaves, or it stalls."""
        assert self._feed is not None
        by_kind = {self._feed.formats[number].kind: track for number, track in self._tracks.items()}
        start_us = self._server.clock.now()
        origin_s: Fraction | None = None
        try:
            with self._feed.subscribe() as units:
                async for unit in units:
                    track = by_kind.get(unit.format.kind)
                    if track is None or unit.pts is None:
                        continue
                    if unit.format.codec != track.codec:
                        break  # another codec than described: the viewer has to ask again
                    at_s = unit.pts * unit.format.time_base
                    origin_s = at_s if origin_s is None else origin_s
                    self._send(track, unit, origin_s, start_us + int((at_s - origin_s) * US_PER_S))
                    await self._flush()
            for track in self._tracks.values():
                if track.stream is not None:
                    track.send_rtcp(track.stream.bye())
            await self._flush()
        except (ConnectionError, TimeoutError):
            log.info("rtsp viewer gone or stalled path=%s", self._path)
        finally:
            self.writer.close()

    def _send(self, track: _Track, unit: Unit, origin_s: Fraction, wall_us: int) -> None:
        pts = unit.pts or 0
        at_s = pts * unit.format.time_base
        if track.stream is None:
            ssrc = int.from_bytes(os.urandom(4), "big")
            number = payload_type(unit.format, track.number)
            track.stream = RtpStream(number, ssrc, self._server.hooks.first_time(), origin_s)
            track.next_report_s = at_s
        if at_s >= track.next_report_s:
            track.send_rtcp(track.stream.report(pts, unit.format, wall_us))
            track.next_report_s = at_s + REPORT_S
        for packet in track.stream.packets(unit):
            for sent in self._server.hooks.rtp(packet):
                track.send_rtp(sent)

    async def _flush(self) -> None:
        """One write for all packets of a unit; waits only while the viewer is behind."""
        if self._frames:
            self.writer.write(b"".join(self._frames))
            self._frames.clear()
        if self.writer.transport.get_write_buffer_size() > _WRITE_HIGH:
            async with asyncio.timeout(self._server.settings.stall_s):
                await self.writer.drain()
