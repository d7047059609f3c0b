"""The sealed file: what goes in comes out, and nothing else does."""

from __future__ import annotations

import io
import os
import struct
import zlib

import pytest

from redshank.backup.seal import CHUNK, TAG, Opener, Sealer
from redshank.errors import StoreError

HEAD = 76
FAST = 10


def sealed(data: bytes, passphrase: str = "correct horse") -> bytes:
    out = io.BytesIO()
    sealer = Sealer(out, passphrase, FAST)
    for at in range(0, len(data), 10_000):
        sealer.write(data[at : at + 10_000])
    sealer.close()
    return out.getvalue()


def opened(data: bytes, passphrase: str = "correct horse") -> bytes:
    opener = Opener(io.BytesIO(data), "a.backup", passphrase)
    return b"".join(iter(lambda: opener.read(7_777), b""))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])
def test_what_goes_in_comes_out(size: int) -> None:
    data = os.urandom(size)
    assert opened(sealed(data)) == data


def test_nothing_of_the_text_can_be_seen_and_no_two_files_are_alike() -> None:
    data = b"password: hunter2 " * 1000
    one, two = sealed(data), sealed(data)
    assert b"hunter2" not in one
    assert one[HEAD:] != two[HEAD:]


def test_a_wrong_passphrase_is_said_so() -> None:
    with pytest.raises(StoreError, match=r"a\.backup: wrong passphrase$"):
        opened(sealed(b"data"), "correct house")


def test_every_flipped_bit_of_the_header_and_of_a_chunk_is_found() -> None:
    whole = sealed(b"x" * 100)
    for at in range(len(whole)):
        for bit in (1, 0x80):
            wrong = bytearray(whole)
            wrong[at] ^= bit
            with pytest.raises(StoreError, match=r"a\.backup: (this is not|damaged|cut short|wrong pass)") as caught:
                opened(bytes(wrong))
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 10, HEAD - 1, HEAD, HEAD + 5, HEAD + CHUNK, HEAD + CHUNK + TAG, -CHUNK // 2, -1])
def test_a_file_that_was_cut_is_found_wherever_it_was_cut(size: int) -> None:
    whole = sealed(os.urandom(3 * CHUNK))
    with pytest.raises(StoreError, match=r"a\.backup: (this is not a backup|damaged|cut short)"):
        opened(whole[:size])


def test_chunks_in_another_order_repeated_left_out_or_of_another_file_are_found() -> None:
    data = os.urandom(4 * CHUNK)
    whole, other = sealed(data), sealed(data)
    size = CHUNK + TAG
    head, chunks = whole[:HEAD], [whole[HEAD + i * size : HEAD + (i + 1) * size] for i in range(4)]
    foreign = other[HEAD + size : HEAD + 2 * size]
    for wrong in (
        [chunks[1], chunks[0], *chunks[2:]],
        [chunks[0], chunks[0], *chunks[1:]],
        [chunks[0], *chunks[2:]],
        chunks[:3],
        [chunks[0], foreign, *chunks[2:]],
        [*chunks, chunks[3]],
        [*chunks, b"more"],
    ):
        with pytest.raises(StoreError, match=r"a\.backup: (damaged near|cut short)"):
            opened(head + b"".join(wrong))


def test_a_hostile_header_cannot_take_the_memory() -> None:
    cost = struct.pack(">16sBBBB16sI", b"redshank-backup\n", 1, 40, 8, 1, bytes(16), CHUNK)
    with pytest.raises(StoreError, match="do not trust it"):
        opened(cost + struct.pack(">I", zlib.crc32(cost)) + bytes(32))


def test_a_file_of_a_later_version_is_said_so() -> None:
    cost = struct.pack(">16sBBBB16sI", b"redshank-backup\n", 2, 16, 8, 1, bytes(16), CHUNK)
    with pytest.raises(StoreError, match="newer Redshank"):
        opened(cost + struct.pack(">I", zlib.crc32(cost)) + bytes(32))
