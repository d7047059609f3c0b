"""A range as HLS: every picture once, lengths as promised, formats named as browsers ask for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.playback import hls
from redshank.playback.footage import NoFootage
from redshank.playback.instant import instant
from redshank.playback.movie import head_of
from tests.playback.recording import NOON, Recording, numbered
from tests.playback.watching import Get, Played, play


def serve(recording: Recording, start: int, end: int, growing: bool = False) -> Get:
    """What a web server would answer."""

    def get(address: str) -> bytes:
        plan = recording.plan(start, end)
        name = urlsplit(address).path.removeprefix("/range/")
        if name == "index.m3u8":
            return hls.playlist(plan, growing).encode()
        if name.startswith("init-"):
            of_kind = next(piece.segment for piece in plan.pieces if piece.segment.setup == name[5:21])
            return hls.init(of_kind, recording.footage)
        seq, _, part = name.partition("/")
        segment = next(one for one in [*recording.segments, *recording.running] if one.seq == int(seq))
        return hls.chunk(segment, part.removesuffix(".m4s"), start, recording.footage)

    return get


def watched(recording: Recording, start_s: float, end_s: float, growing: bool = False) -> Played:
    start, end = NOON + round(start_s * US_PER_S), NOON + round(end_s * US_PER_S)
    return play("/range/index.m3u8", serve(recording, start, end, growing))


@pytest.mark.parametrize("encoding", [{}, {"bframes": 2, "audio": "aac"}, {"codec": "libx265"}], ids=str)
def test_a_range_plays_each_picture_once_for_as_long_as_it_says(tmp_path: Path, encoding: dict[str, object]) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(20, **encoding), NOON, segment_s=7)
    seen = watched(recording, 2.35, 17.62)
    assert seen.numbers == list(range(20, 177))
    assert seen.measured == pytest.approx(seen.durations[:-1], abs=0.002)
    assert sum(seen.durations) == pytest.approx(17.62 - 2.0, abs=0.001)
    assert "#EXT-X-START:TIME-OFFSET=0.350000" in seen.text
    assert max(seen.durations) <= 8
    assert seen.discontinuities == 0
    assert seen.text.endswith("#EXT-X-ENDLIST\n")


def test_holes_and_new_formats_are_discontinuities_with_their_own_head_and_date(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(6), NOON)
    recording.add(numbered(6), NOON + 60 * US_PER_S)
    recording.add(numbered(6, width=640, height=368), NOON + 66 * US_PER_S)
    seen = watched(recording, 0, 100)
    assert seen.numbers == [*range(60), *range(60), *range(60)]
    assert seen.discontinuities == 2
    assert seen.text.count("#EXT-X-MAP") == 2
    assert "#EXT-X-PROGRAM-DATE-TIME:2025-11-21T12:01:00.000000Z" in seen.text


def test_a_clip_plays_while_it_is_still_being_written(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(6), NOON, segment_s=10)
    recording.run(numbered(20), NOON + 6 * US_PER_S, 9)
    early = watched(recording, 0, 30, growing=True)
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in early.text
    assert "#EXT-X-ENDLIST" not in early.text
    assert early.numbers == [*range(60), *range(80)]
    recording.forget_running()
    recording.run(numbered(20), NOON + 6 * US_PER_S, 14)
    later = watched(recording, 0, 30, growing=True)
    assert later.text.startswith(early.text), "an EVENT playlist only grows"
    recording.forget_running()
    recording.add(numbered(20), NOON + 6 * US_PER_S, segment_s=60)
    done = watched(recording, 0, 30)
    assert done.numbers == [*range(60), *range(200)]
    assert done.text.startswith(later.text.replace(":EVENT", ":VOD"))


def test_a_running_file_that_has_reached_the_end_of_the_range_is_given_to_the_end(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.run(numbered(20), NOON, 9)
    seen = watched(recording, 1, 6.5)
    assert seen.numbers == list(range(10, 65))


def test_a_wall_clock_set_back_is_a_discontinuity(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(6), NOON)
    recording.add(numbered(6), NOON + 2 * US_PER_S)
    seen = watched(recording, 0, 20)
    assert sorted(n for n in seen.numbers if n is not None) == sorted([*range(60), *range(60)])
    assert seen.discontinuities >= 1


def test_codecs_are_named_as_a_browser_asks_for_them(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    (h264,) = recording.add(numbered(3, audio="aac"), NOON, segment_s=9)
    (hevc,) = recording.add(numbered(3, codec="libx265"), NOON, segment_s=9, stream="sub")
    first = hls.variant("main/index.m3u8", [h264], head_of(h264, recording.footage))
    second = hls.variant("sub/index.m3u8", [hevc], head_of(hevc, recording.footage))
    assert first.codecs.startswith("avc1.64")
    assert first.codecs.endswith(",mp4a.40.2")
    assert second.codecs.startswith("hvc1.1.6.L")
    text = hls.master([first, second])
    assert f'RESOLUTION=320x192,CODECS="{first.codecs}"' in text
    assert text.count("#EXT-X-STREAM-INF") == 2


@pytest.mark.parametrize(
    "name", ["0-100", "1-2", "999999-9999999", "x", "-5", "5-", "1e3-2000", "0x10-0x20", "", "../..", "9" * 40]
)
def test_an_address_nobody_gave_out_has_nothing_behind_it(tmp_path: Path, name: str) -> None:
    recording = Recording(tmp_path)
    (segment, *_) = recording.add(numbered(6), NOON)
    with pytest.raises(StoreError):
        hls.chunk(segment, name, NOON, recording.footage)


def test_more_than_a_chunk_can_be_is_not_even_read(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    (segment, *_) = recording.add(numbered(6), NOON)
    large = replace(segment, media_to=1 << 30)
    read: list[int] = []
    footage = replace(recording.footage, disks=lambda: read.append(1) or {"vol": recording.disk})  # type: ignore[func-returns-value]
    with pytest.raises(NoFootage, match="too far apart"):
        hls.chunk(large, f"{segment.media_from}-{segment.media_from + hls.MOST_BYTES + 1}", NOON, footage)
    with pytest.raises(NoFootage, match="too far apart"):
        instant([replace(large, index=b"")], NOON, footage)
    assert read == []
