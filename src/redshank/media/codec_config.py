"""What an MP4 file says about its codecs, and packets brought into the form it wants. Pure.

avcC and hvcC: ISO/IEC 14496-15 §5.3.3.1 and §8.3.3.1; esds: ISO/IEC 14496-1 §7.2.6 and 14496-14; AudioSpecificConfig and ADTS:
ISO/IEC 14496-3 §1.6.2.1 and §1.A.2. A packet may come as Annex B or with lengths before its NAL units; a file has 4-byte lengths,
and the parameter sets only in its head (`avc1`, `hvc1`: what Safari plays).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from redshank.errors import SourceUnusable, StoreError
from redshank.media.box import box, full_box, inner
from redshank.media.nal import HIGH_PROFILES, START_CODE, Bits, is_annexb, picture_size
from redshank.media.rtp import length_size, nal_type, nal_units, parameter_sets
from redshank.model import StreamFormat

VIDEO_SCALE = 90_000
"""Ticks per second of a file's picture track; its sound has the sample rate."""
CODECS = frozenset({"h264", "hevc"})
SETS = {"h264": (7, 8), "hevc": (32, 33, 34)}
"""Parameter sets: SPS, PPS and VPS, SPS, PPS."""
SUPERFLUOUS = {"h264": frozenset({9, 10, 11, 12}), "hevc": frozenset({35, 36, 37, 38})}
"""Delimiters, ends and filler: no part of a picture, and not wanted in a file."""
SAMPLE_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
"""Of AAC, by index (ISO/IEC 14496-3 table 1.18)."""
_LENGTH = struct.Struct(">I")
_VISUAL = struct.Struct(">6xH16xHHIIIH32sHh")
_SOUND = struct.Struct(">6xH8xHHHHI")


def video_format(format: StreamFormat, keyframe: bytes) -> StreamFormat:
    """As a file describes it: extradata is avcC or hvcC with 4-byte lengths, the size that of the SPS, the time base the file's.

    Sets that the extradata lacks are taken from the keyframe. Raises SourceUnusable when there are none, or they make no sense.
    """
    if format.codec not in CODECS:
        raise SourceUnusable(f"video codec {format.codec} is not recorded; set the camera to H.264 or H.265")
    codec, sets = format.codec, parameter_sets(format)
    if {nal_type(unit, codec) for unit in sets} != set(SETS[codec]):
        sets = sets_of(codec, units(keyframe, length_size(format))) or sets
    sets = list(dict.fromkeys(sets))
    groups = [[unit for unit in sets if nal_type(unit, codec) == kind] for kind in SETS[codec]]
    size = picture_size(codec, b"".join(START_CODE + unit for unit in sets))
    if not all(groups) or size is None or not all(0 < side < 1 << 16 for side in size):
        raise SourceUnusable(
            "the camera's stream does not say how it is encoded (no parameter sets); restart the camera"
        )
    try:
        record = _avcc(*groups) if codec == "h264" else _hvcc(groups)
    except (IndexError, struct.error) as error:
        raise SourceUnusable("the camera's parameter sets are damaged; restart the camera") from error
    return StreamFormat("video", codec, Fraction(1, VIDEO_SCALE), record, *size)


def audio_format(format: StreamFormat) -> StreamFormat | None:
    """As a file describes it, extradata an AudioSpecificConfig; None for anything but AAC that an MP4 file can hold."""
    if format.codec != "aac" or not (0 < format.sample_rate < 1 << 16):
        return None
    config = format.extradata or audio_config(format.sample_rate, format.channels)
    return replace(format, time_base=Fraction(1, format.sample_rate), extradata=config)


def audio_config(sample_rate: int, channels: int) -> bytes:
    """AudioSpecificConfig of AAC-LC."""
    if sample_rate in SAMPLE_RATES:
        return struct.pack(">H", 2 << 11 | SAMPLE_RATES.index(sample_rate) << 7 | channels << 3)
    return (2 << 35 | 15 << 31 | sample_rate << 7 | channels << 3).to_bytes(5, "big")


def setup_of(formats: Sequence[StreamFormat], lead: int) -> str:
    """16 hex digits, equal exactly for files with equal tracks. `lead`: 1/100 s from decoding the first picture to showing it."""
    said = [(f.kind, f.codec, f.extradata.hex(), f.width, f.height, f.sample_rate, f.channels) for f in formats]
    return hashlib.sha256(repr((lead, said)).encode()).hexdigest()[:16]


def codec_name(format: StreamFormat) -> str:
    """RFC 6381, of a format that `video_format` or `audio_format` made: what a browser is asked whether it can play.

    Video: ISO/IEC 14496-15 annex E.
    """
    record = format.extradata
    match format.codec:
        case "aac":
            return f"mp4a.40.{record[0] >> 3 if record else 2}"
        case "h264":
            return f"avc1.{record[1:4].hex()}"
    space, tier, profile = record[1] >> 6, record[1] >> 5 & 1, record[1] & 31
    compatible = int(f"{int.from_bytes(record[2:6], 'big'):032b}"[::-1], 2)
    constraints = "".join(f".{byte:x}" for byte in record[6:12].rstrip(b"\0"))
    return f"hvc1.{'ABC'[space - 1] if space else ''}{profile}.{compatible:x}.{'LH'[tier]}{record[12]}{constraints}"


# -- packets


def units(data: bytes, prefix: int) -> list[bytes]:
    """The NAL units of a packet. `prefix`: length bytes its format declares, 0 for Annex B; the packet itself has the last word."""
    if prefix and not data.startswith(b"\0\0\0\1"):
        return nal_units(data, prefix)
    return nal_units(data, 0 if is_annexb(data) else 4)


def sets_of(codec: str, nals: Sequence[bytes]) -> list[bytes]:
    """The parameter sets among them."""
    return [unit for unit in nals if nal_type(unit, codec) in SETS[codec]]


def picture_parts(codec: str, nals: Sequence[bytes], known: frozenset[bytes]) -> list[bytes]:
    """What a file keeps of a picture: lengths and units in turn, without the sets it `known`s from its head. Empty: nothing left."""
    superfluous = SUPERFLUOUS[codec]
    parts: list[bytes] = []
    for unit in nals:
        if nal_type(unit, codec) not in superfluous and not (len(unit) < 512 and unit in known):
            parts += _LENGTH.pack(len(unit)), unit
    return parts


def raw_aac(data: bytes) -> bytes:
    """Without its ADTS header, if it has one: no AAC frame begins with its bits."""
    return data[7 if data[1] & 1 else 9 :] if _is_adts(data) else data


def adts_config(data: bytes) -> bytes | None:
    """The AudioSpecificConfig an ADTS header stands for; None when there is no header, or it makes no sense."""
    if not _is_adts(data):
        return None
    kind, rate, channels = (data[2] >> 6) + 1, data[2] >> 2 & 15, (data[2] & 1) << 2 | data[3] >> 6
    if rate >= len(SAMPLE_RATES) or not channels:
        return None
    return struct.pack(">H", kind << 11 | rate << 7 | channels << 3)


def _is_adts(data: bytes) -> bool:
    return len(data) > 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0


# -- records


def _avcc(sps: list[bytes], pps: list[bytes]) -> bytes:
    record = b"\x01" + sps[0][1:4] + bytes([0xFF, 0xE0 | len(sps)])
    record += _counted(sps) + bytes([len(pps)]) + _counted(pps)
    if sps[0][1] not in HIGH_PROFILES:
        return record
    bits = Bits(sps[0][4:])
    bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    return record + bytes([0xFC | chroma, 0xF8 | bits.ue(), 0xF8 | bits.ue(), 0])


def _hvcc(groups: list[list[bytes]]) -> bytes:
    sps = groups[1][0]
    bits = Bits(sps[2:])
    bits.u(4)
    layers, nested = bits.u(3), bits.u(1)
    profile = bytes(bits.u(8) for _ in range(12))
    present = [(bits.u(1), bits.u(1)) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.u(88 * has_profile + 8 * has_level)
    bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    bits.skip_ue(2)
    if bits.u(1):
        bits.skip_ue(4)
    luma_bits, chroma_bits = bits.ue(), bits.ue()
    frame = layers + 1 << 3 | nested << 2 | 3
    head = struct.pack(">HBBBBHBB", 0xF000, 0xFC, 0xFC | chroma, 0xF8 | luma_bits, 0xF8 | chroma_bits, 0, frame, 3)
    arrays = [
        struct.pack(">BH", 0x80 | kind, len(group)) + _counted(group)
        for kind, group in zip(SETS["hevc"], groups, strict=True)
    ]
    return b"\x01" + profile + head + b"".join(arrays)


def _counted(sets: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(unit)) + unit for unit in sets)


def sample_entry(format: StreamFormat) -> bytes:
    """`avc1`, `hvc1` or `mp4a`, of a format that `video_format` or `audio_format` made."""
    if format.kind == "audio":
        rate = format.sample_rate << 16
        return box(b"mp4a", _SOUND.pack(1, format.channels, 16, 0, 0, rate), _esds(format.extradata))
    name, config = (b"avc1", b"avcC") if format.codec == "h264" else (b"hvc1", b"hvcC")
    dots = 72 << 16
    head = _VISUAL.pack(1, format.width, format.height, dots, dots, 0, 1, b"", 24, -1)
    return box(name, head, box(config, format.extradata))


def format_of_entry(kind: bytes, payload: bytes, scale: int) -> StreamFormat:
    """The other way round. Raises StoreError."""
    time_base = Fraction(1, max(1, scale))
    try:
        if kind == b"mp4a":
            _, channels, _, _, _, rate = _SOUND.unpack_from(payload)
            config = _config_of_esds(inner(payload[_SOUND.size :], b"esds"))
            return StreamFormat("audio", "aac", time_base, config, sample_rate=rate >> 16, channels=channels)
        codec, name = {b"avc1": ("h264", b"avcC"), b"hvc1": ("hevc", b"hvcC")}[kind]
        _, width, height, *_ = _VISUAL.unpack_from(payload)
        return StreamFormat("video", codec, time_base, inner(payload[_VISUAL.size :], name), width, height)
    except (struct.error, KeyError, IndexError) as error:
        raise StoreError("the file's description of its tracks is damaged") from error


def _esds(config: bytes) -> bytes:
    decoder = _descriptor(4, b"\x40\x15" + bytes(11) + _descriptor(5, config))
    return full_box(b"esds", 0, 0, _descriptor(3, b"\0\x01\0" + decoder + _descriptor(6, b"\x02")))


def _descriptor(tag: int, body: bytes) -> bytes:
    return bytes([tag, 0x80, 0x80, 0x80 | len(body) >> 7, len(body) & 0x7F]) + body


def _config_of_esds(payload: bytes) -> bytes:
    """Of an `esds` as `_esds` writes it: each descriptor behind a tag and four bytes of length."""
    start = 4 + 5 + 3 + 5 + 13
    if payload[start] != 5:
        raise StoreError("the file's description of its sound is damaged")
    size = (payload[start + 3] & 0x7F) << 7 | payload[start + 4]
    return payload[start + 5 : start + 5 + size]
