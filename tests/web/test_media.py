"""Footage over a real server: movies by byte ranges, HLS, clips; and what is refused."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from redshank.clock import US_PER_S, rfc3339
from redshank.errors import StoreError
from redshank.model import Event, Segment
from redshank.store import alerts, events, recordings
from redshank.web.app import make_app
from redshank.web.site import WebSite, rechecked
from tests.alert.sample import alert, closed
from tests.playback.recording import NOON, numbered
from tests.playback.watching import play, watch
from tests.web.serving import Place, client, place

START, END = NOON + 1_250_000, NOON + 8_330_000
MOVIE = f"/api/play/yard/main/{START}/{END}.mp4"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


@pytest.fixture
def yard(here: Place) -> Iterator[httpx.Client]:
    """20 s of footage with sound."""
    here.recording.add(numbered(20, audio="aac", bframes=2), NOON)
    here.know()
    with client(here.app) as session:
        yield session


def test_a_range_is_one_movie_of_known_size(yard: httpx.Client) -> None:
    answer = yard.get(MOVIE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/mp4"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["redshank-duration"] == "7.080000"
    assert answer.headers["redshank-start"] == "2025-11-21T12:00:01.250000Z"
    assert answer.headers["content-disposition"] == 'inline; filename="yard-main-20251121T120001Z.mp4"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert watch(answer.content, 7.08).numbers == list(range(12, 84))
    head = yard.head(MOVIE)
    assert head.content == b""
    assert head.headers["content-length"] == answer.headers["content-length"]
    assert head.headers["etag"] == answer.headers["etag"]


def test_times_may_be_written_either_way(yard: httpx.Client) -> None:
    written = f"/api/play/yard/main/{rfc3339(START)}/{rfc3339(END)}.mp4"
    assert yard.get(written).content == yard.get(MOVIE).content


def test_byte_ranges_put_together_are_the_movie(yard: httpx.Client) -> None:
    whole = yard.get(MOVIE).content
    size = len(whole)
    dice = random.Random(8)
    cuts = [0, *sorted(dice.sample(range(1, size), 12)), size]
    parts = []
    for low, high in pairwise(cuts):
        answer = yard.get(MOVIE, headers={"Range": f"bytes={low}-{high - 1}"})
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {low}-{high - 1}/{size}"
        assert int(answer.headers["content-length"]) == high - low
        parts.append(answer.content)
    assert b"".join(parts) == whole
    assert yard.get(MOVIE, headers={"Range": "bytes=-100"}).content == whole[-100:]
    assert yard.get(MOVIE, headers={"Range": f"bytes={size - 7}-"}).content == whole[-7:]
    assert yard.get(MOVIE, headers={"Range": "bytes=0-99999999999"}).content == whole


@pytest.mark.parametrize(
    "header", ["bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=-", "bytes=1-2-3", ""]
)
def test_a_range_that_makes_no_sense_is_the_whole(yard: httpx.Client, header: str) -> None:
    answer = yard.get(MOVIE, headers={"Range": header})
    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["content-length"])


def test_what_lies_behind_the_end_is_416(yard: httpx.Client) -> None:
    size = int(yard.head(MOVIE).headers["content-length"])
    answer = yard.get(MOVIE, headers={"Range": f"bytes={size}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{size}"


def test_the_etag_guards_a_download_that_is_taken_up_again(here: Place, yard: httpx.Client) -> None:
    etag = yard.head(MOVIE).headers["etag"]
    ranged = {"Range": "bytes=10-19"}
    assert yard.get(MOVIE, headers={**ranged, "If-Range": etag}).status_code == 206
    assert yard.get(MOVIE, headers={**ranged, "If-Range": '"other"'}).status_code == 200
    assert yard.get(MOVIE, headers={"If-None-Match": etag}).status_code == 304
    here.recording.file(here.recording.segments[1]).unlink()
    assert yard.head(MOVIE).headers["etag"] != etag
    assert yard.get(MOVIE, headers={**ranged, "If-Range": etag}).status_code == 200


def test_the_head_of_a_kind_is_found_without_going_through_the_whole_range(here: Place) -> None:
    hour = 3600 * US_PER_S
    here.recording.add(numbered(3), NOON)
    here.recording.add(numbered(3, width=640, height=368), NOON + 5 * hour)
    here.know()
    first, *_, last = here.recording.segments
    spans: list[int] = []

    class Counted(WebSite):
        __slots__ = ()

        def segments(self, camera: str, stream: str, start: int, end: int) -> list[Segment]:
            spans.append(end - start)
            return WebSite.segments(self, camera, stream, start, end)

    site = here.site
    counted = Counted(**{one.name: getattr(site, one.name) for one in fields(site)})
    below = f"/api/play/yard/main/{NOON}/{NOON + 24 * hour}"
    with client(make_app(counted, here.rooms)) as session:
        assert session.get(f"{below}/init-{first.setup}.mp4").status_code == 200
        assert spans == [hour]
        assert session.get(f"{below}/init-{last.setup}.mp4").status_code == 200
        assert spans == [hour] * 7
        assert session.get(f"{below}/init-{'0' * 16}.mp4").status_code == 404


def test_what_retention_deletes_while_it_is_played_is_not_told_as_lost(here: Place) -> None:
    """Rows go first, then files: whoever knew the row before may miss the file, and nothing is wrong."""
    here.recording.add(numbered(6), NOON)
    here.know()
    first, second = here.recording.segments
    site = rechecked(here.site)
    here.store.write(partial(recordings.remove, keys=[recordings.key(first)])).result()
    for segment in (first, second):
        here.recording.file(segment).unlink()
        with pytest.raises(StoreError):
            site.footage.read(segment, 0, 100)
    assert [segment.seq for segment, _why in here.recording.lost] == [second.seq]


def test_gaps_and_lost_files_are_told_beside_the_movie(here: Place) -> None:
    """rel:T05."""
    here.recording.add(numbered(6), NOON)
    here.recording.add(numbered(6), NOON + 30 * US_PER_S)
    here.know()
    here.recording.file(here.recording.segments[1]).unlink()
    with client(here.app) as session:
        address = f"/api/play/yard/main/{NOON}/{NOON + 36 * US_PER_S}"
        answer = session.get(f"{address}.mp4")
        said = session.get(f"{address}.json").json()
    assert answer.headers["redshank-lost"] == "1"
    assert answer.headers["redshank-gaps"] == "2025-11-21T12:00:03.000000Z/2025-11-21T12:00:30.000000Z"
    assert watch(answer.content, 9).numbers == [*range(30), *range(60)]
    assert said["lost"][0]["path"] == here.recording.segments[1].path
    assert said["duration_s"] == 9
    assert not said["complete"]
    assert said["codecs"][0].startswith("avc1.")


def test_hls_plays_over_the_server_with_main_and_sub(here: Place) -> None:
    here.recording.add(numbered(20, audio="aac"), NOON)
    here.recording.add(numbered(20, width=640, height=368), NOON, stream="sub")
    here.know()
    with client(here.app) as session:
        start, end = NOON + 2_350_000, NOON + 17_620_000
        master = session.get(f"/api/play/yard/{start}/{end}/master.m3u8").text
        addresses = [line for line in master.splitlines() if line.startswith("/")]
        assert 'RESOLUTION=640x368,CODECS="avc1.' in master
        assert master.count("mp4a.40.2") == 1
        for address in addresses:
            seen = play(address, lambda one: session.get(one).raise_for_status().content)
            assert seen.numbers == list(range(20, 177))
            assert seen.measured == pytest.approx(seen.durations[:-1], abs=0.002)
    assert len(addresses) == 2


def test_an_alerts_clip_plays_while_it_is_written_and_after(here: Place) -> None:
    here.clock.step(-3600 + 12)
    here.recording.add(numbered(6), NOON)
    here.know()
    opened = replace(alert(), camera="yard", opened=NOON + 8 * US_PER_S)
    here.store.write(partial(alerts.save, alert=opened)).result()
    with client(here.app) as session:

        def fetch(one: str) -> bytes:
            return session.get(one).raise_for_status().content

        address = f"/api/alerts/{opened.id}/clip"
        here.recording.run(numbered(20), NOON + 6 * US_PER_S, 6)
        early = play(f"{address}.m3u8", fetch)
        assert early.numbers == [*range(30, 60), *range(40)]
        assert "#EXT-X-ENDLIST" not in early.text
        here.recording.forget_running()
        here.recording.add(numbered(20), NOON + 6 * US_PER_S, segment_s=60)
        here.know()
        here.clock.advance(60)
        done = closed(opened, 4)
        here.store.write(partial(alerts.save, alert=done)).result()
        later = play(f"{address}.m3u8", fetch)
        assert later.text.replace(":VOD", ":EVENT").startswith(early.text)
        assert "#EXT-X-ENDLIST" in later.text
        assert later.numbers == [*range(30, 60), *range(110)]
        movie = session.get(f"{address}.mp4")
        assert watch(movie.content, 14).numbers == [*range(30, 60), *range(110)]
        assert session.get(f"/api/alerts/{'0' * 36}/clip.mp4").status_code == 404


def test_an_events_clip_has_some_seconds_before_and_after(here: Place) -> None:
    here.recording.add(numbered(20), NOON)
    here.know()
    event = Event("e1", "track", "yard", NOON + 8 * US_PER_S, NOON + 9 * US_PER_S)
    here.store.write(partial(events.save, event=event)).result()
    with client(here.app) as session:
        movie = session.get("/api/events/e1/clip.mp4")
        listed = play("/api/events/e1/clip.m3u8", lambda one: session.get(one).raise_for_status().content)
    assert watch(movie.content, 11).numbers == list(range(30, 140))
    assert listed.numbers == list(range(30, 140))


def test_footage_of_a_file_that_gets_its_last_name_meanwhile_is_still_found(here: Place) -> None:
    """rel:T07: the row still names the .part, the file has been linked and the .part is gone."""
    running = here.recording.run(numbered(20), NOON, 9)
    part = here.recording.file(running)
    with client(here.app) as session:
        address = f"/api/play/yard/main/{NOON}/{NOON + 6 * US_PER_S}.mp4"
        before = session.get(address)
        part.rename(part.with_suffix(".mp4"))
        after = session.get(address)
    assert before.content == after.content
    assert after.status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/api/play/nobody/main/{START}/{END}.mp4", 404),
        (f"/api/play/yard/third/{START}/{END}.mp4", 404),
        (f"/api/play/yard/main/{END}/{START}.mp4", 400),
        (f"/api/play/yard/main/{START}/never.mp4", 400),
        (f"/api/play/yard/main/{START}/{START + 8 * 86400 * US_PER_S}.mp4", 400),
        (f"/api/play/yard/main/{END + 10**10}/{END + 2 * 10**10}.mp4", 404),
        (f"/api/play/yard/main/{START}/{END}.mp4?codecs=vp9", 400),
        (f"/api/play/yard/main/{START}/{END}/init-0000000000000000.mp4", 404),
        (f"/api/play/yard/main/{START}/{END}/1/0-10.m4s", 404),
        (f"/api/play/yard/main/{START}/{END}/x/0-10.m4s", 400),
        (f"/api/play/nobody/{START}/{END}/master.m3u8", 404),
        (f"/api/play/..%2f..%2fetc/main/{START}/{END}.mp4", 404),
        (f"/api/play/yard/main/{'9' * 30}/{END}.mp4", 400),
        ("/api/alerts/%00/clip.mp4", 404),
    ],
)
def test_what_is_not_there_or_makes_no_sense_is_a_problem(yard: httpx.Client, path: str, status: int) -> None:
    answer = yard.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
