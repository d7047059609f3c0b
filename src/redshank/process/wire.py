"""Packets from capture to vision and the hub, and sockets handed from the hub to both.

A stream's format is sent once and named by number afterwards; a packet's header is a short JSON list. One `Sender` and one
`Receiver` per connection: they remember which formats the other side has.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from redshank.model import Packet, StreamFormat
from redshank.pipe import Note, PipeBroken

FORMAT = "format"
PACKET = "packet"
HELLO = "hello"
"""The first note of whoever is connected to capture: `role` is vision or live."""


class Sender:
    """Packets → notes."""

    def __init__(self) -> None:
        self._numbers: dict[int, tuple[int, StreamFormat]] = {}
        self._next = 0

    def notes(self, packet: Packet) -> list[Note]:
        """The packet, preceded by its format when that is new."""
        number, told = self.known(packet.format)
        return [*told, _packet(packet, number)]

    def known(self, form: StreamFormat) -> tuple[int, list[Note]]:
        """Its number, and what must be said first so that the other side knows it."""
        known = self._numbers.get(id(form))
        if known is not None and known[1] is form:
            return known[0], []
        self._next += 1
        # The format is kept alive with its number, so that another object cannot take its id.
        self._numbers = {k: v for k, v in self._numbers.items() if self._next - v[0] < 256}
        self._numbers[id(form)] = (self._next, form)
        return self._next, [_format(form, self._next)]


class Receiver:
    """Notes → packets."""

    def __init__(self) -> None:
        self._formats: dict[int, StreamFormat] = {}

    def format(self, number: int) -> StreamFormat | None:
        """Told under this number."""
        return self._formats.get(number)

    def packet(self, note: Note) -> Packet | None:
        """None for a note that only told a format. Raises PipeBroken on nonsense."""
        try:
            if note.kind == FORMAT:
                number, rest = note.header["n"], note.header
                self._formats[number] = _format_of(rest, note.body)
                return None
            camera, stream, epoch, seq, number, time, mono_ns, pts, dts, duration, keyframe = note.header["p"]
            form = self._formats[number]
        except (KeyError, ValueError, TypeError) as error:
            raise PipeBroken("malformed packet between processes") from error
        return Packet(camera, stream, epoch, seq, form, time, mono_ns, pts, dts, duration, bool(keyframe), note.body)


def _format(form: StreamFormat, number: int) -> Note:
    header = {
        "n": number,
        "kind": form.kind,
        "codec": form.codec,
        "tb": [form.time_base.numerator, form.time_base.denominator],
        "size": [form.width, form.height],
        "fps": form.declared_fps,
        "sound": [form.sample_rate, form.channels],
    }
    return Note(FORMAT, header, form.extradata)


def _format_of(header: Mapping[str, Any], extradata: bytes) -> StreamFormat:
    width, height = header["size"]
    sample_rate, channels = header["sound"]
    base = Fraction(*header["tb"])
    return StreamFormat(
        header["kind"], header["codec"], base, extradata, width, height, header["fps"], sample_rate, channels
    )


def _packet(p: Packet, number: int) -> Note:
    fields = [p.camera, p.stream, p.epoch, p.seq, number, p.time, p.mono_ns, p.pts, p.dts, p.duration, int(p.keyframe)]
    return Note(PACKET, {"p": fields}, p.data)


def hand_over(through: socket.socket, given: socket.socket) -> None:
    """Give another process a socket of ours. Raises OSError when it is gone."""
    socket.send_fds(through, [b"s"], [given.fileno()])


def take_over(through: socket.socket) -> socket.socket | None:
    """The socket another process gives us; None when it is gone. Blocks, or raises BlockingIOError on a non-blocking one."""
    message, fds, _flags, _address = socket.recv_fds(through, 1, 1)
    return socket.socket(fileno=fds[0]) if message and fds else None
