"""rel:S07: whatever is asked of looking back, nothing fails, nothing leaks, nothing is slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType

import httpx
import pytest
from fastapi.routing import APIRoute

from redshank.trail.trails import Trails
from redshank.web import alert, alerts, download, events, exporting, gallery, holding, lanes, reviewing, thumbs
from redshank.web.review import Review
from redshank.web.rooms import Rooms
from tests.playback.recording import NOON
from tests.web.serving import Everybody, Place, place
from tests.web.watched import Watched, only

PARTS: tuple[ModuleType, ...] = (
    alert, alerts, download, events, exporting, gallery, holding, lanes, reviewing, thumbs,
)  # fmt: skip
EVIL = (
    "", "0", "1", "-1", "yard", "door", "yard,door", "person", "alert", "wrong,none", "2025-11-21", "2025-11-21T12:00:00Z",
    str(NOON), str(NOON + 60_000_000), "9" * 19, "9" * 400, "1e9", "NaN", "null", "' OR 1=1 --", '"; DROP TABLE alerts; --',
    "%' UNION SELECT password FROM users --", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "\x00", "\ud7ff", "😀" * 50,
    "<script>", "(a+)+$", "a" * 5000, ",".join("abcdefgh" * 9), "0-x", "ffffffffffffffff-z", "-9223372036854775809", "%", "_",
    "*", "[", "{}", "=1+1", "\n", "0001-01-01", "9999-12-31", "2025-02-30", "9999-12-31T23:59:59.999999Z",
)  # fmt: skip
SECRET = "the gardener"
SLOW_S = 2.0


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main",), "door": ("main",)}
        trails = Trails(tmp_path / "trails", made.clock)
        made.rooms = Rooms(access=Everybody(only("yard")), review=Review(trails=trails))
        watched = Watched(made.store)
        for number in range(20):
            watched.alert(number)
            watched.alert(number, "door", label=SECRET)
        yield made
        trails.close()


def requests(random: Random, known: list[str]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Method, address, parameters: of every route, with values that were never meant for them."""
    routes = [route for part in PARTS for route in part.routes.routes if isinstance(route, APIRoute)]
    while True:
        route = random.choice(routes)
        path = route.path
        for name in route.param_convertors:
            path = path.replace(
                f"{{{name}}}", random.choice((*known, *EVIL[3:8], "%00", "%2e%2e", "' OR 1=1 --", "x" * 300))
            )
        names = [one.alias for deps in (route.dependant, *route.dependant.dependencies) for one in deps.query_params]
        asked = {name: random.choice(EVIL) for name in names if random.random() < 0.4}
        for name in ("from", "to"):
            if name in names and random.random() < 0.5:
                asked[name] = str(NOON + random.randrange(120) * 1_000_000)
        yield random.choice(sorted(route.methods or ())), path, asked


async def fuzz(here: Place, count: int, seed: int) -> None:
    ids = [
        row["id"]
        for row in here.store.read(lambda conn: list(conn.exec_driver_sql("select id from alerts").mappings()))
    ]
    statuses: dict[int, int] = {}
    transport = httpx.ASGITransport(here.app, raise_app_exceptions=True)
    random = Random(seed)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as session:
        asking = requests(random, ids[:6])
        for _ in range(count):
            method, path, asked = next(asking)
            body = random.choice((None, "{}", "[]", '{"items": [{"kind": "alert", "id": 7}]}', '{"a": ' * 50))
            begun = time.perf_counter()
            answer = await session.request(method, path, params=asked, content=body if method == "POST" else None)
            took = time.perf_counter() - begun
            told = f"{method} {path} {asked}: {answer.status_code} {answer.text[:200]}"
            assert answer.status_code < 500 or answer.status_code == 503, told
            assert SECRET not in answer.text, told
            assert took < SLOW_S, told
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
    assert {200, 400, 404} <= statuses.keys()


async def test_a_thousand_wild_requests_fail_nowhere(here: Place) -> None:
    """rel:S07, in little."""
    await fuzz(here, 1000, 7)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_ten_thousand_wild_requests_fail_nowhere(here: Place) -> None:
    """rel:S07."""
    here.rooms = replace(here.rooms)
    await fuzz(here, 10_000, 8)
