"""When a stream is decoded, on packets written bit by bit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from redshank.clock import US_PER_S
from redshank.model import Packet, StreamFormat
from redshank.vision.wake import Attention, Backlog, Wake, WakeSettings

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


SPS = b"\x67" + bits((66, 8), (0, 8), (30, 8), 0, 0, 2, 1, (0, 1), 79, 44, (1, 1), (1, 1), (0, 1), (0, 1))
PPS = b"\x68" + bits(0, 0, (0, 1), (0, 1), 0, 0, 0, (0, 1), (0, 2), 0, 0, 0, (0, 1), (0, 1), (0, 1))
START = b"\0\0\0\1"


def picture(size: int, qp: int = 26, key: bool = False, number: int = 0, kind: int = 0) -> bytes:
    """A packet whose slice has this many bytes and this quantiser."""
    delta = qp - 26
    signed = 2 * delta - 1 if delta > 0 else -2 * delta
    if key:
        head = b"\x65" + bits(0, 7, 0, (0, 4), 0, (0, 2), signed)
        return START + SPS + START + PPS + START + head + b"\xaa" * (size - len(head))
    head = b"\x41" + bits(0, 5 + kind, 0, (number & 15, 4), (0, 1), (0, 1), (0, 1), signed)
    return START + head + b"\xaa" * (size - len(head))


def stream(sizes: list[int], gop: int = 60, qps: list[int] | None = None, fmt: StreamFormat = H264) -> list[Packet]:
    """One packet per size; keyframes ten times as large."""
    packets = []
    for index, size in enumerate(sizes):
        key = index % gop == 0
        data = picture(size * (10 if key else 1), qps[index] if qps else 26, key, index % gop)
        time = index * US_PER_S // FPS
        packets.append(Packet("c", "main", 0, index, fmt, time, 0, index, index, 1, key, data))
    return packets


def noisy(count: int, spread: float = 0.05, seed: int = 1) -> list[int]:
    random = np.random.default_rng(seed)
    return [int(2000 * f) for f in random.normal(1, spread, count)]


def attend(wake: Wake, packets: list[Packet]) -> list[Attention]:
    """What it wants of each packet when no look ever finds anything."""
    result = []
    for packet in packets:
        result.append(wake.packet(packet))
        if result[-1] is not Attention.SLEEP:
            wake.quiet(packet.time)
    return result


def test_it_is_awake_at_first_and_then_sleeps() -> None:
    seen = attend(Wake(WakeSettings(learn_s=4)), stream(noisy(600)))
    assert set(seen[: 4 * FPS]) == {Attention.AWAKE}
    assert Attention.AWAKE not in seen[4 * FPS :]
    assert seen[4 * FPS :].count(Attention.SLEEP) > 0.8 * (600 - 4 * FPS)


def test_asleep_it_still_looks_at_keyframes() -> None:
    packets = stream(noisy(600))
    seen = attend(Wake(), packets)
    assert all(seen[index] is Attention.LOOK for index in range(120, 600, 60))


def test_short_groups_of_pictures_are_not_all_looked_at() -> None:
    packets = stream(noisy(900), gop=15)
    looked = [a for a, p in zip(attend(Wake(), packets), packets, strict=True) if p.keyframe and a is Attention.LOOK]
    assert 10 <= len(looked) <= 16


def test_a_picture_that_cost_more_is_looked_at_on_variable_bitrate() -> None:
    sizes = noisy(600)
    sizes[400] = 3000
    assert attend(Wake(), stream(sizes))[400] is Attention.LOOK


def test_a_picture_of_the_same_size_at_a_coarser_quantiser_is_looked_at() -> None:
    qps = [26] * 600
    qps[400:410] = [30] * 10
    seen = attend(Wake(), stream([2000] * 600, qps=qps))
    assert Attention.LOOK in seen[400:403]
    assert Attention.LOOK not in seen[380:400]


def test_motion_keeps_it_awake_for_the_tail_only() -> None:
    wake = Wake(WakeSettings(tail_s=2))
    packets = stream(noisy(900))
    attend(wake, packets[:400])
    wake.moved(packets[399].time)
    seen = attend(wake, packets[400:600])
    assert set(seen[:29]) == {Attention.AWAKE}
    assert Attention.AWAKE not in seen[31:]


@pytest.mark.parametrize("codec", ["hevc", "mjpeg", "av1", "h264"])
def test_what_cannot_be_read_is_always_decoded(codec: str) -> None:
    packets = [replace(p, format=replace(H264, codec=codec)) for p in stream(noisy(10))]
    fmt = packets[0].format
    packets = [
        replace(p, format=fmt, data=b"\0\0\0\1\x41\xff", time=i * US_PER_S // FPS) for i, p in enumerate(packets * 30)
    ]
    assert set(attend(Wake(), packets)) == {Attention.AWAKE}


def test_b_frames_are_always_decoded() -> None:
    packets = stream(noisy(300))
    packets = [p if p.keyframe else replace(p, data=picture(2000, kind=1, number=p.seq % 60)) for p in packets]
    assert set(attend(Wake(), packets)[1:]) == {Attention.AWAKE}


def test_a_gap_wakes_it() -> None:
    wake = Wake()
    packets = stream(noisy(600))
    attend(wake, packets[:500])
    late = replace(packets[500], time=packets[500].time + 20 * US_PER_S)
    assert wake.packet(late) is Attention.AWAKE


def test_a_group_of_pictures_too_long_to_catch_up_is_decoded() -> None:
    seen = attend(Wake(WakeSettings(longest_gop_s=10)), stream(noisy(600), gop=600))
    assert Attention.SLEEP in seen[100:150]
    assert set(seen[151:]) == {Attention.AWAKE}


def test_waking_decodes_everything_since_the_keyframe_once() -> None:
    backlog = Backlog()
    packets = stream(noisy(60))
    assert backlog.take(packets[0], Attention.SLEEP).packets == ()
    for packet in packets[1:20]:
        backlog.take(packet, Attention.SLEEP)
    feed = backlog.take(packets[20], Attention.AWAKE)
    assert (feed.packets, feed.fresh, feed.whole) == (tuple(packets[:21]), True, True)
    feed = backlog.take(packets[21], Attention.AWAKE)
    assert (feed.packets, feed.fresh, feed.whole) == ((packets[21],), False, True)


def test_a_look_decodes_the_keyframe_and_one_picture_and_waking_starts_over() -> None:
    backlog = Backlog()
    packets = stream(noisy(60))
    for packet in packets[:10]:
        backlog.take(packet, Attention.SLEEP)
    feed = backlog.take(packets[10], Attention.LOOK)
    assert [p.seq for p in feed.packets] == [0, 10]
    assert (feed.fresh, feed.whole) == (True, False)
    feed = backlog.take(packets[11], Attention.LOOK)
    assert [p.seq for p in feed.packets] == [11]
    assert (feed.fresh, feed.whole) == (False, False)
    feed = backlog.take(packets[12], Attention.AWAKE)
    assert (feed.packets, feed.fresh, feed.whole) == (tuple(packets[:13]), True, True)


def test_falling_asleep_and_looking_in_the_same_group_goes_on_from_what_was_decoded() -> None:
    backlog = Backlog()
    packets = stream(noisy(60))
    for packet in packets[:10]:
        backlog.take(packet, Attention.AWAKE)
    for packet in packets[10:20]:
        assert backlog.take(packet, Attention.SLEEP).packets == ()
    feed = backlog.take(packets[20], Attention.LOOK)
    assert ([p.seq for p in feed.packets], feed.fresh) == ([20], False)


def test_before_the_first_keyframe_nothing_is_fed() -> None:
    backlog = Backlog()
    assert backlog.take(stream(noisy(3))[1], Attention.AWAKE).packets == ()
    assert backlog.dropped == 1


def test_the_backlog_is_bounded() -> None:
    backlog = Backlog(most_packets=20)
    for packet in stream(noisy(60)):
        backlog.take(packet, Attention.SLEEP)
    assert backlog.dropped > 20
