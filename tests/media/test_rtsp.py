"""The RTSP server against a client of a few lines and against FFmpeg: what it answers, to whom, and what it survives."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import av
import pytest

from redshank.clock import SystemClock
from redshank.media.feed import Viewers
from redshank.media.loop import Clip, play, read_clip
from redshank.media.rtsp import Allow, Server, ServerSettings, anyone
from redshank.media.rtsp_message import Verify
from tests.harness.certificate import certificate
from tests.harness.fake_camera import CameraSettings, FakeCamera
from tests.harness.footage import cached_clip


class Client:
    """One RTSP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, base: str) -> None:
        self.reader, self.writer, self.base = reader, writer, base
        self.cseq = 0
        self.session = ""

    async def ask(self, method: str, path: str = "", *lines: str) -> tuple[int, dict[str, str], str]:
        """Status, headers, body. Packets that come in between are passed over."""
        self.cseq += 1
        session = (f"Session: {self.session}",) if self.session else ()
        text = [f"{method} {self.base}{path} RTSP/1.0", f"CSeq: {self.cseq}", *session, *lines]
        return await self.send("\r\n".join(text).encode() + b"\r\n\r\n")

    async def send(self, data: bytes) -> tuple[int, dict[str, str], str]:
        self.writer.write(data)
        async with asyncio.timeout(5):
            while (first := await self.reader.readexactly(1)) == b"$":
                head = await self.reader.readexactly(3)
                await self.reader.readexactly(int.from_bytes(head[1:], "big"))
            lines = (first + await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        self.session = headers.get("session", self.session).partition(";")[0]
        return int(lines[0].split(" ")[1]), headers, body.decode()

    async def packet(self) -> tuple[int, bytes]:
        """The next interleaved packet: channel, bytes."""
        async with asyncio.timeout(5):
            dollar, channel, size = struct.unpack(">BBH", await self.reader.readexactly(4))
            assert dollar == 0x24
            return channel, await self.reader.readexactly(size)

    async def closed(self) -> bool:
        """Whether the server ends the connection, within 5 s."""
        async with asyncio.timeout(5):
            while await self.reader.read(65536):
                pass
        return True


@asynccontextmanager
async def serving(
    clip: Clip | None = None, settings: ServerSettings | None = None, allow: Allow = anyone
) -> AsyncIterator[tuple[Server, Viewers]]:
    """A server with `/cam` (the clip, looping, or a feed the test fills)."""
    clock = SystemClock()
    feed = Viewers(clip.formats if clip else read_clip(cached_clip(1, fps=50, gop_s=0.2, audio="aac")).formats)
    server = Server({"/cam": feed}, clock, settings, allow)
    await server.start()
    player = asyncio.create_task(play(clip, feed.offer, clock)) if clip else None
    try:
        yield server, feed
    finally:
        if player is not None:
            player.cancel()
        await server.stop()


async def connect(server: Server, **kwargs: Any) -> Client:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, **kwargs)
    return Client(reader, writer, f"rtsp://127.0.0.1:{server.port}")


async def test_a_viewer_is_told_what_there_is_and_gets_it_until_it_says_goodbye() -> None:
    async with serving(read_clip(cached_clip(1, fps=50, gop_s=0.2, audio="aac"))) as (server, feed):
        client = await connect(server)
        status, headers, _ = await client.ask("OPTIONS", "/cam")
        assert (status, "SET_PARAMETER" in headers["public"]) == (200, True)
        status, headers, body = await client.ask("DESCRIBE", "/cam", "Accept: application/sdp")
        assert (status, headers["content-base"]) == (200, f"{client.base}/cam/")
        assert "a=rtpmap:96 H264/90000" in body
        assert "sprop-parameter-sets=" in body
        assert "a=rtpmap:97 MPEG4-GENERIC/48000/2" in body
        assert "config=1190" in body
        for track, channels in ((0, "0-1"), (1, "2-3")):
            status, headers, _ = await client.ask(
                "SETUP", f"/cam/trackID={track}", f"Transport: RTP/AVP/TCP;unicast;interleaved={channels}"
            )
            assert (status, headers["transport"]) == (200, f"RTP/AVP/TCP;unicast;interleaved={channels}")
        assert (await client.ask("PLAY", "/cam/"))[0] == 200
        first = await client.packet()
        assert (first[0], first[1][1]) == (1, 200), "a sender report comes before the first picture"
        channels_seen = {(await client.packet())[0] for _ in range(60)}
        assert {0, 2} <= channels_seen
        assert (await client.ask("GET_PARAMETER", "/cam/"))[0] == 200
        assert (await client.ask("SET_PARAMETER", "/cam/"))[0] == 200
        assert (await client.ask("TEARDOWN", "/cam/"))[0] == 200
        assert await client.closed()
        assert len(feed) == 0


@pytest.mark.parametrize(
    ("method", "path", "line", "status"),
    [
        ("DESCRIBE", "/other", "", 404),
        ("DESCRIBE", "/empty", "", 503),
        ("SETUP", "/cam/trackID=9", "Transport: RTP/AVP/TCP;interleaved=0-1", 404),
        ("SETUP", "/cam/trackID=0", "Transport: RTP/AVP;multicast", 461),
        ("PLAY", "/cam", "Session: 123", 454),
        ("TEARDOWN", "/cam", "", 454),
        ("RECORD", "/cam", "", 501),
    ],
)
async def test_what_cannot_be_is_answered_with_its_status(method: str, path: str, line: str, status: int) -> None:
    async with serving() as (server, _):
        server.mounts["/empty"] = Viewers()
        client = await connect(server)
        assert (await client.ask(method, path, line or "X: y"))[0] == status
        assert (await client.ask("OPTIONS", "/cam"))[0] == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"OPTIONS rtsp://h/cam RTSP/1.0\r\n\r\n", 400),
        (b"OPTIONS rtsp://[h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400),
        (b"OPTIONS rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -5\r\n\r\n", 400),
        (b"SET_PARAMETER rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999999999\r\n\r\n", 413),
        (b"OPTIONS rtsp://h/cam RTSP/1.0\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 413),
        (b"OPTIONS rtsp://h/cam RTSP/1.0\r\nX: " + b"a" * 90_000, 413),
        (b"\xff\xfe\x00 \x01 RTSP/1.0\r\n\r\n", 400),
    ],
    ids=["http", "no-cseq", "bad-url", "bad-length", "huge-body", "long-head", "endless-head", "binary"],
)
async def test_nonsense_is_answered_once_and_the_connection_ends(data: bytes, status: int) -> None:
    async with serving() as (server, _):
        client = await connect(server)
        assert (await client.send(data))[0] == status
        assert await client.closed()
        assert (await (await connect(server)).ask("OPTIONS", "/cam"))[0] == 200


def only(password: str) -> Allow:
    def allow(path: str, user: str, verify: Verify) -> bool:
        return path == "/cam" and user == "anna" and verify(password)

    return allow


def digest(nonce: str, method: str, uri: str, password: str, qop: bool = False) -> str:
    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    middle = f"{nonce}:00000001:abcd:auth" if qop else nonce
    response = md5(f"{md5(f'anna:redshank:{password}')}:{middle}:{md5(f'{method}:{uri}')}")
    extra = ', qop=auth, nc=00000001, cnonce="abcd"' if qop else ""
    return f'Authorization: Digest username="anna", realm="redshank", nonce="{nonce}", uri="{uri}", response="{response}"{extra}'


@pytest.mark.parametrize("qop", [False, True])
async def test_digest_lets_in_who_knows_the_password_and_nobody_else(qop: bool) -> None:
    async with serving(settings=ServerSettings(logins=("digest",)), allow=only("p@:/#ß")) as (server, _):
        client = await connect(server)
        status, headers, _ = await client.ask("DESCRIBE", "/cam")
        assert status == 401
        uri = f"{client.base}/cam"
        nonce = headers["www-authenticate"].partition('nonce="')[2].partition('"')[0]
        right = digest(nonce, "DESCRIBE", uri, "p@:/#ß", qop)
        assert (await client.ask("DESCRIBE", "/cam", right))[0] == 200
        assert (await client.ask("DESCRIBE", "/cam", digest(nonce, "DESCRIBE", uri, "wrong", qop)))[0] == 401
        assert (await client.ask("SETUP", "/cam/trackID=0", right, "Transport: RTP/AVP/TCP"))[0] == 401
        other = await connect(server)
        assert (await other.ask("DESCRIBE", "/cam", right))[0] == 401, (
            "a login of one connection is worth nothing on another"
        )


async def test_basic_works_too_and_guessing_ends_the_connection() -> None:
    async with serving(allow=only("secret")) as (server, _):
        client = await connect(server)

        def basic(text: str) -> str:
            return f"Authorization: Basic {base64.b64encode(text.encode()).decode()}"

        assert (await client.ask("DESCRIBE", "/cam", basic("anna:secret")))[0] == 200
        for wrong in ("anna:guess", "anna", "berta:secret", "", "\xff"):
            assert (await client.ask("DESCRIBE", "/cam", basic(wrong)))[0] == 401
        assert await client.closed()


async def test_too_many_connections_are_cut_and_counted() -> None:
    async with serving(settings=ServerSettings(max_clients=2)) as (server, _):
        clients = [await connect(server) for _ in range(2)]
        for client in clients:
            await client.ask("OPTIONS", "/cam")
        third = await connect(server)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await third.ask("OPTIONS", "/cam")
        assert server.refused == 1


async def test_a_connection_that_says_nothing_is_closed() -> None:
    async with serving(settings=ServerSettings(idle_s=0.1)) as (server, _):
        assert await (await connect(server)).closed()


async def test_strangers_have_few_places_and_lose_them_whatever_they_say() -> None:
    settings = ServerSettings(max_strangers=2, login_s=0.5)
    async with serving(settings=settings, allow=only("right")) as (server, _):
        login = f"Authorization: Basic {base64.b64encode(b'anna:right').decode()}"
        guest = await connect(server)
        assert (await guest.ask("DESCRIBE", "/cam", login))[0] == 200
        first, second = [await connect(server) for _ in range(2)]
        assert [(await one.ask("OPTIONS"))[0] for one in (first, second)] == [200, 200]
        assert await (await connect(server)).closed()
        assert server.refused == 1
        assert (await first.ask("DESCRIBE", "/cam"))[0] == 401
        assert await first.closed()
        assert await second.closed()
        assert (await guest.ask("OPTIONS"))[0] == 200
        again = await connect(server)
        assert (await again.ask("OPTIONS"))[0] == 200


async def watched(feed: Viewers, count: int) -> None:
    """Let the loop run until so many have subscribed."""
    for _ in range(1000):
        if len(feed) == count:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"{len(feed)} viewers")


async def start_playing(client: Client, track: int = 0) -> None:
    await client.ask("SETUP", f"/cam/trackID={track}", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
    assert (await client.ask("PLAY", "/cam"))[0] == 200


async def test_a_viewer_that_takes_nothing_loses_its_own_packets_only_and_is_closed() -> None:
    clip = read_clip(cached_clip(2))
    settings = ServerSettings(stall_s=0.3)
    async with serving(settings=settings) as (server, feed):
        feed.formats = clip.formats
        stuck, quick = await connect(server), await connect(server)
        for client in (stuck, quick):
            await start_playing(client)
        await watched(feed, 2)
        unit = clip.units[0]
        heavy = type(unit)(unit.format, 0, 0, 0, True, unit.data + bytes(range(1, 201)) * 2000)
        got = 0
        async with asyncio.timeout(20):
            while len(feed) == 2:
                feed.offer(heavy)
                got += len((await quick.packet())[1])
                while quick.reader._buffer:  # type: ignore[attr-defined] # drained without waiting for more
                    got += len((await quick.packet())[1])
        assert feed.dropped > 0
        assert await stuck.closed()
        before = feed.dropped
        feed.offer(heavy)
        await quick.packet()
        assert feed.dropped == before


async def test_the_end_of_the_feed_is_a_goodbye() -> None:
    clip = read_clip(cached_clip(2))
    async with serving() as (server, feed):
        client = await connect(server)
        await start_playing(client)
        await watched(feed, 1)
        feed.offer(clip.units[0])
        feed.end()
        async with asyncio.timeout(5):
            everything = await client.reader.read(-1)
        assert everything[:2] + everything[5:6] == b"$\x01\xc8", "a sender report first"
        assert everything[-12:-8] + everything[-7:-6] == b"$\x01\x00\x08\xcb", "a goodbye last"


async def test_over_tls_nothing_is_sent_beside_the_encrypted_connection() -> None:
    settings = ServerSettings(tls=certificate().server_context())
    async with serving(settings=settings) as (server, _):
        client = await connect(server, ssl=certificate().client_context())
        assert (await client.ask("DESCRIBE", "/cam"))[0] == 200
        assert (await client.ask("SETUP", "/cam/trackID=0", "Transport: RTP/AVP;unicast;client_port=5000-5001"))[
            0
        ] == 461
        assert (await client.ask("SETUP", "/cam/trackID=0", "Transport: RTP/AVP/TCP;unicast"))[0] == 200


async def test_stop_and_start_take_the_same_port_and_leave_no_task() -> None:
    async with serving(read_clip(cached_clip(1, fps=50, gop_s=0.2))) as (server, feed):
        before = asyncio.all_tasks()
        client = await connect(server)
        await start_playing(client)
        await client.packet()
        port = server.port
        await server.stop()
        await server.stop()
        assert await client.closed()
        assert asyncio.all_tasks() == before
        assert len(feed) == 0
        await server.start()
        assert server.port == port
        assert (await (await connect(server)).ask("OPTIONS", "/cam"))[0] == 200


@pytest.mark.parametrize(
    ("codec", "audio", "bframes"), [("libx264", "aac", 2), ("libx265", "aac", 0), ("libx264", "pcm_alaw", 0)]
)
def test_ffmpeg_decodes_pictures_and_sound_over_the_loop_point(codec: str, audio: str, bframes: int) -> None:
    clip = cached_clip(1, fps=50, codec=codec, audio=audio, bframes=bframes, gop_s=0.2)
    options = {"rtsp_transport": "tcp", "fpsprobesize": "0"}
    with FakeCamera(clip) as camera, av.open(camera.url, options=options, timeout=(5, 3)) as container:
        dts: dict[str, list[int]] = {"video": [], "audio": []}
        pictures = sounds = 0
        for packet in container.demux():
            assert isinstance(packet.stream, av.VideoStream | av.AudioStream)
            kind = packet.stream.type
            if packet.dts is not None:
                dts[kind].append(packet.dts)
            frames = packet.decode()
            pictures, sounds = pictures + len(frames) * (kind == "video"), sounds + len(frames) * (kind == "audio")
            if pictures >= 75:
                break
    assert sounds > 10
    assert {later - sooner for sooner, later in pairwise(dts["video"])} == {90_000 // 50}
    assert all(sooner < later for sooner, later in pairwise(dts["audio"]))


def test_ffmpeg_logs_in_with_basic_where_digest_is_not_offered() -> None:
    settings = CameraSettings(user="anna", password="p@:/#?%", logins=("basic",))
    options = {"rtsp_transport": "tcp", "fpsprobesize": "0"}
    clip = cached_clip(1, fps=50, gop_s=0.2)
    with FakeCamera(clip, settings) as camera, av.open(camera.url, options=options, timeout=(5, 3)) as container:
        assert next(container.demux(video=0)).size > 0
