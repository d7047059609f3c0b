"""rel:T25 for ONVIF: answers of cameras, changed at random, cost an error of ours and nothing else."""

from __future__ import annotations

import random
import resource
from functools import partial

import pytest

from redshank.clock import SystemClock
from redshank.errors import SourceError
from redshank.onvif import soap
from redshank.onvif.digest import challenge
from redshank.onvif.discover import matches
from tests.harness.onvif_camera import envelope
from tests.onvif.test_discover import ID
from tests.onvif.test_discover import answer as found

SEEDS = [
    found(ID, "http://192.168.1.9/onvif/device_service", "onvif://www.onvif.org/name/a%20b"),
    envelope("<R><Uri>rtsp://1.2.3.4/x?a=1&amp;b=2</Uri></R>"),
    envelope(
        '<Profiles token="a"><Name>n</Name><VideoEncoderConfiguration><Encoding>H264</Encoding></VideoEncoderConfiguration></Profiles>'
    ),
    b"<a>" * 39 + b"</a>" * 39,
]
PIECES = [
    b"<",
    b">",
    b"&",
    b"&#x0;",
    b"&amp;",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"<?x ?>",
    b"<!DOCTYPE",
    b"\x00",
    b"\xff",
    b"xmlns:a='b'",
    b"A" * 3000,
]
LONGEST_S = 1.0
GROWTH_MB = 50


def changed(random: random.Random, data: bytes) -> bytes:
    made = bytearray(data)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(made) + 1)
        match random.randrange(4):
            case 0:
                made[at:at] = random.choice(PIECES)
            case 1:
                del made[at : at + random.randrange(40)]
            case 2 if at < len(made):
                made[at] = random.randrange(256)
            case _:
                made[at:at] = made[: random.randrange(len(made) + 1)]
    return bytes(made)


def try_them(count: int) -> None:
    """Raises what is no error of ours, and when one took too long or memory grew."""
    chance, clock = random.Random(25), SystemClock()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(count):
        data = changed(chance, chance.choice(SEEDS))
        begun = clock.mono_ns()
        matches(data, "192.168.1.9", ID)
        for reading in (partial(soap.answer, data), partial(challenge, [f"Digest {data.decode('latin-1')}"])):
            try:
                reading()
            except SourceError:
                continue
        assert clock.mono_ns() - begun < LONGEST_S * 1e9
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_MB * 1024


def test_a_thousand_broken_answers_are_errors_of_ours() -> None:
    try_them(1000)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_broken_answers_are_errors_of_ours() -> None:
    try_them(100_000)
