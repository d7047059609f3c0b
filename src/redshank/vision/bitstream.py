"""What the headers of a compressed picture say without decoding it: how many bits were spent and at which quantiser.

H.264 only (ITU-T H.264 §7.3, §9.1): parameter sets from the packets themselves or from the stream's extradata, Annex B or
length-prefixed (ISO/IEC 14496-15 §5.3.3.1). Pure; one `H264Headers` belongs to one thread. Anything it cannot read gives None,
never an exception: the caller then decodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

SliceKind = Literal["P", "B", "I"]

_HEAD = 96
"""Bytes of a slice that are looked at; a header longer than this is not read."""
_SLICE, _IDR, _SEI, _SPS, _PPS, _FILLER = 1, 5, 6, 7, 8, 12
_KINDS: tuple[SliceKind, ...] = ("P", "B", "I", "P", "I")
_RANKED: tuple[SliceKind, ...] = ("I", "P", "B")
_WITH_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
"""profile_idc values whose sequence parameter set names a chroma format."""


@dataclass(frozen=True, slots=True)
class Coded:
    """One picture as coded."""

    kind: SliceKind
    """Of the least predicted to the most: I, P, B; B as soon as one slice is."""
    bits: int
    """Of the slices alone: no filler, no side messages, no parameter sets."""
    qp: float
    """Mean luma quantiser of the slices, 0–51."""
    reference: bool
    """Whether later pictures may be predicted from it."""
    number: int
    """frame_num, which counts reference pictures and wraps."""
    order: int
    """pic_order_cnt_lsb; 0 where the stream has none."""
    movable: bool
    """Whether `renumber` can give it other ones."""


@dataclass(frozen=True, slots=True)
class _Slice:
    kind: SliceKind
    qp: int
    number: int
    number_at: int
    """Bits of the unescaped head after frame_num."""
    order: int
    order_at: int
    field: bool
    sequence: _Sequence


@dataclass(frozen=True, slots=True)
class _Sequence:
    frame_num_bits: int
    poc_type: int
    poc_bits: int
    poc_always_zero: bool
    frames_only: bool
    planes: bool
    chroma: int


@dataclass(frozen=True, slots=True)
class _Picture:
    sequence: int
    field_poc: bool
    refs: tuple[int, int]
    weighted: bool
    biweighted: int
    cabac: bool
    qp: int
    redundant: bool


class _Bits:
    """Reads fixed and exp-Golomb codes (§9.1) from a payload without emulation bytes. Raises IndexError past its end."""

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

    @property
    def at(self) -> int:
        """Bits read so far."""
        return self._size - self._left


class H264Headers:
    """Remembers the parameter sets, and reads and renumbers the pictures of one stream."""

    def __init__(self, extradata: bytes = b"") -> None:
        self._length_size = 0
        """Bytes of the length before each unit; 0 for Annex B start codes."""
        self._sequences: dict[int, _Sequence] = {}
        self._pictures: dict[int, _Picture] = {}
        if extradata[:1] == b"\x01" and len(extradata) > 6:
            self._length_size = (extradata[4] & 3) + 1
            for unit in _configured(extradata):
                self._parameters(unit)
        else:
            for unit in _annex_b(extradata):
                self._parameters(unit)

    def read(self, data: bytes) -> Coded | None:
        """The picture in this packet, or None when its headers cannot be read."""
        slices: list[_Slice] = []
        bits, reference = 0, False
        try:
            for unit in self._units(data):
                what = unit[0] & 31
                if what in (_SLICE, _IDR):
                    slices.append(self._slice(unit))
                    reference = reference or bool(unit[0] & 0x60)
                    bits += 8 * len(unit)
                elif what in (_SPS, _PPS):
                    self._parameters(unit)
        except (IndexError, KeyError):
            return None
        if not slices:
            return None
        first = slices[0]
        kind = _RANKED[max(_RANKED.index(s.kind) for s in slices)]
        movable = not first.field and first.sequence.poc_type != 1
        qp = sum(s.qp for s in slices) / len(slices)
        return Coded(kind, bits, qp, reference, first.number, first.order, movable)

    def renumber(self, data: bytes, number: int, order: int) -> bytes:
        """The same picture with other counters, so that a decoder that was not given its predecessors takes it as the next one.

        Framed as the packet was. For a packet that `read` found movable; both counters wrap by themselves.
        """
        prefixed = self._length_size and not _starts(data)
        result = bytearray()
        for unit in self._units(data):
            new = self._renumbered(unit, number, order) if unit[0] & 31 in (_SLICE, _IDR) else unit
            result += len(new).to_bytes(self._length_size, "big") if prefixed else b"\0\0\0\1"
            result += new
        return bytes(result)

    def _renumbered(self, unit: memoryview, number: int, order: int) -> bytes:
        head = self._slice(unit)
        payload = _unescape(bytes(unit[1:_HEAD]))
        value = int.from_bytes(payload, "big")
        for new, size, end in (
            (number, head.sequence.frame_num_bits, head.number_at),
            (order, head.sequence.poc_bits, head.order_at),
        ):
            shift = len(payload) * 8 - end
            mask = (1 << size) - 1
            value = value & ~(mask << shift) | (new & mask) << shift
        return bytes(unit[:1]) + _escape(value.to_bytes(len(payload), "big")) + bytes(unit[_HEAD:])

    def _units(self, data: bytes) -> Iterator[memoryview]:
        return _prefixed(data, self._length_size) if self._length_size and not _starts(data) else _annex_b(data)

    def _parameters(self, unit: memoryview) -> None:
        bits = _Bits(_unescape(bytes(unit[1:])))
        try:
            if unit[0] & 31 == _SPS:
                number, sequence = _sequence(bits)
                self._sequences[number] = sequence
            elif unit[0] & 31 == _PPS:
                number, picture = _picture(bits)
                self._pictures[number] = picture
        except IndexError:
            return

    def _slice(self, unit: memoryview) -> _Slice:
        """§7.3.3, as far as slice_qp_delta. Raises IndexError and KeyError."""
        idr = unit[0] & 31 == _IDR
        bits = _Bits(_unescape(bytes(unit[1:_HEAD])))
        bits.ue()  # first_mb_in_slice
        kind = _KINDS[bits.ue() % 5]
        picture = self._pictures[bits.ue()]
        sequence = self._sequences[picture.sequence]
        if sequence.planes:
            bits.u(2)
        number, number_at = bits.u(sequence.frame_num_bits), bits.at
        field = not sequence.frames_only and bool(bits.u(1))
        if field:
            bits.u(1)
        if idr:
            bits.ue()  # idr_pic_id
        order, order_at = bits.u(sequence.poc_bits), bits.at
        _skip_order(bits, sequence, picture, field)
        if picture.redundant:
            bits.ue()
        if kind == "B":
            bits.u(1)  # direct_spatial_mv_pred_flag
        refs = _references(bits, kind, picture)
        _skip_modification(bits, kind)
        if (picture.weighted and kind == "P") or (picture.biweighted == 1 and kind == "B"):
            _skip_weights(bits, kind, refs, sequence.chroma)
        if unit[0] & 0x60:
            _skip_marking(bits, idr)
        if picture.cabac and kind != "I":
            bits.ue()  # cabac_init_idc
        return _Slice(kind, picture.qp + bits.se(), number, number_at, order, order_at, field, sequence)


def _starts(data: bytes) -> bool:
    return data[:4] == b"\0\0\0\1"


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


def _configured(extradata: bytes) -> Iterator[memoryview]:
    """Parameter sets of an AVCDecoderConfigurationRecord."""
    view = memoryview(extradata)
    at = 5
    for mask in (31, 255):
        if at >= len(extradata):
            return
        count = extradata[at] & mask
        at += 1
        for _ in range(count):
            length = int.from_bytes(view[at : at + 2], "big")
            if length:
                yield view[at + 2 : at + 2 + length]
            at += 2 + length


def _unescape(payload: bytes) -> bytes:
    return payload.replace(b"\0\0\3", b"\0\0") if b"\0\0\3" in payload else payload


def _escape(payload: bytes) -> bytes:
    """Emulation prevention, §7.4.1."""
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
    """§7.3.2.1.1, as far as frame_mbs_only_flag."""
    profile = bits.u(8)
    bits.u(16)
    number = bits.ue()
    chroma, planes = 1, False
    if profile in _WITH_CHROMA:
        chroma = bits.ue()
        planes = chroma == 3 and bool(bits.u(1))
        bits.ue()
        bits.ue()
        bits.u(1)
        if bits.u(1):
            for index in range(12 if chroma == 3 else 8):
                if bits.u(1):
                    _skip_scaling(bits, 16 if index < 6 else 64)
    frame_num_bits = bits.ue() + 4
    poc_type = bits.ue()
    poc_bits, always_zero = 0, False
    if poc_type == 0:
        poc_bits = bits.ue() + 4
    elif poc_type == 1:
        always_zero = bool(bits.u(1))
        bits.se()
        bits.se()
        for _ in range(bits.ue() & 255):
            bits.se()
    bits.ue()  # max_num_ref_frames
    bits.u(1)
    bits.ue()
    bits.ue()
    return number, _Sequence(frame_num_bits, poc_type, poc_bits, always_zero, bool(bits.u(1)), planes, chroma)


def _picture(bits: _Bits) -> tuple[int, _Picture]:
    """§7.3.2.2, as far as redundant_pic_cnt_present_flag. Slice groups (flexible macroblock order) count as unreadable."""
    number, sequence = bits.ue(), bits.ue()
    cabac, field_poc = bool(bits.u(1)), bool(bits.u(1))
    if bits.ue():
        raise IndexError("slice groups")
    refs = bits.ue() + 1, bits.ue() + 1
    weighted, biweighted = bool(bits.u(1)), bits.u(2)
    qp = 26 + bits.se()
    bits.se()
    bits.se()
    bits.u(2)
    return number, _Picture(sequence, field_poc, refs, weighted, biweighted, cabac, qp, bool(bits.u(1)))


def _skip_scaling(bits: _Bits, count: int) -> None:
    last = following = 8
    for _ in range(count):
        if following:
            following = (last + bits.se()) & 255
        last = following or last


def _skip_order(bits: _Bits, sequence: _Sequence, picture: _Picture, field: bool) -> None:
    """What follows pic_order_cnt_lsb."""
    if sequence.poc_type == 0 or (sequence.poc_type == 1 and not sequence.poc_always_zero):
        if sequence.poc_type == 1:
            bits.se()
        if picture.field_poc and not field:
            bits.se()


def _references(bits: _Bits, kind: SliceKind, picture: _Picture) -> tuple[int, int]:
    if kind == "I" or not bits.u(1):
        return picture.refs
    first = bits.ue() + 1
    return first, bits.ue() + 1 if kind == "B" else 0


def _skip_modification(bits: _Bits, kind: SliceKind) -> None:
    for _ in range({"I": 0, "P": 1, "B": 2}[kind]):
        if bits.u(1):
            while bits.ue() != 3:
                bits.ue()


def _skip_weights(bits: _Bits, kind: SliceKind, refs: tuple[int, int], chroma: int) -> None:
    bits.ue()
    if chroma:
        bits.ue()
    for count in refs[: 2 if kind == "B" else 1]:
        for _ in range(count):
            for values in (2, 4) if chroma else (2,):
                if bits.u(1):
                    for _ in range(values):
                        bits.se()


def _skip_marking(bits: _Bits, idr: bool) -> None:
    if idr:
        bits.u(2)
    elif bits.u(1):
        while operation := bits.ue():
            bits.ue()
            if operation == 3:
                bits.ue()
