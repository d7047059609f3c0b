"""rel:S14: every address of the application's own table through a shared cache that keeps all it is allowed to (RFC 9111 §3), asked by
an administrator, then by a viewer of one camera, then by nobody."""

from __future__ import annotations

from pathlib import Path

from tests.security.whole import STANDING, Answer, Whole, ways, whole
from tests.web.town import Asker


class Cache:
    """One for everybody, by address alone, as a proxy in front of a site would be; greedy: without a word it keeps for ever."""

    def __init__(self, here: Whole) -> None:
        self._here = here
        self._kept: dict[bytes, Answer] = {}
        self.hits: list[bytes] = []

    async def ask(self, asker: Asker, target: bytes) -> Answer:
        if target in self._kept:
            self.hits.append(target)
            return self._kept[target]
        answer = await self._here.ask(asker, "GET", target)
        said = ",".join(value for name, value in answer.headers if name == "cache-control").lower()
        if not {"no-store", "private", "no-cache"} & {one.strip() for one in said.split(",")}:
            self._kept[target] = answer
        return answer


async def test_nobody_gets_what_was_meant_for_somebody_else(tmp_path: Path) -> None:
    async with whole(tmp_path) as here:
        cache, asked = Cache(here), 0
        for way in ways(here.app):
            if way.method == "GET" and way.route.path.startswith(("/api", "/metrics")):
                asked += 1
                for name in ("admin", "limited", "anonymous"):
                    await cache.ask(here.town.askers[name], way.target({**STANDING, **here.ids}))
        assert asked > 40
        assert cache.hits == []


async def test_the_cache_does_keep_what_may_be_kept(tmp_path: Path) -> None:
    """Else the test above says nothing."""
    async with whole(tmp_path) as here:
        cache = Cache(here)

        async def app(_scope: object, _receive: object, send: object) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"public")]})  # type: ignore[operator]
            await send({"type": "http.response.body", "body": b"for all"})  # type: ignore[operator]

        here.town.app = app  # type: ignore[assignment]
        for name in ("admin", "anonymous"):
            assert (await cache.ask(here.town.askers[name], b"/x")).body == b"for all"
        assert cache.hits == [b"/x"]
