"""A camera that is only software: loops a clip over RTSP, stamps every frame, keeps a journal, and breaks in every way asked.

It is `redshank.media.rtsp` bent through its hooks, in a thread with its own event loop. Knobs are set from the test's thread
while it runs; each takes effect with the next frame or request. `python -m tests.harness.fake_camera CLIP` runs one by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import struct
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from redshank.clock import NS_PER_S, SystemClock
from redshank.media.feed import Viewers
from redshank.media.loop import Clip, Played, endless, read_clip, shift
from redshank.media.rtsp import Hooks, Server, ServerSettings
from redshank.media.rtsp_message import Request, Response, Verify
from redshank.media.source import RawPacket
from tests.harness.certificate import certificate
from tests.harness.footage import cached_clip
from tests.harness.loop_thread import LoopThread
from tests.harness.stamp import Stamp, add_stamp

NO_TIME = 0xFFFFFFFF
"""The RTP time FFmpeg takes for none."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One frame the camera made."""

    stamp: Stamp
    keyframe: bool
    viewers: int
    """How many were watching; 0 while packets were stopped."""


@dataclass(slots=True)
class Faults:
    """What is wrong with the camera. Everything may be changed while it runs."""

    stopped: bool = False
    """No packets; TCP stays open and requests are answered. With `half_open` the whole camera hangs."""
    half_open: bool = False
    """Connections are accepted and nothing is answered."""
    frozen: bool = False
    """The same picture again and again."""
    flip: float = 0
    """Share of media bytes with one bit turned over."""
    drop: float = 0
    """Share of RTP packets that are lost."""
    reorder: float = 0
    """Share of RTP packets that come after the next one."""
    jump_s: Fraction = field(default_factory=Fraction)
    """Added to every timestamp from now on."""
    same_time: int = 0
    """So many next frames repeat the last timestamp."""
    no_time: int = 0
    """So many next frames come without a timestamp."""
    head_bytes: int = 0
    """Size of a nonsense header in every answer."""
    sdp_bytes: int = 0
    """Size of nonsense attributes in the SDP."""
    redirect: str = ""
    """DESCRIBE answers 302 to this address."""


@dataclass(frozen=True, slots=True)
class CameraSettings:
    path: str = "/cam"
    port: int = 0
    user: str = ""
    password: str = ""
    logins: tuple[str, ...] = ("digest", "basic")
    first_time: int | None = None
    """RTP time of a viewer's first picture; e.g. 2**32 - 5 * 90000. None = random."""
    delivered_fps: Fraction | None = None
    """Frames come (and are timed) at this rate while SDP and SPS claim the clip's own."""
    drift_ppm: float = 0
    """How much faster than true its clock runs: frames come early by so much, their timestamps do not show it."""
    with_audio: bool = True
    backlog: bool = False
    """Viewers begin with everything since the last keyframe, at once; else they wait for the next, as with most cameras."""
    tls: bool = False
    """rtsps with the certificate of `tests.harness.certificate`; TCP only."""
    seed: int = 1
    """Of the random faults."""


class FakeCamera:
    """Use as a context manager: `with FakeCamera(clip) as camera: open(camera.url)`."""

    def __init__(
        self, clip: Path | None = None, settings: CameraSettings = CameraSettings(), faults: Faults | None = None
    ) -> None:
        self.settings = settings
        self.faults = faults or Faults()
        self.journal: list[Sent] = []
        """Append-only; read it from any thread."""
        self._clock = SystemClock()
        self._random = random.Random(settings.seed)
        self._changed = threading.Condition()
        self._held: list[bytes] = []
        self._pressed: tuple[RawPacket, int] | None = None
        self._last_pts: int | None = 0
        self._clip = self._read(clip or cached_clip(10))
        self._numbers = _display_numbers(self._clip)
        self._next: Clip | None = None
        self._viewers = Viewers(self._clip.formats, settings.backlog)
        self._hooks = Hooks(answer=self._bend_answer, rtp=self._bend_rtp)
        if settings.first_time is not None:
            first = settings.first_time
            self._hooks = replace(self._hooks, first_time=lambda: first)
        self._server = Server(
            {settings.path: self._viewers},
            self._clock,
            ServerSettings(
                port=settings.port,
                logins=settings.logins,
                tls=certificate().server_context() if settings.tls else None,
            ),
            self._allow,
            self._hooks,
        )

    def __enter__(self) -> FakeCamera:
        self._thread = LoopThread("fake-camera")
        self._thread.call(self._server.start())
        self._player = self._thread.run(lambda: asyncio.ensure_future(self._play()))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._thread.call(self._server.stop())
        self._thread.stop()

    # -- for the test's thread

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        """With the login in it, as a user would type it."""
        login = f"{quote(self.settings.user, '')}:{quote(self.settings.password, '')}@" if self.settings.user else ""
        return f"rtsp{'s' * self.settings.tls}://{login}127.0.0.1:{self.port}{self.settings.path}"

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def refuse(self) -> None:
        """Off: the port is closed and so is every connection. `answer` switches it on again, on the same port."""
        self._thread.call(self._server.stop())

    def answer(self) -> None:
        self._thread.call(self._server.start())

    def reset(self) -> None:
        """Cut every connection with a TCP reset; new ones are welcome."""
        self._thread.run(self._reset)

    def jump(self, seconds: float) -> None:
        """All later timestamps are moved by this."""
        self.faults.jump_s += Fraction(seconds)

    def switch(self, clip: Path) -> None:
        """Go on with another clip (resolution, codec parameters) from its first keyframe."""
        self._next = self._read(clip)

    def wait_sent(self, count: int, timeout_s: float = 20) -> None:
        """Block until so many frames are in the journal."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.journal) >= count, timeout_s), "the camera makes no frames"

    def wait_viewers(self, count: int, timeout_s: float = 20) -> None:
        """Block until exactly so many viewers play; looked at with every frame."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.viewers == count, timeout_s), f"{self.viewers} viewers"

    # -- on the loop

    def _read(self, path: Path) -> Clip:
        """The clip as this camera describes and sends it."""
        clip = read_clip(path)
        kept = tuple(format for format in clip.formats if self.settings.with_audio or format.kind == "video")
        stretch = Fraction(1)
        if self.settings.delivered_fps is not None:
            stretch = Fraction(kept[0].declared_fps) / self.settings.delivered_fps
        made = {format: replace(format, time_base=format.time_base * stretch) for format in kept}
        units = tuple(replace(unit, format=made[unit.format]) for unit in clip.units if unit.format in made)
        return Clip(tuple(made.values()), units, clip.length_s * stretch)

    async def _play(self) -> None:
        """Rounds of the clip on one timeline; a switch begins a new one where the old stopped."""
        speed = 1 + self.settings.drift_ppm / 1e6
        start_ns, begun_s = self._clock.mono_ns(), Fraction(0)
        while True:
            for played in endless(self._clip):
                at_s = begun_s + played.due_s
                due_ns = start_ns + int(at_s * NS_PER_S / speed)
                await self._clock.sleep(max(0.0, (due_ns - self._clock.mono_ns()) / NS_PER_S))
                if self._next is not None:
                    break
                self._send(played, begun_s)
            assert self._next is not None
            begun_s = at_s
            self._clip, self._next = self._next, None
            self._numbers = _display_numbers(self._clip)
            self._viewers.formats = self._clip.formats
            self._pressed = None

    def _send(self, played: Played, begun_s: Fraction) -> None:
        unit = shift(played.unit, begun_s + self.faults.jump_s)
        if unit.format.kind == "audio":
            if not self.faults.stopped:
                self._viewers.offer(unit)
            return
        number = self._numbers[played.index]
        if self.faults.frozen and self._pressed is not None:
            pressed, number = self._pressed
            unit = replace(pressed, pts=unit.pts, dts=unit.dts)
        elif unit.keyframe:
            self._pressed = unit, number
        stamp = Stamp(played.round, number, self._clock.mono_ns(), self._clock.now())
        sent = add_stamp(self._timed(unit), stamp)
        watching = 0 if self.faults.stopped else self.viewers
        with self._changed:
            self.journal.append(Sent(stamp, unit.keyframe, watching))
            self._changed.notify_all()
        if not self.faults.stopped:
            self._viewers.offer(sent)

    def _timed(self, unit: RawPacket) -> RawPacket:
        if self.faults.same_time > 0:
            self.faults.same_time -= 1
            return replace(unit, pts=self._last_pts)
        self._last_pts = unit.pts
        return unit

    def _allow(self, path: str, user: str, verify: Verify) -> bool:
        return not self.settings.user or (user == self.settings.user and verify(self.settings.password))

    async def _bend_answer(self, request: Request) -> Response | None:
        while self.faults.half_open:
            await self._clock.sleep(0.05)
        if self.faults.redirect and request.method == "DESCRIBE":
            return Response(302, (("Location", self.faults.redirect),))
        if self.faults.sdp_bytes and request.method == "DESCRIBE":
            return Response(200, (("Content-Type", "application/sdp"),), b"v=0\r\na=x:" + b"A" * self.faults.sdp_bytes)
        if self.faults.head_bytes:
            return Response(200, (("X-Long", "A" * self.faults.head_bytes),))
        return None

    def _bend_rtp(self, packet: bytes) -> Iterable[bytes]:
        """Lost, late and damaged packets. Over TCP they are lost before framing, as a bad camera loses them."""
        chance = self._random.random
        if self.faults.no_time and packet[1] & 0x7F == 96:
            self.faults.no_time -= packet[1] >> 7
            packet = packet[:4] + NO_TIME.to_bytes(4, "big") + packet[8:]
        if self.faults.flip:
            packet = self._flipped(packet)
        if self.faults.drop and chance() < self.faults.drop:
            return ()
        if self.faults.reorder and not self._held and chance() < self.faults.reorder:
            self._held.append(packet)
            return ()
        late, self._held = self._held, []
        return (packet, *late)

    def _flipped(self, packet: bytes) -> bytes:
        body = bytearray(packet)
        for at in range(12, len(body)):
            if self._random.random() < self.faults.flip:
                body[at] ^= 1 << self._random.randrange(8)
        return bytes(body)

    def _reset(self) -> None:
        for connection in tuple(self._server.connections):
            sock: socket.socket = connection.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.writer.transport.abort()


def _display_numbers(clip: Clip) -> list[int]:
    """For each unit of the clip the number its picture shows: its place in order of pts (B-frames come out of order)."""
    video = [index for index, unit in enumerate(clip.units) if unit.format.kind == "video"]
    numbers = [-1] * len(clip.units)
    for rank, index in enumerate(sorted(video, key=lambda index: clip.units[index].pts or 0)):
        numbers[index] = rank
    return numbers


def main() -> None:
    """A camera in a process of its own; prints its address and runs until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clip", type=Path)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    with FakeCamera(asked.clip, CameraSettings(port=asked.port)) as camera:
        print(camera.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
