"""The WebRTC process without browsers: packets in WebRTC's form, and queues that hurt nobody but whoever is slow."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from itertools import pairwise

import pytest
from aiortc.mediastreams import MediaStreamError

from redshank.media.codec_config import units
from redshank.media.nal import START_CODE
from redshank.media.rtp import nal_type
from redshank.model import Packet, StreamFormat
from redshank.process.rtc import plain_offer, reachable
from redshank.process.rtc_feed import CATCH_UP, QUEUE_BYTES, Feed, Item, Track, annexb
from tests.harness.clocks import FakeClock
from tests.harness.footage import cached_clip
from tests.playback.recording import packets_of

OFFER = (
    "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
    "a=candidate:1 1 udp 2113937151 {} 40000 typ host\r\na=mid:0\r\na=end-of-candidates\r\n"
)


def pictures() -> list[Packet]:
    return [one for one in packets_of(cached_clip(2), 0, "yard", "main")[0] if one.format.kind == "video"]


def fed(packets: list[Packet]) -> Feed:
    feed = Feed()
    feed.format(packets[0].format)
    give(feed, packets)
    return feed


def give(feed: Feed, packets: list[Packet]) -> None:
    for one in packets:
        feed.packet("video", round(one.pts * one.format.time_base * 90_000), one.keyframe, one.data)


async def test_who_comes_gets_the_newest_gop_at_once_and_then_what_comes() -> None:
    packets = pictures()
    feed = fed(packets[:15])
    track = Track("video", FakeClock(autojump=True))
    feed.join([track])
    give(feed, packets[15:17])
    got = [await track.recv() for _ in range(7)]
    live = [round(one.pts * one.format.time_base * 90_000) for one in packets]
    assert [one.pts for one in got[5:]] == live[15:17]
    assert [one.pts for one in got[:5]] == [live[14] - back * CATCH_UP for back in (4, 3, 2, 1, 0)]
    assert got[0].time_base == Fraction(1, 90_000)
    assert bytes(got[0]).startswith(START_CODE)


def test_a_keyframe_brings_its_parameter_sets_and_nothing_superfluous() -> None:
    first, second = pictures()[:2]
    kinds = [nal_type(unit, "h264") for unit in units(annexb(first.format, first.data, True), 0)]
    assert kinds[:2] == [7, 8]
    assert 5 in kinds
    assert annexb(first.format, first.data, True).count(first.format.extradata[8:12]) == 1
    assert 7 not in [nal_type(unit, "h264") for unit in units(annexb(second.format, second.data, False), 0)]
    delimited = b"\0\0\0\1\x09\xf0\0" + START_CODE + b"\x41\x9a\x01\x02"
    bare = StreamFormat("video", "h264", Fraction(1, 90_000))
    assert annexb(bare, delimited, False) == START_CODE + b"\x41\x9a\x01\x02"


async def test_a_slow_session_loses_its_own_up_to_the_next_keyframe() -> None:
    track = Track("video", FakeClock(autojump=True))
    track.offer(Item(0, False, b"x"))
    track.offer(Item(1, True, bytes(QUEUE_BYTES)))
    track.offer(Item(2, False, b"one too many"))
    track.offer(Item(3, False, b"lost with it"))
    track.offer(Item(4, True, b"begins anew"))
    assert bytes(await track.recv()) == b"begins anew"
    assert track.dropped == 4


async def test_times_rise_also_when_the_cameras_clock_goes_back() -> None:
    track = Track("video", FakeClock(autojump=True))
    for at in (90_000, 93_600, 10, 3_610):
        track.offer(Item(at, True, b"x"))
    times = [(await track.recv()).pts for _ in range(4)]
    assert times == [90_000, 93_600, 97_200, 100_800]


async def test_what_waits_is_forgotten_when_the_camera_becomes_private() -> None:
    packets = pictures()
    feed = fed(packets[:15])
    track = Track("video", FakeClock(autojump=True))
    feed.join([track])
    feed.forget()
    late = Track("video", FakeClock(autojump=True))
    feed.join([late])
    give(feed, packets[15:20])
    give(feed, pictures()[:1])
    keyframe = annexb(packets[0].format, packets[0].data, True)
    assert [bytes(await one.recv()) for one in (track, late)] == [keyframe] * 2


async def test_a_track_that_is_stopped_ends() -> None:
    track = Track("video", FakeClock(autojump=True))
    waits = asyncio.ensure_future(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await waits


async def test_sound_is_made_into_opus_once_for_all() -> None:
    packets = list(packets_of(cached_clip(2, audio="aac"), 0, "yard", "main")[0])
    sound = [one for one in packets if one.format.kind == "audio"]
    feed = Feed()
    feed.format(sound[0].format)
    tracks = [Track("audio", FakeClock(autojump=True)) for _ in range(2)]
    for track in tracks:
        feed.join([track])
    for one in sound:
        feed.packet("audio", round(one.pts * one.format.time_base * 90_000), True, one.data)
    first, second = [[await track.recv() for _ in range(50)] for track in tracks]
    assert [bytes(one) for one in first] == [bytes(one) for one in second]
    assert [b.pts - a.pts for a, b in pairwise(first)] == [960] * 49


@pytest.mark.parametrize("address", ["5e3c-77.local", "10.0.0.7", "fd00::7"])
def test_no_address_in_an_offer_is_tried(address: str) -> None:
    assert plain_offer(OFFER.format(address)) == "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"
    assert plain_offer(OFFER.format(address).replace("\r\n", "\n")) == plain_offer(OFFER.format(address))


def test_a_browser_elsewhere_is_not_told_of_loopback() -> None:
    assert "127.0.0.1" in reachable(OFFER.format("127.0.0.1"), True)
    assert "127.0.0.1" not in reachable(OFFER.format("127.0.0.1"), False)
    assert "192.0.2.7" in reachable(OFFER.format("192.0.2.7"), False)
