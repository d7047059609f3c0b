"""Trying a picture and a channel over the server."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redshank.clock import SystemClock
from redshank.model import Box, Detection
from redshank.playback.studio import Busy, Refused
from redshank.rules.what_if import Supposed
from redshank.web.answer import Problem
from redshank.web.trial import Examined, Judged, Sent
from redshank.web.trying import check
from tests.web.serving import Place, client, place

FAST_S = 0.05


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(chunk(*one) for one in chunks)
        + chunk(b"IDAT", b"x")
        + chunk(b"IEND", b"")
    )


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    return b"\xff\xd8" + before + b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03" + b"\x00" * 20


def webp(width: int, height: int, flags: int = 0) -> bytes:
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + bytes([flags, 0, 0, 0]) + sizes + b"\x00" * 20


GOOD = [(jpeg(640, 480), "image/jpeg"), (png(640, 480), "image/png"), (webp(640, 480), "image/webp")]
BOMBS = [
    (png(60_000, 60_000), "image/png", 413),
    (png(1, 0x7FFFFFFF), "image/png", 413),
    (png(10, 10, (b"acTL", struct.pack(">II", 100_000, 0))), "image/png", 415),
    (png(10, 10, *[(b"tEXt", b"")] * 900_000), "image/png", 415),
    (webp(16_000_000, 16_000_000), "image/webp", 413),
    (webp(10, 10, flags=2), "image/webp", 415),
    (jpeg(65_535, 65_535), "image/jpeg", 413),
    (jpeg(10, 10, b"\xff" * 11_000_000), "image/jpeg", 422),
    (jpeg(10, 10, b"\xff\xfe\x00\x02" * 2_500_000), "image/jpeg", 422),
    (jpeg(10, 10, b"\xff\xd0" * 5_000_000), "image/jpeg", 422),
    (jpeg(640, 480)[:8], "image/jpeg", 422),
    (png(640, 480)[:18], "image/png", 422),
    (b"", "image/png", 415),
    (png(640, 480), "image/jpeg", 415),
    (b"II*\x00" + b"\x00" * 100, "image/png", 415),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\x00" * 100, "image/webp", 415),
    (b"GIF89a" + b"\x00" * 100, "image/png", 415),
    (b"SIMPLE  =                    T", "image/jpeg", 415),
]


@pytest.mark.parametrize(("data", "kind"), GOOD)
def test_an_ordinary_picture_passes(data: bytes, kind: str) -> None:
    check(data, kind)


@pytest.mark.parametrize(("data", "kind", "status"), BOMBS, ids=range(len(BOMBS)))
def test_a_picture_that_is_a_bomb_is_found_out_by_its_header_at_once(data: bytes, kind: str, status: int) -> None:
    """rel:S22"""
    clock = SystemClock()
    begun = clock.mono_ns()
    found: int | None = None
    try:
        check(data, kind)
    except Problem as problem:
        found = problem.status
    assert (clock.mono_ns() - begun) / 1e9 < FAST_S
    assert found == status


class Looking:
    """Sees one person, or says why not."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.asked: list[tuple[int, str]] = []

    async def examine(self, data: bytes, camera: str) -> Examined:
        self.asked.append((len(data), camera))
        if self._error is not None:
            raise self._error
        person = Detection("person", 0.81234, Box(0.1, 0.2, 0.3, 0.4))
        judged = Judged("r", "When …", camera, 0, True, 2.0, (Supposed("min_time", ">= 2 s", "?", None),))
        return Examined(640, 480, 12.5, "m@1", ("person",), (person,), (judged,))


class Sending:
    def __init__(self, *answers: Sent | Exception | None) -> None:
        self._answers = list(answers)

    async def send(self, name: str) -> Sent | None:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def posted(here: Place, data: bytes, kind: str = "image/jpeg", query: str = "") -> Any:
    with client(here.app) as session:
        return session.post(f"/api/test-image{query}", content=data, headers={"Content-Type": kind})


def test_a_picture_is_looked_at_and_every_rule_says_what_it_would(here: Place) -> None:
    looking = Looking()
    here.rooms = replace(here.rooms, examiner=looking)
    found = posted(here, jpeg(640, 480), query="?camera=yard").json()
    assert found["detections"] == [{"label": "person", "score": 0.8123, "box": [0.1, 0.2, 0.3, 0.4]}]
    assert found["verdicts"][0]["conditions"] == [{"name": "min_time", "wanted": ">= 2 s", "got": "?", "met": None}]
    assert (found["width"], found["labels"], found["verdicts"][0]["fires"]) == (640, ["person"], True)
    assert looking.asked == [(len(jpeg(640, 480)), "yard")]


def test_nothing_that_is_refused_reaches_whoever_looks(here: Place) -> None:
    """rel:S22"""
    looking = Looking()
    here.rooms = replace(here.rooms, examiner=looking)
    assert posted(here, png(60_000, 60_000), "image/png").status_code == 413
    assert posted(here, b"<svg/>", "image/svg+xml").status_code == 415
    assert posted(here, b"\x00" * 12_000_001).status_code == 413
    assert posted(here, jpeg(640, 480), query="?camera=nowhere").status_code == 404
    assert looking.asked == []


@pytest.mark.parametrize(("error", "status"), [(Busy("no model"), 503), (Refused("damaged"), 422)])
def test_why_a_picture_is_not_looked_at_is_told(here: Place, error: Exception, status: int) -> None:
    here.rooms = replace(here.rooms, examiner=Looking(error))
    answer = posted(here, jpeg(640, 480))
    assert (answer.status_code, answer.json()["detail"]) == (status, str(error))


def test_a_channel_is_tried_and_what_became_of_it_is_told(here: Place) -> None:
    here.rooms = replace(here.rooms, channels=Sending(Sent(True, "delivered", 0.3), None, Busy("too often")))
    with client(here.app) as session:
        tried, unknown, often = (session.post("/api/channels/mail/test") for _ in range(3))
    assert tried.json() == {"ok": True, "message": "delivered", "seconds": 0.3}
    assert unknown.status_code == 404
    assert (often.status_code, "retry-after" in often.headers) == (429, True)
