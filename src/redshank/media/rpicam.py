"""The Raspberry Pi's own camera (CSI), through the program `rpicam-vid`: H.264 from the Pi's encoder on its standard output.

`csi:0` is the first camera. Fixed arguments, no shell. The stream carries no times: arrival is the time. One reader thread.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from redshank.errors import SourceError, SourceMissing, SourceUnusable
from redshank.media.nal import parameter_sets
from redshank.media.pyav import following
from redshank.media.settings import SourceSettings
from redshank.media.source import RawPacket
from redshank.model import StreamFormat

# libcamera-vid is the same program under the name it had before Debian 12.
PROGRAMS = ("rpicam-vid", "libcamera-vid")
CHUNK = 64 * 1024
MAX_WORDS = 4096


def open_csi(settings: SourceSettings) -> CsiSource:
    """Raises SourceMissing when the program or the camera is, SourceUnusable for a bad address."""
    number = settings.url.partition(":")[2] or "0"
    if not number.isdigit():
        raise SourceUnusable(f"{settings.url} names no camera; use csi:0 for the first one")
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        raise SourceMissing("rpicam-vid is not installed; on Raspberry Pi OS run `sudo apt install rpicam-apps-lite`")
    return CsiSource([program, *arguments(settings, int(number))], settings)


def arguments(settings: SourceSettings, number: int) -> list[str]:
    """What rpicam-vid is told, besides its name."""
    width, height, fps = settings.width or 1920, settings.height or 1080, settings.fps or 15
    return [
        "--timeout", "0", "--nopreview", "--camera", str(number), "--codec", "h264", "--inline", "--flush",
        "--width", str(width), "--height", str(height), "--framerate", f"{fps:g}",
        "--intra", str(max(1, round(fps * settings.keyframe_s))), "--output", "-",
    ]  # fmt: skip


class CsiSource:
    """A running rpicam-vid. `close` from any thread ends the program, and with it a blocked read."""

    def __init__(self, argv: Sequence[str], settings: SourceSettings) -> None:
        self._closing = False
        self._reading = False
        self._words = b""
        self.formats: Sequence[StreamFormat] = (
            StreamFormat(
                "video", "h264", Fraction(1, 90_000), b"", settings.width or 1920, settings.height or 1080, settings.fps
            ),
        )
        try:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
            )
        except OSError as error:
            raise SourceMissing(f"{argv[0]} cannot be started: {error.strerror}") from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._out, self._err = self._process.stdout, self._process.stderr
        os.set_blocking(self._err.fileno(), False)

    def packets(self) -> Iterator[RawPacket]:
        parser = av.CodecContext.create("h264", "r")
        assert isinstance(parser, VideoCodecContext)
        self._reading = True
        try:
            for chunk in self._chunks():
                for packet in parser.parse(chunk):
                    if self._closing:
                        return
                    yield self._raw(bytes(packet))
            if not self._closing:
                raise SourceError(f"rpicam-vid ended: {self._last_words()}")
        finally:
            self._reading = False
            self.close()

    def close(self) -> None:
        self._closing = True
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if not self._reading:
            self._out.close()
            self._err.close()

    def _chunks(self) -> Iterator[bytes]:
        """What it writes, while what it says is heard: a pipe nobody reads would stop it."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._out, selectors.EVENT_READ)
            waiting.register(self._err, selectors.EVENT_READ)
            while not self._closing:
                for key, _ in waiting.select():
                    data = os.read(key.fd, CHUNK)
                    if key.fileobj is self._err and not data:
                        waiting.unregister(self._err)
                    elif key.fileobj is self._err:
                        self._words = (self._words + data)[-MAX_WORDS:]
                    elif not data:
                        return
                    else:
                        yield data

    def _raw(self, data: bytes) -> RawPacket:
        # --inline puts the parameter sets before every keyframe and nowhere else.
        key = bool(parameter_sets("h264", data))
        if key:
            self.formats = (following(self.formats[0], data),)
        return RawPacket(self.formats[0], None, None, 0, key, data)

    def _last_words(self) -> str:
        self.close()
        self._words += self._err.read() or b""
        lines = self._words.decode(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "no camera is connected, or another program uses it"
