"""rel:T05 for playback: whatever happened to a file, a range plays, keeps its promises, and nothing but our own errors comes out."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.playback import hls
from redshank.playback.instant import instant
from redshank.playback.movie import Movie, make_movie
from redshank.playback.sprite import request, sheet
from tests.playback.recording import NOON, Recording, numbered

SPAN = (NOON + 1_230_000, NOON + 10_450_000)
Hurt = Callable[[bytearray, random.Random], bytearray]


def zeros(data: bytearray, dice: random.Random) -> bytearray:
    at = dice.randrange(len(data))
    length = dice.choice((1, 4, 30, 700, 4096))
    data[at : at + length] = bytes(len(data[at : at + length]))
    return data


def scrambled(data: bytearray, dice: random.Random) -> bytearray:
    at = dice.randrange(len(data))
    length = len(data[at : at + dice.choice((1, 4, 30, 700, 4096))])
    data[at : at + length] = dice.randbytes(length)
    return data


def shortened(data: bytearray, dice: random.Random) -> bytearray:
    return data[: dice.randrange(len(data))]


def flipped(data: bytearray, dice: random.Random) -> bytearray:
    """One bit, most often in the boxes."""
    marks = [at for mark in (b"moof", b"traf", b"trun", b"tfdt", b"mdat", b"stsd") for at in _all(data, mark)]
    at = min(len(data) - 1, dice.choice(marks) + dice.randrange(-4, 60)) if marks else dice.randrange(len(data))
    data[at] ^= 1 << dice.randrange(8)
    return data


def _all(data: bytearray, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0:
        found.append(at)
        at = data.find(mark, at + 1)
    return found


def try_everything(recording: Recording, dice: random.Random) -> None:
    """Raises anything but StoreError, or AssertionError, when a promise is broken."""
    found = recording.plan(*SPAN)
    try:
        check_movie(make_movie(found, recording.footage), dice)
    except StoreError:
        pytest.fail("the other files play")
    for one in hls.chunks(found):
        name = one.name.partition("/")[2]
        with suppress(StoreError):
            hls.chunk(one.piece.segment, name, SPAN[0], recording.footage)
    with suppress(StoreError):
        instant(recording.segments, NOON + dice.randrange(12 * US_PER_S), recording.footage)
    request(sheet("yard", NOON, recording.segments), recording.footage)


def check_movie(made: Movie, dice: random.Random) -> None:
    data = b"".join(made.blocks(0, made.size))
    assert len(data) == made.size
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        assert size >= 8, "the boxes of a movie fit together"
        at += size
    assert at == len(data)
    for _ in range(3):
        low, high = sorted((dice.randrange(made.size), dice.randrange(made.size + 1)))
        assert b"".join(made.blocks(low, high)) == data[low:high]


def cases(folder: Path, hurt: Hurt, count: int) -> None:
    recording = Recording(folder)
    recording.add(numbered(12, audio="aac", bframes=2), NOON)
    originals = [(recording.file(one), recording.file(one).read_bytes()) for one in recording.segments]
    dice = random.Random(hurt.__name__)
    for _ in range(count):
        path, data = dice.choice(originals)
        path.write_bytes(hurt(bytearray(data), dice))
        try_everything(recording, dice)
        path.write_bytes(data)


@pytest.mark.parametrize("hurt", [zeros, scrambled, shortened, flipped])
def test_a_damaged_file_never_breaks_a_range(tmp_path: Path, hurt: Hurt) -> None:
    cases(tmp_path, hurt, 40)


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("hurt", [zeros, scrambled, shortened, flipped])
def test_two_thousand_damaged_files_never_break_a_range(tmp_path: Path, hurt: Hurt) -> None:
    """rel:T05."""
    cases(tmp_path, hurt, 2000)
