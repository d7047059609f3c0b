"""Packets to RTP, and the SDP that describes them. Pure: no sockets, no clock.

H.264 as single NAL units and FU-A (RFC 6184), H.265 likewise (RFC 7798), AAC as AAC-hbr (RFC 3640), G.711 (RFC 3551); sender
reports (RFC 3550 §6.4.1). Nothing is re-encoded. Video data may be Annex B or length-prefixed: the extradata says which.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction

from redshank.clock import US_PER_S
from redshank.media.feed import Unit
from redshank.model import StreamFormat

MAX_PAYLOAD = 1400
"""Bytes behind the RTP header: fits an Ethernet frame, and what cameras use."""
VIDEO_RATE = 90_000
_NTP_EPOCH_S = 2_208_988_800
"""1900-01-01 to 1970-01-01."""
_G711 = {"pcm_alaw": ("PCMA", 8), "pcm_mulaw": ("PCMU", 0)}
_PARAMETER_SETS = {"h264": (7, 8), "hevc": (32, 33, 34)}

Payload = tuple[bytes, bool, int]
"""Payload, marker, ticks of the RTP clock after the unit's own time."""


def can_send(format: StreamFormat) -> bool:
    """Whether there is an RTP payload for it here."""
    return (
        format.codec in _PARAMETER_SETS or format.codec in _G711 or (format.codec == "aac" and bool(format.extradata))
    )


def clock_rate(format: StreamFormat) -> int:
    return VIDEO_RATE if format.kind == "video" else format.sample_rate


def nal_type(nal: bytes, codec: str) -> int:
    return nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F


def length_size(format: StreamFormat) -> int:
    """Bytes of the length before each NAL unit; 0 for Annex B (ISO/IEC 14496-15 §5.3.3.1, §8.3.3.1)."""
    extra = format.extradata
    if format.codec == "h264" and len(extra) >= 7 and extra[0] == 1:
        return (extra[4] & 3) + 1
    if format.codec == "hevc" and len(extra) >= 23 and extra[0] == 1:
        return (extra[21] & 3) + 1
    return 0


def nal_units(data: bytes, prefix: int) -> list[bytes]:
    """Split an access unit; `prefix` as from `length_size`. A damaged length ends the list."""
    if prefix:
        units, at = [], 0
        while at + prefix <= len(data):
            size = int.from_bytes(data[at : at + prefix], "big")
            units.append(data[at + prefix : at + prefix + size])
            at += prefix + size
    else:
        units = [unit.rstrip(b"\0") for unit in data.split(b"\0\0\1")[1:]]
    return [unit for unit in units if len(unit) > 2]


def parameter_sets(format: StreamFormat) -> list[bytes]:
    """VPS, SPS and PPS of the extradata, in that order; empty when they only travel in band."""
    extra, wanted = format.extradata, _PARAMETER_SETS.get(format.codec, ())
    if not length_size(format):
        sets = nal_units(extra, 0)
    elif format.codec == "h264":
        sets = _sets_of_avcc(extra)
    else:
        sets = _sets_of_hvcc(extra)
    kept = [unit for unit in sets if len(unit) > 2 and nal_type(unit, format.codec) in wanted]
    return sorted(kept, key=lambda unit: nal_type(unit, format.codec))


def _counted(extra: bytes, at: int, count: int) -> tuple[list[bytes], int]:
    """`count` byte strings, each behind its 16-bit length, and where they end. Damaged lengths end the list."""
    units: list[bytes] = []
    while len(units) < count and at + 2 <= len(extra):
        size = int.from_bytes(extra[at : at + 2], "big")
        units.append(extra[at + 2 : at + 2 + size])
        at += 2 + size
    return units, at


def _sets_of_avcc(extra: bytes) -> list[bytes]:
    sps, at = _counted(extra, 6, extra[5] & 0x1F)
    pps, _ = _counted(extra, at + 1, extra[at]) if at < len(extra) else ([], at)
    return sps + pps


def _sets_of_hvcc(extra: bytes) -> list[bytes]:
    sets: list[bytes] = []
    at = 23
    for _ in range(extra[22]):
        units, at = _counted(extra, at + 3, int.from_bytes(extra[at + 1 : at + 3], "big"))
        sets += units
    return sets


def _fragments(data: bytes, size: int) -> Iterator[tuple[bytes, bool, bool]]:
    """Pieces of at most `size` bytes with (is first, is last)."""
    for at in range(0, len(data), size):
        yield data[at : at + size], at == 0, at + size >= len(data)


def _video_payloads(unit: Unit) -> Iterator[Payload]:
    codec = unit.format.codec
    nals = nal_units(unit.data, length_size(unit.format))
    sets = _PARAMETER_SETS[codec]
    if unit.keyframe and not any(nal_type(nal, codec) == sets[-2] for nal in nals):
        nals = parameter_sets(unit.format) + nals  # a viewer may begin at any keyframe, and parameters may have changed
    for index, nal in enumerate(nals):
        last_nal = index == len(nals) - 1
        if len(nal) <= MAX_PAYLOAD:
            yield nal, last_nal, 0
            continue
        if codec == "h264":  # FU indicator keeps F and NRI, type 28; FU header has the type
            head, kind, body = bytes([nal[0] & 0xE0 | 28]), nal[0] & 0x1F, nal[1:]
        else:  # payload header with type 49, layer and temporal ids kept
            head, kind, body = bytes([nal[0] & 0x81 | 49 << 1, nal[1]]), nal[0] >> 1 & 0x3F, nal[2:]
        for piece, first, last in _fragments(body, MAX_PAYLOAD - 3):
            yield head + bytes([first << 7 | last << 6 | kind]) + piece, last_nal and last, 0


def _aac_payloads(data: bytes) -> Iterator[Payload]:
    head = struct.pack(">HH", 16, len(data) << 3 & 0xFFFF)  # 13 bits of size, 3 of index, as fmtp says
    for piece, _, last in _fragments(data, MAX_PAYLOAD - 4):
        yield head + piece, last, 0


def _g711_payloads(unit: Unit) -> Iterator[Payload]:
    channels = max(1, unit.format.channels)
    size = MAX_PAYLOAD // channels * channels
    for index, (piece, _, _) in enumerate(_fragments(unit.data, size)):
        yield piece, False, index * size // channels


def payloads(unit: Unit) -> Iterator[Payload]:
    if unit.format.kind == "video":
        return _video_payloads(unit)
    return _aac_payloads(unit.data) if unit.format.codec == "aac" else _g711_payloads(unit)


class RtpStream:
    """RTP state of one track of one viewer. `first_time` is the RTP time of `origin_s` on the feed's own timeline."""

    def __init__(self, payload_type: int, ssrc: int, first_time: int, origin_s: Fraction) -> None:
        self._type = payload_type
        self._ssrc = ssrc
        self._first_time = first_time
        self._origin_s = origin_s
        self._seq = ssrc & 0xFFFF
        self.packets_sent = 0
        self._bytes_sent = 0

    def rtp_time(self, pts: int, format: StreamFormat) -> int:
        rate = clock_rate(format)
        ticks = pts * format.time_base.numerator * rate // format.time_base.denominator
        return (self._first_time + ticks - int(self._origin_s * rate)) & 0xFFFFFFFF

    def packets(self, unit: Unit) -> Iterator[bytes]:
        """The RTP packets of one unit. `unit.pts` must not be None."""
        time = self.rtp_time(unit.pts or 0, unit.format)
        for payload, marker, later in payloads(unit):
            head = struct.pack(
                ">BBHII", 0x80, marker << 7 | self._type, self._seq, time + later & 0xFFFFFFFF, self._ssrc
            )
            self._seq = self._seq + 1 & 0xFFFF
            self.packets_sent += 1
            self._bytes_sent += len(payload)
            yield head + payload

    def report(self, pts: int, format: StreamFormat, wall_us: int) -> bytes:
        """Sender report and CNAME: the picture or sound of `pts` belongs to wall time `wall_us`."""
        seconds, micros = divmod(wall_us, US_PER_S)
        ntp = (seconds + _NTP_EPOCH_S & 0xFFFFFFFF) << 32 | (micros << 32) // US_PER_S
        counts = self.packets_sent & 0xFFFFFFFF, self._bytes_sent & 0xFFFFFFFF
        report = struct.pack(">BBHIQIII", 0x80, 200, 6, self._ssrc, ntp, self.rtp_time(pts, format), *counts)
        name = b"\x01\x08redshank\0\0"  # SDES item CNAME, ended by zeros up to a word
        return report + struct.pack(">BBHI", 0x81, 202, 1 + len(name) // 4, self._ssrc) + name

    def bye(self) -> bytes:
        return struct.pack(">BBHI", 0x81, 203, 1, self._ssrc)


def payload_type(format: StreamFormat, track: int) -> int:
    """A static type for 8 kHz mono G.711 (RFC 3551 §6), else a dynamic one."""
    if format.codec in _G711 and (format.sample_rate, format.channels) == (8000, 1):
        return _G711[format.codec][1]
    return 96 + track


def sdp(formats: Sequence[StreamFormat]) -> str:
    """Session description (RFC 4566) of the formats `can_send` allows; track n has the control address `trackID=n`."""
    lines = [
        "v=0",
        "o=- 0 1 IN IP4 0.0.0.0",
        "s=Redshank",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=range:npt=now-",
        "a=control:*",
    ]
    for track, format in enumerate(formats):
        if can_send(format):
            lines += _media_lines(format, track)
    return "\r\n".join(lines) + "\r\n"


def _media_lines(format: StreamFormat, track: int) -> Iterator[str]:
    number = payload_type(format, track)
    yield f"m={format.kind} 0 RTP/AVP {number}"
    if format.kind == "video":
        yield f"a=rtpmap:{number} {'H264' if format.codec == 'h264' else 'H265'}/{VIDEO_RATE}"
        yield f"a=fmtp:{number} {_video_parameters(format)}"
        if format.declared_fps:
            yield f"a=framerate:{format.declared_fps:g}"
    elif format.codec == "aac":
        yield f"a=rtpmap:{number} MPEG4-GENERIC/{format.sample_rate}/{format.channels}"
        yield (
            f"a=fmtp:{number} streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
            f"config={format.extradata.hex()}"
        )
    else:
        yield f"a=rtpmap:{number} {_G711[format.codec][0]}/{format.sample_rate}/{format.channels}"
    yield f"a=control:trackID={track}"


def _video_parameters(format: StreamFormat) -> str:
    sets = parameter_sets(format)
    coded = [(nal_type(unit, format.codec), base64.b64encode(unit).decode()) for unit in sets]
    if format.codec == "h264":
        sps = next((unit for unit in sets if nal_type(unit, "h264") == 7), b"")
        profile = f";profile-level-id={sps[1:4].hex()}" if sps else ""
        joined = f";sprop-parameter-sets={','.join(text for _, text in coded)}" if coded else ""
        return f"packetization-mode=1{profile}{joined}"
    names = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}
    return ";".join(f"{names[kind]}={text}" for kind, text in coded) or "sprop-max-don-diff=0"
