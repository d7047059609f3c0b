"""Messages between our own processes."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshank.pipe import MAX_BYTES, Note, Pipe, PipeBroken, pack, unpack

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Pipe, socket.socket]]:
    """A pipe and the raw socket of the other process."""
    ours, theirs = socket.socketpair()
    pipe = await Pipe.over(ours)
    theirs.setblocking(False)
    yield pipe, theirs
    pipe.close()
    theirs.close()


@given(
    st.text(min_size=1, max_size=20),
    st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda key: key != "k"), JSON, max_size=5),
    st.binary(max_size=2000),
)
def test_what_is_packed_comes_out_the_same(kind: str, header: dict[str, object], body: bytes) -> None:
    note = Note(kind, header, body)
    packed = pack(note)
    (size,) = struct.unpack_from(">I", packed)
    assert size == len(packed) - 4
    assert unpack(packed[4:]) == note


async def test_notes_cross_in_both_directions_and_in_order() -> None:
    ours, theirs = socket.socketpair()
    left, right = await Pipe.over(ours), await Pipe.over(theirs)
    for n in range(100):
        left.write(Note("packet", {"n": n}, bytes(n)))
    await left.drain()
    assert [(await right.read()).header["n"] for _ in range(100)] == list(range(100))
    right.write(Note("state", {}, b"x" * 1_000_000))
    got, _ = await asyncio.gather(left.read(), right.drain())
    assert len(got.body) == 1_000_000
    left.close()
    right.close()


async def test_what_the_other_process_has_not_taken_is_counted(ends: tuple[Pipe, socket.socket]) -> None:
    pipe, _ = ends
    assert pipe.waiting == 0
    for _ in range(20):
        pipe.write(Note("packet", {}, bytes(100_000)))
    assert pipe.waiting > 1_000_000


async def test_the_end_of_the_other_process_is_an_error_not_silence(ends: tuple[Pipe, socket.socket]) -> None:
    pipe, theirs = ends
    theirs.close()
    with pytest.raises(PipeBroken, match="gone"):
        await pipe.read()


async def test_half_a_message_is_the_end_too(ends: tuple[Pipe, socket.socket]) -> None:
    pipe, theirs = ends
    theirs.send(pack(Note("packet", {}, bytes(100)))[:50])
    theirs.close()
    with pytest.raises(PipeBroken, match="gone"):
        await pipe.read()


@pytest.mark.parametrize("size", [0, 1, MAX_BYTES + 1, 2**32 - 1])
async def test_a_size_that_cannot_be_is_refused_at_once(ends: tuple[Pipe, socket.socket], size: int) -> None:
    pipe, theirs = ends
    theirs.send(struct.pack(">I", size))
    with pytest.raises(PipeBroken, match=f"message of {size} bytes"):
        await pipe.read()


async def test_nonsense_is_called_so_and_not_the_end_of_the_other_process(ends: tuple[Pipe, socket.socket]) -> None:
    pipe, theirs = ends
    theirs.send(struct.pack(">II", 6, 2) + b"[]")
    with pytest.raises(PipeBroken, match="malformed"):
        await pipe.read()


@pytest.mark.parametrize(
    "head", [b"", b"{", b"{}", b'"k"', b'{"x":1}', b"\xff\xfe", b"[]", b"7", b"null", b'{"k":[]}', b"[" * 100_000]
)
def test_a_broken_header_is_refused(head: bytes) -> None:
    payload = pack(Note("x"))[4:]
    width = len(payload) - len(b'{"k":"x"}')
    with pytest.raises(PipeBroken, match="malformed"):
        unpack(len(head).to_bytes(width, "big") + head)


async def test_writing_to_a_closed_pipe_is_harmless(ends: tuple[Pipe, socket.socket]) -> None:
    pipe, _ = ends
    pipe.close()
    pipe.write(Note("late"))
