"""Recorded files read again, whole, cut, damaged and hostile."""

from __future__ import annotations

import random
import struct
import zlib
from bisect import bisect_right
from contextlib import suppress
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.errors import StoreError
from redshank.media.box import SEAL_SIZE
from redshank.media.decode import Decoder
from redshank.media.segment_read import inspect, packets, samples, whole
from tests.harness.footage import cached_clip, read_number
from tests.media.files import START, Written, packets_of, played, reading, written

KINDS = [("libx264", 0, None), ("libx264", 2, "aac"), ("libx265", 0, "aac"), ("libx265", 2, None)]


@cache
def recorded(codec: str = "libx264", bframes: int = 2, audio: str | None = "aac", seconds: int = 3) -> Written:
    return written(
        packets_of(cached_clip(seconds, codec=codec, bframes=bframes, audio=audio, width=320, height=180)),
        START + seconds * 1_000_000,
    )


def everything(data: bytes) -> None:
    """Read a file in every way there is."""
    read = reading(data)
    whole(read, len(data))
    for deep in (True, False):
        file = inspect(read, len(data), deep)
        file.row("a.mp4", len(data), "")
        for fragment in file.fragments:
            samples(read, fragment, file)
        list(packets(read, file))
        list(packets(read, file, file.start, file.end))


@pytest.mark.parametrize(("codec", "bframes", "audio"), KINDS)
def test_a_file_says_what_was_written(codec: str, bframes: int, audio: str | None) -> None:
    made = recorded(codec, bframes, audio)
    file = inspect(reading(made.data), len(made.data), deep=True)
    assert file.head == made.muxer.head
    assert file.formats == made.muxer.formats
    assert file.setup == made.muxer.setup
    assert file.index == made.muxer.index
    assert [(f.start, f.end, f.keyframe, f.frames) for f in file.fragments] == [
        (m.start, m.end, m.keyframe, m.frames) for m in made.made
    ]
    assert [f.offset + f.size for f in file.fragments] == made.ends
    row = file.row("yard/main/2026-09-21/14/13.20-5.mp4", len(made.data), "ab", 0.5)
    assert (row.start, row.end, row.frames, row.size) == (START, START + 3_000_000, 30, len(made.data))
    assert (row.media_from, row.media_to) == (len(made.muxer.head_bytes), made.ends[-1])
    assert (row.video, row.audio, row.width, row.height) == (file.formats[0].codec, audio or "", 320, 180)
    assert [struct.unpack_from("<I", row.index, at)[0] for at in range(0, 24, 8)] == [0, 1_000_000, 2_000_000]
    assert file.tail


@pytest.mark.parametrize(("codec", "bframes", "audio"), KINDS)
def test_packets_of_a_file_decode_from_any_keyframe(codec: str, bframes: int, audio: str | None) -> None:
    made = recorded(codec, bframes, audio)
    read = reading(made.data)
    file = inspect(read, len(made.data))
    decoder = Decoder()
    found = list(packets(read, file))
    frames = [frame for packet in found for frame in decoder.decode(packet)] + decoder.flush()
    assert [read_number(frame.y) for frame in frames] == list(range(30))
    assert [frame.time for frame in frames] == [START + n * 100_000 for n in range(30)]
    assert [packet.seq for packet in found] == list(range(len(found)))
    later = list(packets(read, file, START + 1_950_000, START + 2_000_000))
    frames = [frame for packet in later for frame in decoder.decode(packet)] + decoder.flush()
    assert [read_number(frame.y) for frame in frames] == list(range(10, 20))


def test_what_goes_in_comes_out() -> None:
    """Sizes, times and data of every packet, sound included."""
    made = recorded()
    source = packets_of(cached_clip(3, codec="libx264", bframes=2, audio="aac", width=320, height=180))
    read = reading(made.data)
    found = list(packets(read, inspect(read, len(made.data))))
    for kind in ("video", "audio"):
        wanted = [packet for packet in source if packet.format.kind == kind]
        got = [packet for packet in found if packet.format.kind == kind]
        assert [packet.data for packet in got] == [packet.data for packet in wanted]
        assert [packet.time for packet in got] == pytest.approx([packet.time for packet in wanted], abs=21)
        assert [packet.keyframe for packet in got] == [packet.keyframe for packet in wanted]


# -- damage: rel:T05


def expected(made: Written, good: int) -> int:
    """Where a file is whole to, of which the first `good` bytes are right."""
    place = bisect_right(made.ends, good)
    return made.ends[place - 1] if place else 0


@pytest.mark.parametrize(("codec", "bframes", "audio"), KINDS)
def test_a_file_cut_at_any_byte_is_whole_up_to_the_fragment_before(codec: str, bframes: int, audio: str | None) -> None:
    """rel:T05: at every byte of the last fragment and of the tail, more than 2,000 in all; what is whole decodes."""
    made = recorded(codec, bframes, audio, seconds=1)
    lengths = set()
    for size in range(made.ends[-2], len(made.data)):
        length = whole(reading(made.data[:size]), size)
        assert length == expected(made, size)
        lengths.add(length)
    assert lengths == set(made.ends[-2:])
    for length in lengths:
        frames = sum(each.frames for each in made.made[: made.ends.index(length) + 1])
        numbers = played(made.data[:length]).numbers
        assert len(numbers) == frames >= 5
        assert bframes or numbers == list(range(frames))


def test_cuts_of_the_four_files_are_more_than_two_thousand() -> None:
    every = [recorded(*kind, seconds=1) for kind in KINDS]
    assert sum(len(made.data) - made.ends[-2] for made in every) > 2000


@pytest.mark.parametrize("block", [512, 4096])
@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_blocks_that_never_reached_the_disk_lose_their_fragment_only(block: int, zeros: bool, codec: str) -> None:
    """rel:T05: any set of blocks of the last 2 s zero-filled or scrambled, the file as long as it was, or longer."""
    made = recorded(codec)
    chance = random.Random(block)
    first = made.ends[-5]
    for _ in range(60):
        data = bytearray(made.data + bytes(chance.choice((0, block, 5 * block))))
        good = len(made.data)
        for at in range(first // block * block, len(data), block):
            if chance.random() < 0.3:
                begin, end = max(at, first), min(at + block, len(data))
                before = bytes(data[begin:end])
                data[begin:end] = bytes(end - begin) if zeros else chance.randbytes(end - begin)
                changed = next(
                    (begin + n for n, (a, b) in enumerate(zip(before, data[begin:end], strict=True)) if a != b), good
                )
                good = min(good, changed)
        assert whole(reading(bytes(data)), len(data)) == expected(made, good)


def test_any_changed_byte_is_noticed() -> None:
    made = recorded("libx265", 0, None)
    chance = random.Random(3)
    for at in chance.sample(range(made.ends[-1]), 300):
        data = bytearray(made.data)
        data[at] ^= 1 << chance.randrange(8)
        assert whole(reading(bytes(data)), len(data)) == expected(made, at)


def test_looking_without_checksums_reads_hardly_anything() -> None:
    made = recorded(seconds=3)
    asked = []

    def read(offset: int, size: int) -> bytes:
        asked.append(size)
        return made.data[offset : offset + size]

    inspect(read, len(made.data))
    assert sum(asked) < len(made.data) / 3
    assert len(asked) <= 8 + 6 * len(made.made)


# -- hostile files


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, b"ftyp", recorded().data[:40], recorded().muxer.head_bytes])
def test_what_holds_no_footage_is_refused(data: bytes) -> None:
    with pytest.raises(StoreError):
        inspect(reading(data), len(data))
    assert whole(reading(data), len(data)) == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"yard"', b'"\\ud8"'),
        (b'"seq":3145733', b'"seq":-145733'),
        (b'{"v"', b'["v"'),
        (b"redshank-segment", b"another-segment!"),
        (b'"epoch":3', b'"epoch":"'),
    ],
)
def test_a_file_that_names_nobody_is_refused(old: bytes, new: bytes) -> None:
    data = resealed(recorded().data.replace(old, new, 1))
    with pytest.raises(StoreError):
        inspect(reading(data), len(data))


def resealed(data: bytes) -> bytes:
    """With right checksums again, as far as its old seals can be found: what only somebody who means harm would write."""
    made, start = bytearray(data), 0
    at = made.find(b"freeredshank")
    while at >= 0:
        end = at - 4
        struct.pack_into(">I", made, at + 16, zlib.crc32(made[start:end]))
        start = end + SEAL_SIZE
        at = made.find(b"freeredshank", start)
    return bytes(made)


@given(st.binary(max_size=3000))
@settings(max_examples=200, deadline=None)
def test_garbage_is_refused_and_nothing_else(data: bytes) -> None:
    with pytest.raises(StoreError):
        everything(data)


NUMBERS = st.sampled_from([0, 1, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]) | st.integers(0, (1 << 32) - 1)


@given(st.lists(st.tuples(st.floats(0, 1), NUMBERS, st.booleans()), min_size=1, max_size=6), st.booleans())
@settings(max_examples=400, deadline=None)
def test_a_hostile_file_is_read_or_refused_and_nothing_else(changes: list[tuple[float, int, bool]], cut: bool) -> None:
    """Words of its heads changed, its checksums made right again."""
    source = recorded(seconds=1)
    data = bytearray(source.data)
    head = len(source.muxer.head_bytes)
    for place, number, in_head in changes:
        at = int(place * (head - 4)) if in_head else head + int(place * 500)
        struct.pack_into(">I", data, at, number)
    hostile = resealed(bytes(data))
    hostile = hostile[: int(changes[0][0] * len(hostile))] if cut else hostile
    with suppress(StoreError):
        everything(hostile)


def test_lying_numbers_of_samples_are_refused() -> None:
    made = recorded()
    at = made.data.index(b"trun")
    for count in (0, 1, 1 << 20, (1 << 32) - 1):
        data = bytearray(made.data)
        struct.pack_into(">I", data, at + 8, count)
        bad = resealed(bytes(data))
        assert whole(reading(bad), len(bad)) == 0


def test_fragments_may_not_go_back_in_time() -> None:
    made = recorded("libx264", 0, None)
    data = bytearray(made.data)
    at = [n for n in range(len(data)) if data.startswith(b"tfdt", n)][3]
    struct.pack_into(">Q", data, at + 8, 0)
    bad = resealed(bytes(data))
    file = inspect(reading(bad), len(bad), deep=True)
    assert len(file.fragments) == 3
    assert all(a.end == b.start for a, b in pairwise(file.fragments))


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("codec", "bframes", "audio"), KINDS)
def test_a_file_cut_anywhere_is_whole_up_to_there(codec: str, bframes: int, audio: str | None) -> None:
    """rel:T05 at full length (10 s): cut at every byte of the last 2 s, zero-filled or scrambled from every 16th of them on."""
    made = recorded(codec, bframes, audio)
    first = made.ends[-5]
    for size in range(first, len(made.data)):
        assert whole(reading(made.data[:size]), size) == expected(made, size)
    noise = random.Random(5).randbytes(len(made.data))
    for at in range(first, len(made.data), 16):
        for rest in (bytes(len(made.data) - at), noise[at:]):
            data = made.data[:at] + rest
            same = next((n for n in range(at, len(data)) if data[n] != made.data[n]), len(data))
            assert whole(reading(data), len(data)) == expected(made, same)
