"""Parameter sets of H.264 and H.265: found in a keyframe, and the picture size they state. Pure.

A camera that changes its resolution sends new parameter sets in the stream and says nothing else. Syntax: ITU-T H.264 §7.3.2.1 and
H.265 §7.3.2.2; Annex B of both for start codes; ISO/IEC 14496-15 for the length-prefixed form of MP4 and FLV.
"""

from __future__ import annotations

from collections.abc import Iterator

START_CODE = b"\x00\x00\x01"
# Profiles whose SPS states chroma format and bit depth (H.264 §7.3.2.1.1).
HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}


def parameter_sets(codec: str, data: bytes) -> bytes:
    """The VPS, SPS and PPS units of an Annex B picture, each behind a 4-byte start code; empty when it carries no SPS."""
    found: list[bytes] = []
    has_sps = False
    for unit in _units(data):
        kind = _kind(codec, unit[0])
        if kind == "slice":
            break
        if kind in ("vps", "sps", "pps"):
            has_sps |= kind == "sps"
            found.append(b"\x00" + START_CODE + unit)
    return b"".join(found) if has_sps else b""


def picture_size(codec: str, sets: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, cropping applied, of the first SPS of an Annex B byte string; None when it makes no sense."""
    for unit in _units(sets):
        if _kind(codec, unit[0]) == "sps":
            try:
                return _h264_size(Bits(unit[1:])) if codec == "h264" else _hevc_size(Bits(unit[2:]))
            except IndexError:
                return None
    return None


def is_annexb(data: bytes) -> bool:
    return data.startswith((START_CODE, b"\x00" + START_CODE))


def _units(data: bytes) -> Iterator[bytes]:
    """NAL units between start codes, one at a time: a caller that stops at the first slice reads no further."""
    start = data.find(START_CODE)
    while start >= 0:
        start += 3
        end = data.find(START_CODE, start)
        unit = data[start : end if end >= 0 else None].rstrip(b"\x00")
        if unit:
            yield unit
        start = end


def _kind(codec: str, first: int) -> str:
    if codec == "h264":
        return {7: "sps", 8: "pps", 1: "slice", 2: "slice", 5: "slice"}.get(first & 31, "")
    number = first >> 1 & 63
    return {32: "vps", 33: "sps", 34: "pps"}.get(number, "slice" if number < 32 else "")


class Bits:
    """Reads a unit's bits, most significant first, emulation prevention bytes removed. Raises IndexError at the end."""

    def __init__(self, unit: bytes) -> None:
        self._data = unit.replace(b"\x00\x00\x03", b"\x00\x00")
        self._at = 0

    def u(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def ue(self) -> int:
        """Exp-Golomb, unsigned."""
        zeros = 0
        while self.u(1) == 0:
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)

    def skip_ue(self, count: int) -> None:
        for _ in range(count):
            self.ue()


def _h264_size(bits: Bits) -> tuple[int, int]:
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    chroma = 1
    if profile in HIGH_PROFILES:
        chroma = bits.ue()
        if chroma == 3:
            bits.u(1)
        bits.skip_ue(2)
        bits.u(1)
        if bits.u(1):
            _skip_scaling_lists(bits, 8 if chroma != 3 else 12)
    bits.ue()
    match bits.ue():
        case 0:
            bits.ue()
        case 1:
            bits.u(1)
            bits.skip_ue(2)
            bits.skip_ue(bits.ue())
    bits.ue()
    bits.u(1)
    width, units = (bits.ue() + 1) * 16, bits.ue() + 1
    frames_only = bits.u(1)
    height = units * 16 * (2 - frames_only)
    if not frames_only:
        bits.u(1)
    bits.u(1)
    left, right, top, bottom = (bits.ue() for _ in range(4)) if bits.u(1) else (0, 0, 0, 0)
    step_x = 2 if chroma in (1, 2) else 1
    step_y = (2 if chroma == 1 else 1) * (2 - frames_only)
    return width - (left + right) * step_x, height - (top + bottom) * step_y


def _skip_scaling_lists(bits: Bits, count: int) -> None:
    for index in range(count):
        if not bits.u(1):
            continue
        last, following = 8, 8
        for _ in range(16 if index < 6 else 64):
            if following:
                code = bits.ue()
                following = (last + (code + 1 >> 1) * (1 if code & 1 else -1)) % 256
            last = following or last


def _hevc_size(bits: Bits) -> tuple[int, int]:
    bits.u(4)
    layers = bits.u(3)
    bits.u(1 + 88 + 8)
    present = [(bits.u(1), bits.u(1)) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for profile, level in present:
        bits.u(88 * profile + 8 * level)
    bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    width, height = bits.ue(), bits.ue()
    left, right, top, bottom = (bits.ue() for _ in range(4)) if bits.u(1) else (0, 0, 0, 0)
    step_x, step_y = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)
    return width - (left + right) * step_x, height - (top + bottom) * step_y
