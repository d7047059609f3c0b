"""A stamp on every access unit: an SEI user-data unit (H.264 Annex D.1.6, H.265 D.2.6) that stream copy keeps.

It says which frame of which round this is and when it was sent. It is added while sending; the pictures are not touched.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace

from redshank.media.rtp import length_size, nal_type, nal_units
from redshank.media.source import RawPacket

_UUID = b"redshank-harness"
_BODY = struct.Struct(">IIQQ")


@dataclass(frozen=True, slots=True)
class Stamp:
    round: int
    """How often the clip had been played before."""
    number: int
    """The number the picture shows."""
    mono_ns: int
    """Sender's monotonic clock (the machine's own: comparable between processes on it)."""
    wall_us: int


def add_stamp(unit: RawPacket, stamp: Stamp) -> RawPacket:
    """The same access unit with the stamp before its first slice."""
    codec = unit.format.codec
    payload = _UUID + _BODY.pack(stamp.round, stamp.number, stamp.mono_ns, stamp.wall_us)
    head = b"\x06" if codec == "h264" else b"\x4e\x01"
    sei = head + _escaped(bytes([5, len(payload)]) + payload) + b"\x80"
    prefix = length_size(unit.format)
    nals = nal_units(unit.data, prefix)
    first_slice = next((i for i, nal in enumerate(nals) if _is_slice(nal, codec)), len(nals))
    nals.insert(first_slice, sei)
    if prefix:
        data = b"".join(len(nal).to_bytes(prefix, "big") + nal for nal in nals)
    else:
        data = b"".join(b"\0\0\0\1" + nal for nal in nals)
    return replace(unit, data=data)


def read_sei(data: bytes) -> Stamp | None:
    """The stamp of an access unit, Annex B or length-prefixed; None when there is none or it is damaged."""
    at = data.find(_UUID)
    if at < 0:
        return None
    body = _plain(data[at + len(_UUID) : at + len(_UUID) + _BODY.size * 2])
    return Stamp(*_BODY.unpack_from(body)) if len(body) >= _BODY.size else None


def _is_slice(nal: bytes, codec: str) -> bool:
    return 1 <= nal_type(nal, codec) <= 5 if codec == "h264" else nal_type(nal, codec) < 32


def _escaped(body: bytes) -> bytes:
    """Emulation prevention (H.264 §7.3.1): no 00 00 00–03 inside a NAL unit."""
    return re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\0\0\3", body)


def _plain(body: bytes) -> bytes:
    return body.replace(b"\0\0\3", b"\0\0")
