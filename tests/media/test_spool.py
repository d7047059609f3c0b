"""What waits for a volume: order, the bound, what goes first, exact counts."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable

from redshank.clock import NS_PER_S, US_PER_S
from redshank.media.spool import Item, Lost, Queue, Spool
from redshank.model import Packet, StreamFormat
from tests.fakes import AUDIO, VIDEO

SIZE = 100


def packet(n: int, gop: int = 10, camera: str = "yard", format: StreamFormat = VIDEO) -> Packet:
    """One a second."""
    key = format.kind == "audio" or n % gop == 0
    return Packet(camera, "main", 1, n, format, n * US_PER_S, n * NS_PER_S, n, n, 1, key, bytes(SIZE))


def filled(queue: Queue, numbers: Iterable[int], gop: int = 10) -> None:
    for n in numbers:
        queue.offer(packet(n, gop, queue.camera))


def seqs(items: Iterable[Item]) -> list[int]:
    return [item.seq for item in items if isinstance(item, Packet)]


def everything(queue: Queue) -> list[Item]:
    return queue.take(1 << 40)


def test_packets_come_out_as_they_went_in_up_to_a_limit_and_at_least_one() -> None:
    spool = Spool(10_000)
    queue = spool.sink("yard", "main")
    filled(queue, range(25))
    assert spool.waiting == 25 * SIZE
    assert seqs(queue.take(1)) == [0]
    assert seqs(queue.take(5 * SIZE)) == [1, 2, 3, 4, 5]
    assert seqs(everything(queue)) == list(range(6, 25))
    assert everything(queue) == []
    assert spool.waiting == 0


def test_a_stream_has_one_queue() -> None:
    spool = Spool(1000)
    assert spool.sink("yard", "main") is spool.sink("yard", "main")
    assert spool.sink("yard", "main") is not spool.sink("yard", "sub")


def test_beyond_the_bound_the_oldest_run_of_the_volume_goes_and_its_place_is_marked() -> None:
    spool = Spool(40 * SIZE)
    yard, door = spool.sink("yard", "main"), spool.sink("door", "main")
    for n in range(20):
        yard.offer(packet(n))
        door.offer(packet(n + 5, 10, "door"))
    yard.offer(packet(20))
    assert spool.dropped() == {("yard", "main"): 10, ("door", "main"): 0}
    assert yard.dropped_bytes == 10 * SIZE
    lost, *rest = everything(yard)
    assert lost == Lost(10, 10 * SIZE, 0, 9 * US_PER_S, "slow_disk")
    assert seqs(rest) == list(range(10, 21))
    assert seqs(everything(door)) == list(range(5, 25))


def test_runs_that_go_one_after_another_are_one_hole() -> None:
    spool = Spool(15 * SIZE)
    queue = spool.sink("yard", "main")
    filled(queue, range(48))
    items = everything(queue)
    assert items[0] == Lost(40, 40 * SIZE, 0, 39 * US_PER_S, "slow_disk")
    assert seqs(items) == list(range(40, 48))


def test_what_somebody_protects_goes_last() -> None:
    spool = Spool(35 * SIZE)
    queue = spool.sink("yard", "main")
    spool.protect("yard", 12 * US_PER_S, 13 * US_PER_S)
    spool.protect("yard", 13 * US_PER_S, 15 * US_PER_S)
    filled(queue, range(65))
    items = everything(queue)
    assert seqs(items) == [*range(10, 20), *range(40, 65)]
    assert [(lost.start, lost.end) for lost in items if isinstance(lost, Lost)] == [
        (0, 9 * US_PER_S),
        (20 * US_PER_S, 39 * US_PER_S),
    ]


def test_when_all_is_protected_the_oldest_of_it_goes() -> None:
    spool = Spool(15 * SIZE)
    queue = spool.sink("yard", "main")
    spool.protect("yard", 0, 1 << 60)
    filled(queue, range(25))
    assert seqs(everything(queue)) == list(range(10, 25))
    assert queue.dropped == 10


def test_a_run_larger_than_the_bound_goes_with_all_that_still_comes_of_it() -> None:
    spool = Spool(5 * SIZE)
    queue = spool.sink("yard", "main")
    filled(queue, range(12))
    assert queue.dropped == 10
    assert seqs(everything(queue)) == [10, 11]


def test_the_rest_of_a_run_that_was_begun_goes_first() -> None:
    spool = Spool(12 * SIZE)
    queue = spool.sink("yard", "main")
    filled(queue, range(5))
    assert seqs(queue.take(3 * SIZE)) == [0, 1, 2]
    filled(queue, range(5, 17))
    items = everything(queue)
    assert items[0] == Lost(7, 7 * SIZE, 3 * US_PER_S, 9 * US_PER_S, "slow_disk")
    assert seqs(items) == list(range(10, 17))


def test_what_could_not_be_written_comes_again_in_order() -> None:
    spool = Spool(100 * SIZE)
    queue = spool.sink("yard", "main")
    filled(queue, range(25))
    taken = queue.take(15 * SIZE)
    filled(queue, range(25, 30))
    queue.put_back(taken)
    assert spool.waiting == 30 * SIZE
    assert seqs(everything(queue)) == list(range(30))


def test_what_comes_again_counts_and_may_be_dropped() -> None:
    spool = Spool(25 * SIZE)
    queue = spool.sink("yard", "main")
    filled(queue, range(15))
    taken = everything(queue)
    filled(queue, range(15, 35))
    queue.put_back(taken)
    items = everything(queue)
    assert items[0] == Lost(10, 10 * SIZE, 0, 9 * US_PER_S, "slow_disk")
    assert seqs(items) == list(range(10, 35)), "a run keeps its beginning"


def test_a_hole_that_was_taken_comes_again_too() -> None:
    spool = Spool(15 * SIZE)
    queue = spool.sink("yard", "main")
    filled(queue, range(25))
    taken = everything(queue)
    assert isinstance(taken[0], Lost)
    queue.put_back(taken)
    assert everything(queue) == taken
    queue.put_back(taken[:1])
    filled(queue, [30])
    assert everything(queue)[0] == taken[0]


def test_the_reason_is_the_one_of_the_moment() -> None:
    spool = Spool(5 * SIZE)
    queue = spool.sink("yard", "main")
    spool.reason = "disk_full"
    filled(queue, range(6), gop=5)
    (lost, *_) = everything(queue)
    assert isinstance(lost, Lost)
    assert lost.reason == "disk_full"


def test_what_is_not_wanted_does_not_wait() -> None:
    spool = Spool(1000)
    queue = spool.sink("yard", "main")
    queue.open = False
    filled(queue, range(5))
    queue.open, queue.sound = True, False
    queue.offer(packet(5, format=AUDIO))
    assert spool.waiting == 0
    assert queue.dropped == 0


def test_how_long_the_oldest_has_waited() -> None:
    spool = Spool(1000)
    assert spool.oldest_ns() is None
    filled(spool.sink("yard", "main"), [7])
    filled(spool.sink("door", "main"), [5])
    assert spool.oldest_ns() == 5 * NS_PER_S


def test_nothing_is_ever_unaccounted_for() -> None:
    """Every packet offered is taken, waits or is counted as dropped; the bound always holds; what comes out decodes."""
    rng = random.Random(7)
    for _ in range(60):
        spool = Spool(rng.randrange(3, 60) * SIZE)
        queues = [spool.sink(name, "main") for name in ("yard", "door")]
        offered, taken = [0, 0], [0, 0]
        for _ in range(400):
            which = rng.randrange(2)
            queue = queues[which]
            if rng.random() < 0.8:
                queue.offer(packet(offered[which], 7, queue.camera))
                offered[which] += 1
            elif rng.random() < 0.3:
                spool.protect(queue.camera, offered[which] * US_PER_S, (offered[which] + 9) * US_PER_S)
            else:
                items = queue.take(rng.randrange(1, 20) * SIZE)
                if rng.random() < 0.3:
                    queue.put_back(items)
                else:
                    taken[which] += len(seqs(items))
            assert spool.waiting <= spool.max_bytes
        for which, queue in enumerate(queues):
            taken[which] += len(seqs(everything(queue)))
            assert taken[which] + queue.dropped == offered[which]
        assert spool.waiting == 0


def test_after_a_hole_there_is_a_keyframe() -> None:
    rng = random.Random(3)
    spool = Spool(25 * SIZE)
    queue = spool.sink("yard", "main")
    items: list[Item] = []
    for n in range(3000):
        queue.offer(packet(n, 7))
        if rng.random() < 0.05:
            items += queue.take(rng.randrange(1, 12) * SIZE)
    items += everything(queue)
    before: Item | None = None
    for item in items:
        if isinstance(item, Packet):
            follows = isinstance(before, Packet) and before.seq + 1 == item.seq
            assert item.keyframe or follows
        before = item
    assert queue.dropped > 500


def test_readers_and_writer_may_meet_at_any_time() -> None:
    spool = Spool(50 * SIZE)
    queues = [spool.sink(name, "main") for name in ("a", "b", "c")]
    threads = [threading.Thread(target=filled, args=(queue, range(3000))) for queue in queues]
    for thread in threads:
        thread.start()
    taken = 0
    while any(thread.is_alive() for thread in threads):
        for queue in queues:
            taken += len(seqs(queue.take(10 * SIZE)))
        assert spool.waiting <= 51 * SIZE
    taken += sum(len(seqs(everything(queue))) for queue in queues)
    assert taken + sum(spool.dropped().values()) == 9000
