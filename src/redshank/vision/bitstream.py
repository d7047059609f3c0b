"""The two counters in the header of a compressed picture, and how to change them.

A decoder takes a picture as the next one when its counters say so. Given new ones, a predicted picture can be decoded on top of an
earlier picture, its real predecessors left out: where the scene is still the result is right but for noise, and what moves
shows (docs/design/idle.md). H.264 only (ITU-T H.264 §7.3, §9.1), Annex B or length-prefixed (ISO/IEC 14496-15 §5.3.3.1). Pure; one
object belongs to one thread. What cannot be read gives None, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = 48
"""Bytes of a slice that are read: both counters lie within."""
_SLICE, _IDR, _SPS, _PPS = 1, 5, 7, 8
_WITH_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
"""profile_idc values whose sequence parameter set names a chroma format."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Where a picture says it belongs. Both wrap."""

    number: int
    """frame_num, which counts reference pictures."""
    order: int
    """pic_order_cnt_lsb; 0 where the stream has none."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A counter's bits in a slice header: it ends `end` bits after the unit's own byte."""

    value: int
    size: int
    end: int


class _Bits:
    """Reads fixed and exp-Golomb codes (H.264 §9.1) from a payload without emulation bytes. Raises IndexError past its end."""

    __slots__ = ("_left", "_size", "_value")

    def __init__(self, payload: bytes) -> None:
        self._value = int.from_bytes(payload, "big")
        self._size = self._left = len(payload) * 8

    def u(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError("header ends early")
        return self._value >> self._left & (1 << count) - 1

    def ue(self) -> int:
        zeros = self._left - (self._value & (1 << self._left) - 1).bit_length()
        self._left -= zeros
        return self.u(zeros + 1) - 1

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def place(self, size: int) -> _Place:
        """The next `size` bits."""
        value = self.u(size)
        return _Place(value, size, self._size - self._left)


@dataclass(frozen=True, slots=True)
class _Sequence:
    number_bits: int
    order_bits: int
    frames_only: bool
    planes: bool
    """Colour planes are coded apart."""


class H264Headers:
    """Remembers the parameter sets of one stream; reads and changes the counters of its pictures."""

    def __init__(self, extradata: bytes = b"") -> None:
        self._sequences: dict[int, _Sequence] = {}
        self._pictures: dict[int, int] = {}
        """Picture parameter set → its sequence parameter set."""
        self._prefix = 0
        """Bytes of the length before each unit; 0 for Annex B start codes."""
        if extradata[:1] == b"\x01":
            self._prefix, units = _configured(extradata)
        else:
            units = list(_annex_b(extradata))
        for unit in units:
            self._learn(unit)

    def read(self, data: bytes) -> Counters | None:
        """The counters of the picture in this packet, or None when it cannot be read or moved. Learns parameter sets on the way."""
        try:
            for unit in self._units(data):
                if unit[0] & 31 in (_SLICE, _IDR):
                    number, order = self._places(unit, _payload(unit))
                    return Counters(number.value, order.value)
                self._learn(unit)
        except (IndexError, KeyError):
            return None
        return None

    def renumber(self, data: bytes, counters: Counters) -> bytes | None:
        """The same picture with other counters, framed as it was; None when `read` would be None."""
        result = bytearray()
        try:
            for unit in self._units(data):
                new = self._renumbered(unit, counters) if unit[0] & 31 in (_SLICE, _IDR) else unit
                result += len(new).to_bytes(self._prefix, "big") if self._framed(data) else b"\0\0\0\1"
                result += new
        except (IndexError, KeyError):
            return None
        return bytes(result)

    def _renumbered(self, unit: memoryview, counters: Counters) -> bytes:
        payload = _payload(unit)
        value = int.from_bytes(payload, "big")
        for new, place in zip((counters.number, counters.order), self._places(unit, payload), strict=True):
            shift = len(payload) * 8 - place.end
            mask = (1 << place.size) - 1
            value = value & ~(mask << shift) | (new & mask) << shift
        return bytes(unit[:1]) + _escape(value.to_bytes(len(payload), "big")) + bytes(unit[_HEAD:])

    def _learn(self, unit: memoryview) -> None:
        """§7.3.2.1.1 and §7.3.2.2, as far as needed. Units of other kinds, and broken ones, are ignored."""
        if unit[0] & 31 not in (_SPS, _PPS):
            return
        bits = _Bits(bytes(unit[1:]).replace(b"\0\0\3", b"\0\0"))
        try:
            if unit[0] & 31 == _SPS:
                identity, sequence = _sequence(bits)
                self._sequences[identity] = sequence
            else:
                identity = bits.ue()
                self._pictures[identity] = bits.ue()
        except IndexError:
            return

    def _places(self, unit: memoryview, payload: bytes) -> tuple[_Place, _Place]:
        """frame_num and pic_order_cnt_lsb (§7.3.3). Raises IndexError or KeyError when the slice cannot be read or moved."""
        bits = _Bits(payload)
        bits.ue()  # first_mb_in_slice
        bits.ue()  # slice_type
        sequence = self._sequences[self._pictures[bits.ue()]]
        if sequence.planes:
            bits.u(2)
        number = bits.place(sequence.number_bits)
        if not sequence.frames_only and bits.u(1):
            raise KeyError("field pictures")
        if unit[0] & 31 == _IDR:
            bits.ue()  # idr_pic_id
        return number, bits.place(sequence.order_bits)

    def _framed(self, data: bytes) -> bool:
        """Whether lengths stand before the units: a camera may say so and then send start codes."""
        return bool(self._prefix) and data[:4] != b"\0\0\0\1"

    def _units(self, data: bytes) -> Iterator[memoryview]:
        return _prefixed(data, self._prefix) if self._framed(data) else _annex_b(data)


def _annex_b(data: bytes) -> Iterator[memoryview]:
    """Units between start codes, without trailing zeros."""
    view = memoryview(data)
    at = data.find(b"\0\0\1")
    while at >= 0:
        start = at + 3
        at = data.find(b"\0\0\1", start)
        end = at if at >= 0 else len(data)
        while end > start and data[end - 1] == 0:
            end -= 1
        if end > start:
            yield view[start:end]


def _prefixed(data: bytes, size: int) -> Iterator[memoryview]:
    view = memoryview(data)
    at = 0
    while at + size < len(data):
        length = int.from_bytes(view[at : at + size], "big")
        at += size
        if length:
            yield view[at : at + length]
        at += length


def _configured(extradata: bytes) -> tuple[int, list[memoryview]]:
    """Length size and parameter sets of an AVCDecoderConfigurationRecord."""
    view = memoryview(extradata)
    units: list[memoryview] = []
    at = 5
    try:
        for mask in (31, 255):
            count, at = extradata[at] & mask, at + 1
            for _ in range(count):
                length = int.from_bytes(view[at : at + 2], "big")
                units.append(view[at + 2 : at + 2 + length])
                at += 2 + length
    except IndexError:
        pass  # cut short: what is there counts
    return (extradata[4] & 3) + 1 if len(extradata) > 4 else 4, [unit for unit in units if unit]


def _payload(unit: memoryview) -> bytes:
    """The head of a unit without its first byte and without emulation bytes (§7.4.1)."""
    head = bytes(unit[1:_HEAD])
    return head.replace(b"\0\0\3", b"\0\0") if b"\0\0\3" in head else head


def _escape(payload: bytes) -> bytes:
    result = bytearray()
    zeros = 0
    for byte in payload:
        if zeros == 2 and byte <= 3:
            result.append(3)
            zeros = 0
        result.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(result)


def _sequence(bits: _Bits) -> tuple[int, _Sequence]:
    profile = bits.u(8)
    bits.u(16)
    identity = bits.ue()
    planes = profile in _WITH_CHROMA and _chroma(bits)
    number_bits = bits.ue() + 4
    kind = bits.ue()  # pic_order_cnt_type
    if kind == 1:
        raise IndexError("order by a cycle of offsets: not movable, and no camera does it")
    order_bits = bits.ue() + 4 if kind == 0 else 0
    bits.ue()  # max_num_ref_frames
    bits.u(1)
    bits.ue()
    bits.ue()
    return identity, _Sequence(number_bits, order_bits, bool(bits.u(1)), planes)


def _chroma(bits: _Bits) -> bool:
    """Read past chroma format, depths and scaling lists; True when the colour planes are coded apart."""
    chroma = bits.ue()
    planes = chroma == 3 and bool(bits.u(1))
    bits.ue()
    bits.ue()
    bits.u(1)
    if bits.u(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.u(1):
                _skip_scaling(bits, 16 if index < 6 else 64)
    return planes


def _skip_scaling(bits: _Bits, count: int) -> None:
    last = following = 8
    for _ in range(count):
        if following:
            following = (last + bits.se()) & 255
        last = following or last
