"""Pictures over the server: an instant, sprites, and H.264 for a browser that plays nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from redshank.clock import US_PER_S, rfc3339
from redshank.pipe import Note
from redshank.playback import sprite
from redshank.playback.fragment import HEAD, fragments
from redshank.playback.studio import Busy
from redshank.store import recordings
from tests.harness.clocks import FakeClock
from tests.harness.footage import luma_of, read_number
from tests.playback.decoding import InlineStudio, luma_of_jpeg
from tests.playback.recording import NOON, numbered
from tests.playback.watching import play, watch
from tests.web.serving import Place, client, place


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.studio = InlineStudio()
        yield made


def test_the_picture_of_an_instant_is_a_jpeg_that_says_its_time(here: Place) -> None:
    here.recording.add(numbered(6), NOON)
    here.know()
    with client(here.app) as session:
        answer = session.get(f"/api/picture/yard/{rfc3339(NOON + 2_345_678)}.jpg")
        small = session.get(f"/api/picture/yard/{NOON}.jpg", params={"width": 160})
        none = session.get(f"/api/picture/yard/{NOON + 90 * US_PER_S}.jpg")
        sub = session.get(f"/api/picture/yard/{NOON}.jpg", params={"stream": "sub"})
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["redshank-time"] == "2025-11-21T12:00:02.300000Z"
    assert read_number(luma_of_jpeg(answer.content)) == 23
    assert luma_of_jpeg(small.content).shape == (96, 160)
    assert (none.status_code, sub.status_code) == (404, 404)


def test_privacy_masks_are_black_in_pictures_and_sprites(here: Place) -> None:
    here.masks = (((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)),)
    here.recording.add(numbered(6), NOON)
    here.know()
    with client(here.app) as session:
        whole = luma_of_jpeg(session.get(f"/api/picture/yard/{NOON}.jpg").content)
        sheet = luma_of_jpeg(session.get("/api/sprites/yard/2025-11-21/12.jpg").content)
    assert whole[100:].max() < 40
    assert whole[:90].max() > 150
    assert sheet[52:96, :160].max() < 40
    assert sheet[:44, :160].max() > 100


def test_privacy_masks_are_black_in_a_transcode(here: Place) -> None:
    here.masks = (((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)),)
    here.recording.add(numbered(6, codec="libx265"), NOON, segment_s=60)
    here.know()
    address = f"/api/play/yard/main/{NOON}/{NOON + 5 * US_PER_S}"
    with client(here.app) as session:
        listed = session.get(f"{address}/index.m3u8?codecs=h264").text.splitlines()
        head = fetch(session, next(line.split('"')[1] for line in listed if line.startswith("#EXT-X-MAP")))
        chunk = fetch(session, next(line for line in listed if line.endswith(".h264.m4s")))
        movie = fetch(session, f"{address}.mp4?codecs=h264")
    for data in (head + chunk, movie):
        with av.open(io.BytesIO(data), "r") as file:
            pictures = [luma_of(frame) for frame in file.decode(video=0)]
        assert len(pictures) >= 40
        assert all(picture[100:].max() < 40 and picture[:90].max() > 150 for picture in pictures)


def minutes(here: Place, numbers: list[int], stream: str = "main", width: int = 320) -> None:
    """A second of footage at the start of each of these minutes after noon, whose picture shows the minute."""
    height = width * 3 // 5
    for number in numbers:
        clip = numbered(3, width=width, height=height)
        (made,) = here.recording.add(clip, NOON + (60 * number + 5) * US_PER_S, segment_s=60, stream=stream)
        here.store.write(partial(recordings.add, segment=made)).result()


def test_a_sheet_has_a_picture_a_minute_in_its_place(here: Place) -> None:
    minutes(here, [0, 1, 17, 59])
    with client(here.app) as session:
        told = session.get("/api/sprites/yard/2025-11-21/12.json").json()
        answer = session.get("/api/sprites/yard/2025-11-21/12.jpg")
    sheet = luma_of_jpeg(answer.content)
    assert sheet.shape == (6 * 96, 1600)
    assert (told["width"], told["height"], told["columns"], told["rows"]) == (160, 96, 10, 6)
    assert told["missing"] == [n for n in range(60) if n not in (0, 1, 17, 59)]
    assert told["tiles"][17]["time"] == "2025-11-21T12:17:05.000000Z"
    for number, tile in enumerate(told["tiles"]):
        pixels = sheet[tile["y"] : tile["y"] + 96, tile["x"] : tile["x"] + 160]
        assert (pixels.max() > 60) == (number in (0, 1, 17, 59)), number


def test_the_small_stream_is_preferred_and_the_large_one_fills_in(here: Place) -> None:
    minutes(here, [1, 2])
    minutes(here, [2, 3], "sub")
    start = NOON - NOON % sprite.HOUR_US
    wanted = sprite.sheet("yard", start, sorted(here.recording.segments, key=lambda one: one.stream != "sub"))
    assert [(tile.number, tile.segment.stream) for tile in wanted.tiles] == [(1, "main"), (2, "sub"), (3, "sub")]


def test_a_sheet_is_made_once_and_again_when_footage_goes(here: Place) -> None:
    studio = InlineStudio()
    here.studio = studio
    here.clock.advance(3600)
    minutes(here, [0, 1, 2])
    with client(here.app) as session:
        first = session.get("/api/sprites/yard/2025-11-21/12.jpg")
        again = session.get("/api/sprites/yard/2025-11-21/12.jpg")
        assert first.content == again.content
        assert first.headers["etag"] == again.headers["etag"]
        assert studio.asked == ["sheet"]
        gone = here.recording.segments[1]
        here.store.write(partial(recordings.remove, keys=[recordings.key(gone)])).result()
        later = session.get("/api/sprites/yard/2025-11-21/12.jpg")
        told = session.get("/api/sprites/yard/2025-11-21/12.json").json()
    assert studio.asked == ["sheet", "sheet"]
    assert later.headers["etag"] != first.headers["etag"]
    assert 1 in told["missing"]
    assert len(list(here.blobs.names("sprites/"))) == 1, "the sheet with the deleted picture is gone"
    assert sprite.forget(here.blobs, here.recording.segments[:1]) == 1
    assert list(here.blobs.names("sprites/")) == []


def test_an_hour_that_goes_on_is_not_kept(here: Place) -> None:
    here.clock.step(-1800)
    minutes(here, [0])
    with client(here.app) as session:
        assert session.get("/api/sprites/yard/2025-11-21/12.jpg").status_code == 200
    assert list(here.blobs.names("sprites/")) == []


def test_a_browser_without_h265_gets_the_h264_sub_stream_of_that_time(here: Place) -> None:
    here.recording.add(numbered(6, codec="libx265"), NOON)
    here.recording.add(numbered(6, width=640, height=368), NOON, stream="sub")
    here.know()
    address = f"/api/play/yard/main/{NOON + US_PER_S}/{NOON + 5 * US_PER_S}"
    with client(here.app) as session:
        movie = session.get(f"{address}.mp4?codecs=h264")
        native = session.get(f"{address}.mp4?codecs=h264,hevc")
        said = session.get(f"{address}.json?codecs=h264").json()
        listed = play(f"{address}/index.m3u8?codecs=h264", lambda one: fetch(session, one))
        master = session.get(f"/api/play/yard/{NOON}/{NOON + 5 * US_PER_S}/master.m3u8?codecs=h264").text
    assert movie.headers["redshank-stream"] == "sub"
    assert "redshank-transcoded" not in movie.headers
    assert watch(movie.content, 4).codec == "h264"
    assert watch(native.content, 4).codec == "hevc"
    assert (said["stream"], said["transcoded"]) == ("sub", False)
    assert listed.numbers == list(range(10, 50))
    assert "hvc1" not in master
    assert master.count("#EXT-X-STREAM-INF") == 1


def fetch(session: httpx.Client, address: str) -> bytes:
    return session.get(address).raise_for_status().content


def test_a_browser_without_h265_gets_a_transcode_marked_as_such(here: Place) -> None:
    here.recording.add(numbered(12, codec="libx265", audio="aac"), NOON, segment_s=8)
    here.know()
    address = f"/api/play/yard/main/{NOON + US_PER_S}/{NOON + 11_500_000}"
    with client(here.app) as session:
        said = session.get(f"{address}.json?codecs=h264").json()
        listed = play(f"{address}/index.m3u8?codecs=h264", lambda one: fetch(session, one))
        head = session.head(f"{address}.mp4?codecs=h264")
        movie = session.get(f"{address}.mp4?codecs=h264")
        master = session.get(f"/api/play/yard/{NOON}/{NOON + 5 * US_PER_S}/master.m3u8?codecs=h264").text
    assert said["transcoded"] is True
    assert listed.numbers == list(range(10, 115))
    assert listed.measured == pytest.approx(listed.durations[:-1], abs=0.002)
    assert head.headers["redshank-transcoded"] == "1"
    seen = watch(movie.content, 10.5)
    assert movie.headers["redshank-transcoded"] == "1"
    assert (seen.codec, seen.numbers) == ("h264", list(range(10, 115)))
    assert seen.sound_s == pytest.approx(10.5, abs=0.06)
    assert 'CODECS="avc1.4d4028,mp4a.40.2"' in master


class Crowded(InlineStudio):
    """Every other transcode finds it busy, but not the first."""

    async def ask(self, job: str, header: Mapping[str, Any], body: bytes) -> Note:
        if len(self.asked) % 2:
            self.asked.append("busy")
            raise Busy("too many pictures")
        return await super().ask(job, header, body)


async def test_a_transcoded_movie_waits_for_its_turn_and_leaves_out_what_is_lost(tmp_path: Path) -> None:
    made = Place(tmp_path, Crowded(), clock=FakeClock(NOON + 3600 * US_PER_S, autojump=True))
    made.recording.add(numbered(12, codec="libx265"), NOON, segment_s=4)
    made.know()
    made.recording.file(made.recording.segments[1]).unlink()
    address = f"/api/play/yard/main/{NOON}/{NOON + 12 * US_PER_S}.mp4?codecs=h264"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(made.app), base_url="http://localhost") as session:
        movie = await session.get(address)
    made.store.close()
    assert watch(movie.content, 12).numbers == [*range(40), *range(80, 120)]
    assert "busy" in made.studio.asked  # type: ignore[union-attr]


def test_a_transcoded_movie_of_which_nothing_is_finished_yet_is_a_problem(here: Place) -> None:
    here.recording.run(numbered(6, codec="libx265"), NOON, 2)
    here.clock.step(-3600 + 3)
    with client(here.app) as session:
        answer = session.get(f"/api/play/yard/main/{NOON}/{NOON + 60 * US_PER_S}.mp4?codecs=h264")
    assert answer.status_code == 404
    assert "try again" in answer.json()["detail"]


def test_when_the_studio_is_full_a_movie_is_told_so_at_once(here: Place) -> None:
    here.studio = Crowded(["another"])
    here.recording.add(numbered(6, codec="libx265"), NOON)
    here.know()
    with client(here.app) as session:
        answer = session.get(f"/api/play/yard/main/{NOON}/{NOON + 5 * US_PER_S}.mp4?codecs=h264")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_without_a_studio_pictures_are_a_problem_and_footage_still_plays(here: Place) -> None:
    here.recording.add(numbered(6), NOON)
    here.know()
    here.studio = None
    with client(here.app) as session:
        answer = session.get(f"/api/picture/yard/{NOON}.jpg")
        assert session.get(f"/api/play/yard/main/{NOON}/{NOON + US_PER_S}.mp4").status_code == 200
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_picture_that_cannot_be_decoded_says_so(here: Place) -> None:
    (segment,) = here.recording.add(numbered(3), NOON, segment_s=60)
    path = here.recording.file(segment)
    data = bytearray(path.read_bytes())
    for moof, end in fragments(data[segment.media_from : segment.media_to]):
        (size,) = HEAD.unpack_from(data, segment.media_from + moof)[:1]
        begin = segment.media_from + moof + size + HEAD.size
        data[begin : segment.media_from + end] = b"\x55" * (segment.media_from + end - begin)
    path.write_bytes(data)
    here.know()
    with client(here.app) as session:
        answer = session.get(f"/api/picture/yard/{NOON}.jpg")
    assert answer.status_code == 503
    assert "damaged" in answer.json()["detail"]
