"""A camera that speaks HTTP: MJPEG (multipart), one JPEG, and HTTP-FLV, all of the same looping clip.

    /mjpeg         multipart/x-mixed-replace, one part a frame
    /snapshot.jpg  the latest frame
    /live.flv      the clip's own packets in FLV, stamped like the RTSP camera's

It runs in a thread with its own event loop; knobs are set from the test's thread and hold from the next frame or request on.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import av

from redshank.clock import SystemClock
from redshank.media.feed import Unit, Viewers
from redshank.media.loop import Clip, endless, read_clip
from redshank.media.source import RawPacket
from tests.harness.footage import cached_clip
from tests.harness.http_server import HttpRequest, HttpServer, answer
from tests.harness.stamp import Stamp, add_stamp

_FIELD = re.compile(r'(\w+)="?([^",]*)"?')


@dataclass(slots=True)
class HttpFaults:
    stopped: bool = False
    """No frames; connections stay open, a snapshot is not answered."""
    half_open: bool = False
    """Requests are read and never answered."""
    frozen: bool = False
    """The same picture again and again."""
    status: int = 0
    """Answer every request with this, e.g. 503."""
    body: bytes | None = None
    """Answer every request with 200 and this instead of pictures."""
    missing_length: bool = False
    """MJPEG parts without Content-Length, as some cameras send them."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    user: str = ""
    password: str = ""
    login: str = "digest"
    """digest or basic."""
    port: int = 0


class HttpCamera:
    """Use as a context manager. `journal` has a Stamp for every frame made."""

    def __init__(
        self, clip: Path | None = None, settings: HttpSettings = HttpSettings(), faults: HttpFaults | None = None
    ) -> None:
        path = clip or cached_clip(10)
        self.settings = settings
        self.faults = faults or HttpFaults()
        self.journal: list[Stamp] = []
        self._clock = SystemClock()
        self._path = path
        self._clip = read_clip(path)
        self._pictures = _jpegs(path)
        self._jpeg_format = replace(self._clip.formats[0], codec="mjpeg", extradata=b"")
        self._pictures_now = Viewers((self._jpeg_format,))
        self._packets_now = Viewers(self._clip.formats)
        self._latest = b""
        self._nonce = os.urandom(8).hex()
        self._server = HttpServer(self._handle)
        self._server.port = settings.port

    def __enter__(self) -> HttpCamera:
        self._server.start()
        self._player = self._server.thread.run(lambda: asyncio.ensure_future(self._play()))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._server.close()

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def mjpeg_url(self) -> str:
        return self._url("/mjpeg")

    @property
    def snapshot_url(self) -> str:
        return self._url("/snapshot.jpg")

    @property
    def flv_url(self) -> str:
        return self._url("/live.flv")

    @property
    def viewers(self) -> int:
        """Streams being sent now (not snapshots)."""
        return len(self._pictures_now) + len(self._packets_now)

    def refuse(self) -> None:
        """Off: port and connections closed; `accept` is on again, on the same port."""
        self._server.stop()

    def accept(self) -> None:
        self._server.start()

    def reset(self) -> None:
        self._server.reset()

    def _url(self, path: str) -> str:
        login = f"{quote(self.settings.user, '')}:{quote(self.settings.password, '')}@" if self.settings.user else ""
        return f"http://{login}127.0.0.1:{self.port}{path}"

    async def _play(self) -> None:
        """Everything at the pace of the clip. Pictures are shown in order of pts, packets sent in order of dts."""
        start_ns, count, shown = self._clock.mono_ns(), 0, 0
        for played in endless(self._clip):
            await self._clock.sleep(max(0.0, float(played.due_s) - (self._clock.mono_ns() - start_ns) / 1e9))
            unit = played.unit
            if unit.format.kind == "audio":
                self._offer_packet(unit)
                continue
            if not self.faults.frozen:
                shown = count % len(self._pictures)
            stamp = Stamp(played.round, shown, self._clock.mono_ns(), self._clock.now())
            self.journal.append(stamp)
            self._offer_packet(add_stamp(unit, stamp))
            self._latest = self._pictures[shown]
            if not self.faults.stopped:
                ticks = unit.dts or 0
                self._pictures_now.offer(RawPacket(self._jpeg_format, ticks, ticks, unit.duration, True, self._latest))
            count += 1

    def _offer_packet(self, unit: RawPacket) -> None:
        if not self.faults.stopped:
            self._packets_now.offer(unit)

    async def _handle(self, request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        if self.faults.half_open:
            await asyncio.Event().wait()
        if self.settings.user and not _knows(request, self.settings, self._nonce):
            writer.write(answer(401, headers={"WWW-Authenticate": self._challenge()}))
        elif self.faults.status:
            writer.write(answer(self.faults.status))
        elif self.faults.body is not None:
            writer.write(answer(200, self.faults.body, {"Content-Type": "image/jpeg"}))
        elif request.path.startswith("/mjpeg"):
            await self._send_mjpeg(writer)
        elif request.path.startswith("/snapshot.jpg"):
            while self.faults.stopped or not self._latest:
                await self._clock.sleep(0.02)
            writer.write(answer(200, self._latest, {"Content-Type": "image/jpeg"}))
        elif request.path.startswith("/live.flv"):
            await self._send_flv(writer)
        else:
            writer.write(answer(404))

    def _challenge(self) -> str:
        return (
            f'Digest realm="camera", nonce="{self._nonce}", qop="auth"'
            if self.settings.login == "digest"
            else 'Basic realm="camera"'
        )

    async def _send_mjpeg(self, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\nConnection: close\r\n\r\n"
        )
        with self._pictures_now.subscribe() as units:
            async for unit in units:
                length = b"" if self.faults.missing_length else f"Content-Length: {len(unit.data)}\r\n".encode()
                writer.write(b"--frame\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n" + unit.data + b"\r\n")
                await writer.drain()

    async def _send_flv(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nConnection: close\r\n\r\n")
        with self._packets_now.subscribe() as units, av.open(str(self._path)) as template:
            muxer = _FlvMuxer(template, self._clip)
            async for unit in units:
                writer.write(muxer.add(unit))
                await writer.drain()


class _FlvMuxer:
    """Units in, FLV bytes out; timestamps start near 0."""

    def __init__(self, template: av.container.InputContainer, clip: Clip) -> None:
        self._out = io.BytesIO()
        self._container = av.open(self._out, "w", format="flv", options={"flush_packets": "1"})
        kinds = [format.kind for format in clip.formats]
        self._streams = {
            stream.type: self._container.add_stream_from_template(stream)
            for stream in template.streams
            if stream.type in kinds and isinstance(stream, av.VideoStream | av.AudioStream)
        }
        self._first_s: Fraction | None = None

    def add(self, unit: Unit) -> bytes:
        assert isinstance(unit, RawPacket)
        assert unit.pts is not None
        assert unit.dts is not None
        base = unit.format.time_base
        if self._first_s is None:
            self._first_s = unit.dts * base
        offset = round(self._first_s / base)
        packet = av.Packet(unit.data)
        packet.pts, packet.dts, packet.time_base = unit.pts - offset, unit.dts - offset, base
        packet.duration, packet.is_keyframe = unit.duration, unit.keyframe
        packet.stream = self._streams[unit.format.kind]
        self._container.mux(packet)
        made = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return made


def _jpegs(path: Path) -> list[bytes]:
    """Every picture of a clip as a JPEG, in order of display."""
    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        coder = av.CodecContext.create("mjpeg", "w")
        assert isinstance(coder, av.VideoCodecContext)
        coder.width, coder.height, coder.pix_fmt = stream.width, stream.height, "yuvj420p"
        coder.time_base = Fraction(1, 25)
        coder.options = {"qscale": "4"}
        return [b"".join(map(bytes, _coded(coder, frame, n))) for n, frame in enumerate(clip.decode(stream))]


def _coded(coder: av.VideoCodecContext, frame: av.VideoFrame, number: int) -> Iterator[av.Packet[av.VideoStream]]:
    picture = frame.reformat(format="yuvj420p")
    picture.pts, picture.time_base = number, Fraction(1, 25)
    yield from coder.encode(picture)


def _knows(request: HttpRequest, settings: HttpSettings, nonce: str) -> bool:
    """RFC 7617 Basic, or RFC 7616 Digest with MD5 and qop=auth."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic" and settings.login == "basic":
        try:
            return base64.b64decode(rest).decode() == f"{settings.user}:{settings.password}"
        except (binascii.Error, UnicodeDecodeError):
            return False
    if scheme.lower() != "digest" or settings.login != "digest":
        return False
    got = dict(_FIELD.findall(rest))
    ha1 = _md5(f"{settings.user}:camera:{settings.password}")
    ha2 = _md5(f"{request.method}:{got.get('uri', '')}")
    middle = f"{nonce}:{got.get('nc', '')}:{got.get('cnonce', '')}:auth" if "qop" in got else nonce
    return got.get("username") == settings.user and got.get("response") == _md5(f"{ha1}:{middle}:{ha2}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
