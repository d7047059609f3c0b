"""rel:S04, rel:S05, rel:S07: whatever stands in an address, a query or a body, nothing fails, nothing is slow, nothing outside is read
or written, nothing is run. Every route is in here by itself: the table is the application's own."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.security.corpus import CANARY, SECRET, WILD, cycled, injections, paths
from tests.security.whole import SLOW_S, STANDING, Answer, Way, Whole, changed, filled, leaves, ways, whole
from tests.web.watched import Watched

SPAWNS = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
}
WRONG: tuple[object, ...] = (
    None,
    0,
    -1,
    10**30,
    1.5,
    True,
    "",
    "x" * 10_001,
    [],
    {},
    [[]],
    {"a": {}},
    "\x00",
    "\ud800",
)


class Spawns:
    """Which processes this one starts, as the interpreter tells of it (PEP 578). A hook stays for ever, so it is one of the module."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []

    def __call__(self, event: str, about: tuple[object, ...]) -> None:
        if self.on and event in SPAWNS:
            self.seen.append(f"{event} {about!r}")


SPAWNED = Spawns()
sys.addaudithook(SPAWNED)


@contextmanager
def nothing_runs() -> Iterator[None]:
    SPAWNED.seen.clear()
    SPAWNED.on = True
    try:
        yield
    finally:
        SPAWNED.on = False
    assert SPAWNED.seen == []


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole(tmp_path) as made:
        yield made


def asked(way: Way, here: Whole, text: str) -> Iterator[tuple[bytes, bytes]]:
    """Target and body: the text in each place that takes one, alone, while everything else is right."""
    right = {**STANDING, **here.ids}
    body = b"" if way.body is None else json.dumps(filled(way.body, "yard")).encode()
    for name in way.inside:
        yield way.target({**right, name: text}), body
    for name in way.query:
        yield way.target(right, {name: text}), body
    if way.body is not None:
        yield way.target(right), json.dumps(filled(way.body, text)).encode()


class Judged:
    """What came back, held against what never may."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.statuses: Counter[int] = Counter()

    def take(self, said: str, answer: Answer, took_s: float = 0) -> None:
        self.statuses[answer.status] += 1
        if answer.status >= 500 and answer.status != 503:
            self.wrong.append(f"{said}: {answer.status} {answer.text[:200]}")
        if SECRET in answer.text or "root:x:0" in answer.text or "PATH=/" in answer.text:
            self.wrong.append(f"{said}: what is outside was read")
        if took_s > SLOW_S:
            self.wrong.append(f"{said}: {took_s:.1f} s")
        if any("\n" in value or "\r" in value or name == "set-cookie" for name, value in answer.headers):
            self.wrong.append(f"{said}: a header of somebody's: {answer.headers}")

    async def ask(self, here: Whole, way: Way, target: bytes, body: bytes) -> None:
        begun = time.perf_counter()
        said = f"{way.name} {target[:300]!r} {body[:300]!r}"
        answer = await here.ask(here.admin, way.method, target, body)
        self.take(said, answer, time.perf_counter() - begun)

    def done(self, least: int) -> None:
        assert not self.wrong, "\n".join(self.wrong[:20]) + f"\n({len(self.wrong)} in all)"
        assert sum(self.statuses.values()) >= least
        assert {200, 400, 404} <= self.statuses.keys()


async def climb(here: Whole, each: int) -> Judged:
    """each: how many of the corpus every place of every route gets; who comes next gets the next ones."""
    corpus = paths(str(here.root))
    assert len(corpus) >= 300
    texts, judged = cycled(corpus), Judged()
    for way in ways(here.app):
        for _ in range(each):
            for target, body in asked(way, here, next(texts)):
                await judged.ask(here, way, target, body)
    for path in corpus:  # every one as the address itself, too, as it stands
        raw = path.encode("utf-8", "surrogatepass").replace(b"?", b"%3f").replace(b"\x00", b"%00")
        for before in (b"/", b"/assets/", b"/api/", b"/api/picture/", b"/api/live/yard/hls/main/"):
            judged.take(repr((before + raw)[:200]), await here.ask(here.admin, "GET", before + raw))
    return judged


async def test_no_name_leads_out_of_the_house(here: Whole) -> None:
    """rel:S04, in little: all of the corpus, not each everywhere."""
    before = here.outside()
    judged = await climb(here, 3)
    judged.done(1500)
    assert here.outside() == before


async def inject(here: Whole, mark: Path, each: int) -> Judged:
    corpus = injections(f"touch {mark}")
    assert len(corpus) >= 200
    texts, judged = cycled(corpus), Judged()
    for way in ways(here.app):
        for _ in range(each):
            for target, body in asked(way, here, next(texts)):
                await judged.ask(here, way, target, body)
    return judged


async def test_nothing_that_is_typed_is_run(here: Whole) -> None:
    """rel:S05, in little."""
    mark = here.root / "mark"
    with nothing_runs():
        judged = await inject(here, mark, 2)
    judged.done(400)
    assert not mark.exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_everything_hostile_everywhere(here: Whole) -> None:
    """rel:S04, rel:S05: each of the corpus in each place of each route."""
    before = here.outside()
    with nothing_runs():
        climbed = await climb(here, 300)
        climbed.done(30_000)
        injected = await inject(here, here.root / "mark", 200)
        injected.done(20_000)
    assert here.outside() == before
    print(f"S04 {climbed.statuses.total()} requests, S05 {injected.statuses.total()} requests")


async def wild(here: Whole, count: int, seed: int) -> Judged:
    """Asked by whoever may look at the yard only; of the quarry there is a label nobody else has."""
    random, judged = Random(seed), Judged()
    table = [way for way in ways(here.app) if way.query and way.method == "GET"]
    for number in range(20):
        Watched(here.town.here.store).alert(number, "quarry", label="the gardener")
    asker = here.town.askers["limited operator"]
    for _ in range(count):
        way = random.choice(table)
        query = {name: random.choice(WILD) for name in way.query if random.random() < 0.5}
        target = way.target({**STANDING, **here.ids}, query)
        begun = time.perf_counter()
        answer = await here.ask(asker, way.method, target)
        judged.take(repr(target[:400]), answer, time.perf_counter() - begun)
        if "the gardener" in answer.text:
            judged.wrong.append(f"{target!r}: {answer.text[:200]}")
    return judged


async def test_wild_questions_are_answered_quickly_and_with_nothing_foreign(here: Whole) -> None:
    """rel:S07, in little."""
    (await wild(here, 1000, 7)).done(1000)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_ten_thousand_wild_questions(here: Whole) -> None:
    """rel:S07."""
    (await wild(here, 10_000, 8)).done(10_000)


async def test_bodies_that_are_no_json_or_of_the_wrong_types_are_refused(here: Whole) -> None:
    """Broken, too deep, of another type, in another coding: the same answer everywhere, and never a failure."""
    judged = Judged()
    broken = (
        b"{", b"[", b"nul", b"{}", b"[]", b'"x"', b"1e999", b"NaN", b"\xff\xfe{}", b"\x00", b'{"a":' * 5000, b"[" * 50_000, b"9" * 5000,
        b'{"a":1,"a":2}', '{"\ud800":1}'.encode("utf-8", "surrogatepass"), b'{"__proto__":{}}', b"\xef\xbb\xbf{}",
    )  # fmt: skip
    for way in ways(here.app):
        if way.body is None:
            continue
        target = way.target({**STANDING, **here.ids})
        for body in broken:
            await judged.ask(here, way, target, body)
        whole_one = filled(way.body, "yard")
        for place in leaves(whole_one):
            for value in WRONG:
                await judged.ask(here, way, target, json.dumps(changed(whole_one, place, value)).encode())
    judged.done(500)


def test_a_place_that_reads_outside_would_be_seen(here: Whole) -> None:
    """These tests can fail: an answer with the canary in it, a failure, a slow one, a header, a process."""
    for answer, took in (
        (Answer(200, [], SECRET.encode()), 0.0),
        (Answer(500, [], b""), 0.0),
        (Answer(200, [], b""), 3.0),
        (Answer(200, [("x", "a\nb")], b""), 0.0),
    ):
        judged = Judged()
        judged.take("it", answer, took)
        assert judged.wrong
    assert str(here.root / CANARY) in here.outside()
