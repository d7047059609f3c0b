"""Live fragments against FFmpeg: every picture that went in comes out, on one timeline, whatever the camera does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from typing import Any

import av
import pytest

from redshank.media.codec_config import VIDEO_SCALE
from redshank.media.live import FRAGMENT, Fragment, LiveMuxer
from redshank.model import Packet, StreamFormat
from tests.harness.footage import cached_clip, luma_of, read_number
from tests.playback.recording import packets_of

LAST = 3
"""Pictures that are decoded before others shown earlier."""
NOON = 1_763_726_400_000_000


def packets(seconds: float = 4, start: int = NOON, **encoding: Any) -> list[Packet]:
    """Of a numbered clip, sound included."""
    return list(packets_of(cached_clip(seconds, **encoding), start, "yard", "main")[0])


def live(given: Iterable[Packet], sound: bool = True) -> list[Fragment]:
    muxer = LiveMuxer(sound)
    return [fragment for packet in given for fragment in muxer.add(packet)]


def again(given: Sequence[Packet], after_s: float = 0, ahead_s: float = 0) -> list[Packet]:
    """As after a new connection: other format objects, the same pictures, later by the wall and by the camera's own clock."""
    made: dict[int, StreamFormat] = {}
    found = []
    for one in given:
        form = made.setdefault(id(one.format), replace(one.format))
        ticks = round(ahead_s / form.time_base)
        time, mono_ns = one.time + round(after_s * 1e6), one.mono_ns + round(after_s * 1e9)
        found.append(replace(one, format=form, pts=one.pts + ticks, dts=one.dts + ticks, time=time, mono_ns=mono_ns))
    return found


def movie(fragments: Sequence[Fragment]) -> bytes:
    return b"".join([fragments[0].init.data, *(one.data for one in fragments)])


def shown(fragments: Sequence[Fragment]) -> tuple[list[int | None], list[float]]:
    """Number and time, seconds, of each picture a player shows; without the last, which may lack what comes between them."""
    with av.open(BytesIO(movie(fragments)), "r") as container:
        frames = list(container.decode(video=0))[:-LAST]
        return [read_number(luma_of(frame)) for frame in frames], [float(frame.time or 0) for frame in frames]


def heard(fragments: Sequence[Fragment]) -> float:
    """Seconds of sound."""
    with av.open(BytesIO(movie(fragments)), "r") as container:
        return float(sum(Fraction(frame.samples, frame.sample_rate) for frame in container.decode(audio=0)))


@pytest.mark.parametrize(
    "encoding", [{}, {"bframes": 2}, {"codec": "libx265"}, {"fps": 25, "audio": "aac"}, {"fps": 3, "gop_s": 2}], ids=str
)
def test_every_picture_comes_out_in_fragments_of_at_most_200_ms(encoding: dict[str, Any]) -> None:
    given = packets(**encoding)
    fragments = live(given)
    numbers, times = shown(fragments)
    assert numbers == list(range(len(numbers)))
    usual = 1 / encoding.get("fps", 10)
    assert len(numbers) >= 4 / usual - LAST - max(3, 0.3 / usual)  # what is not over yet is not given yet
    assert all(b - a == pytest.approx(usual, abs=0.011) for a, b in pairwise(times))
    assert all(one.end - one.start <= max(FRAGMENT, usual * VIDEO_SCALE) + 1 for one in fragments)
    assert all(a.end == b.start for a, b in pairwise(fragments))
    assert {one.init for one in fragments} == {fragments[0].init}


def test_a_keyframe_begins_a_fragment_and_from_there_on_everything_decodes() -> None:
    fragments = live(packets(bframes=2))
    begins = [index for index, one in enumerate(fragments) if one.keyframe]
    assert len(begins) == 4
    for index in begins:
        numbers, _ = shown(fragments[index:])
        assert numbers[0] is not None
        assert numbers[0] % 10 == 0
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_browser_is_told_what_it_must_decode() -> None:
    first = live(packets(audio="aac", fps=25))[0].init
    assert first.codecs.startswith("avc1.64")
    assert first.codecs.endswith(",mp4a.40.2")
    assert (first.codec, first.width, first.height, first.sound) == ("h264", 640, 360, True)
    silent = live(packets(audio="aac", fps=25), sound=False)[0].init
    assert (silent.codecs, silent.sound) == (first.codecs.partition(",")[0], False)
    assert live(packets(codec="libx265"))[0].init.codecs.startswith("hvc1.1.6.L")


def test_sound_is_heard_as_long_as_its_pictures_are_seen() -> None:
    fragments = live(packets(audio="aac", fps=25))
    assert heard(fragments) == pytest.approx((fragments[-1].end - fragments[0].start) / VIDEO_SCALE, abs=0.1)


def test_each_fragment_says_when_its_first_picture_was_taken() -> None:
    given = packets(bframes=2)
    times = {one.pts * one.format.time_base: one.time for one in given}
    for fragment in live(given):
        assert fragment.time in times.values()
        media_s = fragment.shown / VIDEO_SCALE
        assert (fragment.time - NOON) / 1e6 == pytest.approx(media_s - live(given)[0].shown / VIDEO_SCALE, abs=0.011)


@pytest.mark.parametrize("ahead_s", [-3000, -0.5, 5, 90_000])
def test_a_new_connection_goes_on_where_the_old_one_ended(ahead_s: float) -> None:
    """Whatever its clock says; the init segment stays, since nothing about the stream is new."""
    given = packets(bframes=2, audio="aac")
    fragments = live([*given, *again(given, 10, ahead_s)])
    numbers, times = shown(fragments)
    assert numbers[:40] == list(range(40))
    assert numbers[40:] == list(range(len(numbers) - 40))
    assert len(numbers) > 70
    assert max(b - a for a, b in pairwise(times)) < 0.35
    assert {one.init for one in fragments} == {fragments[0].init}


def test_where_nothing_came_for_a_while_nothing_is_waited_for() -> None:
    given = packets(8)
    cut = [one for one in given if not 2 <= one.pts * one.format.time_base < 6]
    _, times = shown(live(cut))
    assert max(b - a for a, b in pairwise(times)) < 0.2


def test_another_format_has_its_own_init_segment_on_the_same_timeline() -> None:
    fragments = live([*packets(2), *again(packets(2, width=320, height=192), 2)])
    first, second = dict.fromkeys(one.init for one in fragments)
    assert (first.width, second.width) == (640, 320)
    begins = next(index for index, one in enumerate(fragments) if one.init is second)
    assert fragments[begins].keyframe
    assert 0 <= fragments[begins].start - fragments[begins - 1].end < VIDEO_SCALE / 50
    assert shown(fragments[begins:])[0][:10] == list(range(10))


def test_a_stream_of_another_format_is_not_shown_before_its_keyframe() -> None:
    old, new = packets(2), again(packets(2, width=320, height=192), 2)
    fragments = live([*old, *new[1:]])
    assert shown([one for one in fragments if one.init.width == 320])[0][0] == 10


def test_sound_that_stops_is_not_waited_for_and_comes_back() -> None:
    given = packets(8, audio="aac", fps=10)
    hushed = [one for one in given if one.format.kind == "video" or not 2 <= one.pts * one.format.time_base < 5]
    told = [one.init.sound for one in live(hushed) if one.keyframe]
    assert (told[0], told[-1]) == (True, True)
    assert False in told


def test_damage_costs_what_is_damaged() -> None:
    """Packets without a picture, of an unknown codec or without parameter sets are left out and counted."""
    given = packets(2)
    odd = StreamFormat("video", "vp9", Fraction(1, 90_000))
    muxer = LiveMuxer()
    empty = [replace(given[3], data=b""), replace(given[3], format=odd, keyframe=True)]
    fragments = [one for packet in [*given[:3], *empty, *given[4:]] for one in muxer.add(packet)]
    assert muxer.ignored == 2
    assert {one.init.codec for one in fragments} == {"h264"}
