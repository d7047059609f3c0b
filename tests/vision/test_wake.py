"""When a stream is decoded, on packets written bit by bit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from redshank.clock import US_PER_S
from redshank.model import Packet, StreamFormat
from redshank.vision.bitstream import Counters, H264Headers
from redshank.vision.wake import Attention, Backlog, Feed, Wake, WakeSettings

FPS = 15
H264 = StreamFormat("video", "h264", Fraction(1, 90_000), b"", 1280, 720)


def bits(*fields: tuple[int, int] | int) -> bytes:
    """Fixed-length (value, size) and exp-Golomb (bare number) codes, then the stop bit."""
    text = ""
    for field in fields:
        text += (
            f"{field[0]:0{field[1]}b}"
            if isinstance(field, tuple)
            else f"{field + 1:b}".zfill(2 * len(f"{field + 1:b}") - 1)
        )
    text += "1"
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


SPS = b"\x67" + bits((66, 8), (0, 8), (30, 8), 0, 0, 0, 2, 1, (0, 1), 79, 44, (1, 1), (1, 1), (0, 1), (0, 1))
PPS = b"\x68" + bits(0, 0, (0, 1), (0, 1), 0, 0, 0, (0, 1), (0, 2), 0, 0, 0, (0, 1), (0, 1), (0, 1))
START = b"\0\0\0\1"


def picture(key: bool, number: int) -> bytes:
    """A packet with a slice of this frame_num; pic_order_cnt_lsb is twice that."""
    order = (2 * number & 63, 6)
    if key:
        return START + SPS + START + PPS + START + b"\x65" + bits(0, 7, 0, (0, 4), 0, order) + b"\xaa" * 50
    return START + b"\x41" + bits(0, 5, 0, (number & 15, 4), order) + b"\xaa" * 20


def stream(count: int, gop: int = 60, fmt: StreamFormat = H264) -> list[Packet]:
    """Packets of 15 pictures a second, without B-frames."""
    return [
        Packet("c", "main", 0, i, fmt, i * US_PER_S // FPS, 0, i, i, 1, i % gop == 0, picture(i % gop == 0, i % gop))
        for i in range(count)
    ]


def attend(wake: Wake, packets: list[Packet]) -> list[Attention]:
    """What it wants of each packet when no look ever finds anything."""
    result = []
    for packet in packets:
        result.append(wake.packet(packet))
        if result[-1] is not Attention.SLEEP:
            wake.quiet(packet.time)
    return result


def taken(backlog: Backlog, packet: Packet, attention: Attention) -> Feed:
    backlog.keep(packet)
    return backlog.feed(attention)


def test_it_is_awake_at_first_and_then_looks_at_every_fourth_picture() -> None:
    seen = attend(Wake(WakeSettings(learn_s=4, look_s=0.27)), stream(600))
    assert set(seen[: 4 * FPS]) == {Attention.AWAKE}
    asleep = seen[4 * FPS :]
    assert Attention.AWAKE not in asleep
    assert 0.23 < asleep.count(Attention.LOOK) / len(asleep) < 0.29
    gaps = np.diff([i for i, a in enumerate(asleep) if a is Attention.LOOK])
    assert gaps.max() <= 4


@pytest.mark.parametrize("fps", [5, 10, 25, 30])
def test_the_time_between_looks_holds_at_any_frame_rate(fps: int) -> None:
    packets = [replace(p, time=i * US_PER_S // fps) for i, p in enumerate(stream(30 * fps, gop=4 * fps))]
    seen = attend(Wake(WakeSettings(learn_s=2, look_s=0.27)), packets)
    looks = np.diff([p.time for p, a in zip(packets, seen, strict=True) if a is Attention.LOOK])
    assert looks.max() <= 0.27 * US_PER_S + US_PER_S // fps


def test_asleep_it_still_looks_at_keyframes() -> None:
    seen = attend(Wake(), stream(600))
    assert all(seen[index] is Attention.LOOK for index in range(120, 600, 60))


def test_short_groups_of_pictures_are_not_all_decoded_from_their_keyframe() -> None:
    packets = stream(900, gop=15)
    looked = [a for a, p in zip(attend(Wake(), packets), packets, strict=True) if p.keyframe and a is Attention.LOOK]
    assert 10 <= len(looked) <= 18  # of 60


def test_a_picture_larger_than_usual_is_looked_at_between_times() -> None:
    random = np.random.default_rng(1)
    packets = [p if p.keyframe else replace(p, data=p.data + bytes(int(random.normal(2000, 100)))) for p in stream(600)]
    quick = WakeSettings(look_s=100, keyframe_s=100)
    seen = attend(Wake(quick), packets)
    assert seen[100:].count(Attention.LOOK) < 25
    packets[400] = replace(packets[400], data=packets[400].data + bytes(900))
    assert attend(Wake(quick), packets)[400] is Attention.LOOK


def test_motion_keeps_it_awake_for_the_tail_only() -> None:
    wake = Wake(WakeSettings(tail_s=2))
    packets = stream(900)
    attend(wake, packets[:400])
    wake.moved(packets[399].time)
    assert wake.awake
    seen = attend(wake, packets[400:600])
    assert set(seen[:29]) == {Attention.AWAKE}
    assert Attention.AWAKE not in seen[31:]


def test_a_suspicion_wakes_it_for_a_moment() -> None:
    wake = Wake(WakeSettings(doubt_s=0.6))
    packets = stream(600)
    attend(wake, packets[:400])
    wake.suspect(packets[399].time)
    seen = attend(wake, packets[400:440])
    assert set(seen[:8]) == {Attention.AWAKE}
    assert Attention.AWAKE not in seen[10:]


def test_a_look_without_a_picture_makes_it_decode_everything() -> None:
    wake = Wake(WakeSettings(blind_s=20))
    packets = stream(900)
    attend(wake, packets[:300])
    wake.blind(packets[299].time)
    assert set(attend(wake, packets[300:590])) == {Attention.AWAKE}


def test_b_frames_are_always_decoded() -> None:
    order = [0, 3, 1, 2]
    packets = [replace(p, pts=i - i % 4 + order[i % 4]) for i, p in enumerate(stream(600))]
    assert set(attend(Wake(), packets)) == {Attention.AWAKE}


@pytest.mark.parametrize("jump_s", [20, -20])
def test_a_jump_in_time_wakes_it(jump_s: int) -> None:
    wake = Wake()
    packets = stream(600)
    attend(wake, packets[:500])
    assert wake.packet(replace(packets[500], time=packets[500].time + jump_s * US_PER_S)) is Attention.AWAKE


def test_new_parameters_wake_it() -> None:
    wake = Wake()
    packets = stream(600)
    attend(wake, packets[:500])
    assert wake.packet(replace(packets[500], format=replace(H264))) is Attention.AWAKE


def test_a_group_of_pictures_too_long_to_catch_up_is_decoded() -> None:
    seen = attend(Wake(WakeSettings(longest_gop_s=10)), stream(600, gop=600))
    assert Attention.SLEEP in seen[100:150]
    assert set(seen[151:]) == {Attention.AWAKE}


def test_waking_decodes_everything_since_the_keyframe_once() -> None:
    backlog = Backlog()
    packets = stream(60)
    for packet in packets[:20]:
        assert taken(backlog, packet, Attention.SLEEP).packets == ()
    feed = taken(backlog, packets[20], Attention.AWAKE)
    assert (feed.packets, feed.fresh, feed.alone) == (tuple(packets[:21]), True, False)
    feed = taken(backlog, packets[21], Attention.AWAKE)
    assert (feed.packets, feed.fresh, feed.alone) == ((packets[21],), False, False)
    assert backlog.rest().packets == ()


def test_a_look_decodes_one_picture_on_top_of_the_last_one_decoded() -> None:
    backlog, reader = Backlog(), H264Headers()
    packets = stream(60)
    reader.read(packets[0].data)
    for packet in packets[:10]:
        taken(backlog, packet, Attention.SLEEP)
    feed = taken(backlog, packets[10], Attention.LOOK)
    assert [p.seq for p in feed.packets] == [0, 10]
    assert (feed.fresh, feed.alone) == (True, True)
    assert reader.read(feed.packets[1].data) == Counters(1, 2)
    feed = taken(backlog, packets[14], Attention.LOOK)
    assert [p.seq for p in feed.packets] == [14]
    assert (feed.fresh, feed.alone) == (False, True)
    assert reader.read(feed.packets[0].data) == Counters(2, 4)
    feed = backlog.rest()
    assert (feed.packets, feed.fresh, feed.alone) == ((*packets[:11], packets[14]), True, False)


def test_looks_go_on_over_a_keyframe_that_is_not_decoded() -> None:
    backlog = Backlog()
    packets = stream(120, gop=30)
    taken(backlog, packets[0], Attention.LOOK)
    for packet in packets[1:30]:
        taken(backlog, packet, Attention.SLEEP)
    taken(backlog, packets[30], Attention.SLEEP)
    feed = taken(backlog, packets[31], Attention.LOOK)
    assert ([p.seq for p in feed.packets], feed.fresh, feed.alone) == ([31], False, True)
    assert [p.seq for p in backlog.rest().packets] == [30, 31]


def test_falling_asleep_and_looking_goes_on_from_what_was_decoded() -> None:
    backlog = Backlog()
    packets = stream(60)
    for packet in packets[:10]:
        taken(backlog, packet, Attention.AWAKE)
    for packet in packets[10:20]:
        assert taken(backlog, packet, Attention.SLEEP).packets == ()
    feed = taken(backlog, packets[20], Attention.LOOK)
    assert ([p.seq for p in feed.packets], feed.fresh) == ([20], False)


@pytest.mark.parametrize("codec", ["mjpeg", "av1", "vp9", "h264", "hevc"])
def test_pictures_that_cannot_be_renumbered_are_not_fed_alone(codec: str) -> None:
    backlog, fmt = Backlog(), replace(H264, codec=codec)
    packets = [replace(p, format=fmt, data=b"\0\0\0\1\x41\xff") for p in stream(20)]
    taken(backlog, packets[0], Attention.AWAKE)
    assert taken(backlog, packets[1], Attention.LOOK) == Feed()
    assert [p.seq for p in backlog.rest().packets] == [1]


def test_before_the_first_keyframe_nothing_is_fed() -> None:
    backlog = Backlog()
    assert taken(backlog, stream(3)[1], Attention.AWAKE) == Feed()
    assert backlog.dropped == 1


def test_the_backlog_is_bounded() -> None:
    backlog = Backlog(most_packets=20)
    for packet in stream(60):
        taken(backlog, packet, Attention.SLEEP)
    assert backlog.dropped > 20
