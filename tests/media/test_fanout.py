"""One writer, many readers: what is kept, what a slow reader loses, who is woken."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from redshank.clock import NS_PER_S, US_PER_S
from redshank.media.fanout import Bounds, Fanout
from redshank.model import Packet, StreamFormat
from tests.fakes import AUDIO, VIDEO

FPS = 10


def packet(n: int, gop: int = 10, size: int = 100, format: StreamFormat = VIDEO) -> Packet:
    key = format.kind == "audio" or n % gop == 0
    return Packet(
        "yard", "main", 1, n, format, n * US_PER_S // FPS, n * NS_PER_S // FPS, n, n, 1, key, bytes(size)
    )  # fmt: skip


def fed(fanout: Fanout, numbers: Sequence[int], gop: int = 10) -> None:
    for n in numbers:
        fanout.offer(packet(n, gop))


def numbers(packets: Sequence[Packet]) -> list[int]:
    return [p.seq for p in packets]


def test_a_reader_begins_with_a_keyframe_and_then_gets_everything() -> None:
    fanout = Fanout()
    reader = fanout.join("vision")
    fed(fanout, range(5, 25))
    assert numbers(reader.take()) == list(range(10, 25))
    assert reader.take() == []
    assert reader.dropped == 0


def test_a_slow_reader_loses_what_it_has_not_taken_up_to_the_next_keyframe() -> None:
    fanout = Fanout()
    slow, quick = fanout.join("slow", Bounds(seconds=1.5)), fanout.join("quick")
    got: list[int] = []
    for n in range(65):
        fanout.offer(packet(n))
        got += numbers(quick.take())
    assert got == list(range(65))
    left = numbers(slow.take())
    assert left[0] % 10 == 0
    assert left == list(range(left[0], 65))
    assert slow.dropped == left[0]
    assert fanout.dropped() == {"slow": left[0]}


def test_bytes_bound_a_queue_too() -> None:
    fanout = Fanout()
    reader = fanout.join("vision", Bounds(seconds=100, bytes=1500))
    fed(fanout, range(30))
    assert numbers(reader.take()) == list(range(20, 30))
    assert reader.dropped == 20


def test_a_keyframe_that_overflows_the_queue_starts_the_new_one() -> None:
    fanout = Fanout()
    reader = fanout.join("vision", Bounds(seconds=0.95))
    fed(fanout, range(11))
    assert numbers(reader.take()) == [10]
    assert reader.dropped == 10


def test_losses_of_a_reader_that_left_are_still_told() -> None:
    fanout = Fanout()
    reader = fanout.join("live", Bounds(bytes=100))
    fed(fanout, range(5))
    reader.close()
    reader.close()
    assert fanout.dropped() == {"live": 5}
    assert reader.take() == []


def test_the_ring_keeps_its_seconds_from_a_keyframe_on() -> None:
    fanout = Fanout(Bounds(seconds=3))
    fed(fanout, range(0, 100))
    kept = numbers(fanout.since(0))
    assert kept == list(range(60, 100))


def test_the_ring_keeps_the_current_gop_however_long_it_is() -> None:
    fanout = Fanout(Bounds(seconds=3))
    fed(fanout, range(0, 190), gop=100)
    assert numbers(fanout.since(0)) == list(range(100, 190))


def test_the_ring_is_bounded_in_bytes_gop_by_gop() -> None:
    fanout = Fanout(Bounds(seconds=100, bytes=2500))
    fed(fanout, range(0, 65))
    assert numbers(fanout.since(0)) == list(range(40, 65))


def test_a_gop_larger_than_the_ring_is_not_kept_at_all() -> None:
    fanout = Fanout(Bounds(seconds=100, bytes=500))
    fed(fanout, range(0, 9))
    assert fanout.since(0) == []
    fed(fanout, range(10, 13))
    assert numbers(fanout.since(0)) == [10, 11, 12]


def test_since_gives_everything_from_the_keyframe_at_or_before_a_time() -> None:
    fanout = Fanout()
    fed(fanout, range(0, 40))
    assert numbers(fanout.since(25 * US_PER_S // FPS))[0] == 20
    assert numbers(fanout.since(20 * US_PER_S // FPS))[0] == 20
    assert numbers(fanout.since(10**12))[0] == 30
    assert numbers(fanout.since(-1))[0] == 0
    assert Fanout().since(0) == []


def test_a_reader_may_begin_in_the_past_without_that_counting_against_its_bound() -> None:
    fanout = Fanout()
    fed(fanout, range(0, 40))
    reader = fanout.join("live", Bounds(seconds=1), since=0)
    fed(fanout, range(40, 45))
    assert numbers(reader.take()) == list(range(45))
    assert reader.dropped == 0


def test_sound_comes_along_but_never_starts_anything() -> None:
    fanout = Fanout()
    reader = fanout.join("live")
    fanout.offer(packet(1, format=AUDIO))
    fanout.offer(packet(10))
    fanout.offer(packet(11, format=AUDIO))
    assert numbers(reader.take()) == [10, 11]
    assert numbers(fanout.since(0)) == [10, 11]
    assert fanout.formats == (VIDEO, AUDIO)


def test_the_loop_is_woken_once_until_it_takes() -> None:
    fanout = Fanout()
    woken: list[int] = []
    reader = fanout.join("live", wake=lambda: woken.append(1))
    fed(fanout, range(3))
    assert len(woken) == 1
    reader.take()
    fed(fanout, range(3, 5))
    assert len(woken) == 2


def test_a_thread_waits_for_packets_and_for_the_end() -> None:
    fanout = Fanout()
    reader = fanout.join("record")
    got: list[list[int]] = []
    done = threading.Event()

    def read() -> None:
        while not reader.closed:
            got.append(numbers(reader.get(timeout_s=20)))
        done.set()

    thread = threading.Thread(target=read)
    thread.start()
    fed(fanout, range(2))
    fanout.close()
    assert done.wait(10)
    thread.join()
    assert [n for some in got for n in some] in ([0, 1], [0], [])
    assert fanout.readers == set()


def test_get_gives_up_when_time_is_up() -> None:
    assert Fanout().join("record").get(timeout_s=0.01) == []


class ListSink:
    """A sink that keeps everything, and looks whether the lock is held."""

    def __init__(self, fanout: Fanout) -> None:
        self.fanout = fanout
        self.packets: list[Packet] = []

    def offer(self, packet: Packet) -> None:
        assert self.fanout.lock.locked()
        self.packets.append(packet)


def test_a_sink_is_given_every_packet_at_once() -> None:
    fanout = Fanout()
    sink = ListSink(fanout)
    fanout.attach(sink)
    fanout.attach(sink)
    fed(fanout, range(3, 25))
    fanout.detach(sink)
    fanout.detach(sink)
    fed(fanout, range(25, 30))
    assert numbers(sink.packets) == list(range(3, 25))


def test_a_silent_stream_keeps_nothing_and_gives_nobody_anything() -> None:
    fanout = Fanout()
    sink, reader = ListSink(fanout), fanout.join("vision")
    fanout.attach(sink)
    fed(fanout, range(15))
    late = fanout.join("live", since=0)
    fanout.silence(True)
    assert fanout.since(0) == []
    assert reader.take() == late.take() == []
    assert fanout.silenced == 15 + 15
    fed(fanout, range(15, 25))
    fanout.silence(True)
    assert fanout.since(0) == []
    assert reader.take() == late.take() == []
    assert numbers(sink.packets) == list(range(15))
    assert fanout.silenced == 40
    fanout.silence(False)
    fed(fanout, range(25, 40))
    assert numbers(reader.take()) == numbers(late.take()) == numbers(fanout.since(0)) == list(range(30, 40))
    assert numbers(sink.packets) == [*range(15), *range(25, 40)]
    assert fanout.dropped() == {}, "silence is no loss"


def test_what_was_taken_in_private_and_comes_later_reaches_nobody() -> None:
    """A burst held back, a slow network: only the time of the picture says what it shows."""
    fanout = Fanout()
    sink, reader = ListSink(fanout), fanout.join("vision")
    fanout.attach(sink)
    fanout.silence(True)
    fanout.silence(False, now=25 * US_PER_S // FPS, mono_ns=25 * NS_PER_S // FPS)
    late = [replace(packet(n), mono_ns=(n + 10) * NS_PER_S // FPS) for n in range(20, 40)]
    for each in late:
        fanout.offer(each)
    assert numbers(sink.packets) == list(range(25, 40))
    assert numbers(reader.take()) == numbers(fanout.since(0)) == list(range(30, 40))
    assert fanout.silenced == 5


def test_a_clock_set_back_after_privacy_silences_nothing_for_long() -> None:
    for step_s, lost in ((3600, 0), (4, 4 * FPS)):
        fanout = Fanout()
        fanout.silence(True)
        fanout.silence(False, now=step_s * US_PER_S, mono_ns=0)
        fed(fanout, range(100))
        assert fanout.silenced == lost
        fanout.silence(False, now=100 * US_PER_S, mono_ns=10 * NS_PER_S)
        fed(fanout, range(100, 200))
        assert fanout.silenced == lost, "it was not silent: being told so again changes nothing"
