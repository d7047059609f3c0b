"""Every route of the running application, held against everybody who may ask. The table is the application's own: what somebody adds
is in it at once, and says here what is missing.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute

from redshank.access.who import Verb
from redshank.clock import US_PER_S
from redshank.model import Hold
from redshank.store import exports, holds
from redshank.store.exports import Export
from redshank.web import people, shell
from tests.playback.recording import NOON
from tests.web.town import OWN, QUARRY, YARD, Asker, Town, methods_of, need_of, routes_of, town
from tests.web.watched import Watched

Route = APIRoute | APIWebSocketRoute

FILL = {
    "camera": "nowhere",
    "stream": "main",
    "start": "2026-11-21T12:00:00Z",
    "end": "2026-11-21T12:10:00Z",
    "time": "2026-11-21T12:00:00Z",
    "day": "2026-11-21",
    "hour": "12",
    "setup": "0123456789abcdef",
    "seq": "1",
    "part": "0-1",
    "path": "",
    "name": "index.m3u8",
    "version": "1",
    "channel": "nowhere",
    "model": "nothing",
}
"""What stands in an address for what is nobody's. An id of a thing that is somebody's goes into THINGS."""

THINGS: dict[str, Callable[[Town], Any]] = {
    "camera": lambda town: QUARRY,
    "alert": lambda town: Watched(town.here.store).alert(camera=QUARRY).id,
    "event": lambda town: Watched(town.here.store).event(camera=QUARRY).id,
    "hold": lambda town: _hold(town).id,
    "export": lambda town: _export(town).id,
    "user": lambda town: town.desk._register.admins[0].id,
    "token": lambda town: next(iter(town.desk._register.tokens.values())).id,
    "guest": lambda town: next(iter(town.desk._register.guests.values())).id,
    "session": lambda town: next(
        one.id for one in town.desk._register.sessions.values() if one.owner == town.desk._register.admins[0].id
    ),
}
"""By the name of a parameter: makes one that belongs to the quarry, or to somebody else; its id."""

BODIES: dict[str, Any] = {
    "POST /api/cameras/{camera}/private": {"on": True},
}
"""Of routes that change a thing named in their address: a body that is right."""


QUERY = {"from": "2026-11-21T00:00:00Z", "to": "2026-11-21T01:00:00Z"}
"""Sent with everything that reads."""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as made:
        yield made


def filled(route: Route, ids: Mapping[str, str]) -> str:
    """Its address with something in place of each parameter."""

    def value(found: re.Match[str]) -> str:
        name = found[1].partition(":")[0]
        return {**FILL, **ids}.get(name, "nowhere")

    return re.sub(r"\{([^}]+)\}", value, route.path)


def things_of(route: Route) -> list[str]:
    """Raises AssertionError for a name that nobody has thought of."""
    names = re.findall(r"\{(\w+)[^}]*\}", route.path)
    for name in names:
        assert name in THINGS or name in FILL, (
            f"{route.path}: say in tests/web/test_matrix.py what {{{name}}} is: a thing (THINGS) or not (FILL)"
        )
    return [name for name in names if name in THINGS]


def asks_for_an_account(dependant: Dependant) -> bool:
    return any(one.call is people._person or asks_for_an_account(one) for one in dependant.dependencies)


def table(here: Town) -> list[tuple[Route, str]]:
    """Log-out last: it ends the session that asks."""
    found = [(route, method) for route in routes_of(here.app) for method in methods_of(route)]
    return sorted(found, key=lambda one: one[0].path == "/api/logout")


async def status_of(here: Town, asker: Asker, route: Route, method: str) -> int:
    path = filled(route, {})
    if method == "WS":
        return await here.knock(asker, path)
    answer = await here.ask(asker, method, path, headers=OWN)
    if not isinstance(route, APIRoute) or route not in shell.routes.routes:
        assert "no-store" in answer.headers["cache-control"], f"rel:S14 {path}"
    return answer.status_code


async def test_everybody_gets_exactly_what_each_route_declares(here: Town) -> None:
    """rel:S01 S13 S14 S19."""
    wrong: list[str] = []
    everything = table(here)
    assert len(everything) > 40
    for asker in here.askers.values():
        for route, method in everything:
            who, need = await here.who(asker), need_of(route)
            status = await status_of(here, asker, route, method)
            if need == "public":
                wanted = status not in (401, 403) or (status == 401 and route.path in ("/api/login", "/api/enter"))
            elif who.kind == "nobody":
                wanted = status == 401
            elif (isinstance(need, Verb) and not who.may(need)) or (
                who.kind != "user" and asks_for_an_account(route.dependant)
            ):
                wanted = status == 403
            else:
                wanted = status not in (401, 403) or (status == 403 and who.kind != "user" and need == "signed in")
            if not wanted:
                wrong.append(f"{asker.name}: {method} {route.path} needs {need}: {status}")
    assert not wrong, "\n".join(wrong)


PUBLIC = {
    "/healthz", "/readyz", "/api/session", "/api/setup", "/api/login", "/api/enter", "/{path:path}",
    "/api/certificate",  # what every TLS handshake shows; a device needs it before it trusts the page
}  # fmt: skip


def test_nothing_else_is_public(here: Town) -> None:
    """rel:S01 S03: a new public route is written down here, with a thought."""
    assert {route.path for route in routes_of(here.app) if need_of(route) == "public"} <= PUBLIC


async def test_a_foreign_id_is_answered_exactly_as_an_unknown_one(here: Town) -> None:
    """rel:S02: by whoever may do everything, but with the yard only; and by somebody else of their own things."""
    wrong: list[str] = []
    limited = {True: here.askers["limited operator"], False: here.askers[f"token all {YARD}"]}
    made = {name: make(here) for name, make in THINGS.items()}
    checked = 0
    for route, method in table(here):
        own = need_of(route) == "signed in"
        # Who configures manages everybody's accounts.
        if not things_of(route) or (
            need_of(route) == Verb.CONFIGURE and set(things_of(route)) <= {"user", "token", "guest"}
        ):
            continue
        checked += 1
        foreign = await said(here, limited[own], route, method, {name: made[name] for name in things_of(route)})
        unknown = await said(here, limited[own], route, method, dict.fromkeys(things_of(route), "nothing-of-ours"))
        if foreign != unknown or foreign[0] != 404:
            wrong.append(f"{method} {route.path}: foreign {foreign}, unknown {unknown} (a body in BODIES is missing?)")
    assert not wrong, "\n".join(wrong)
    assert checked > 20


async def said(here: Town, asker: Asker, route: Route, method: str, ids: Mapping[str, str]) -> tuple[int, str]:
    """Status and body, whatever was asked for taken out of it."""
    path = filled(route, ids)
    if method == "WS":
        status = await here.knock(asker, path)
        return status, ""
    body = BODIES.get(f"{method} {route.path}")
    answer = await here.ask(
        asker, method, path, headers=OWN, json=body, params=QUERY if method in ("GET", "HEAD") else {}
    )
    text = answer.text
    for id in ids.values():
        text = text.replace(id, "ID")
    return answer.status_code, text


async def test_what_somebody_may_not_see_is_in_no_list(here: Town) -> None:
    """rel:S02: every route without an id, asked by who knows the yard only."""
    watched = Watched(here.here.store)
    for n in range(3):
        watched.alert(n, YARD)
        watched.alert(n, QUARRY, zones=("pit",))
        watched.quiet(n, camera=QUARRY)
    _hold(here)
    leaks: list[str] = []
    asked = {
        "from": "2026-11-21T00:00:00Z",
        "to": "2026-11-22T00:00:00Z",
        "day": "2026-11-21",
        "camera": f"{YARD},{QUARRY}",
    }
    for route, method in table(here):
        if method != "GET" or need_of(route) == Verb.CONFIGURE or route in shell.routes.routes:
            continue
        ids = {"camera": YARD, "alert": watched.alert(9, YARD).id, "event": watched.event(9, YARD).id}
        for params in ({}, {**asked, "limit": "50"}, {"from": asked["from"], "to": asked["to"]}):
            answer = await here.ask(here.askers["limited operator"], "GET", filled(route, ids), params=params)
            if QUARRY in answer.text or "pit" in answer.text.replace("pitch", ""):
                leaks.append(f"{route.path}: {answer.text[:300]}")
    assert leaks == []


CROSS: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
]


async def test_no_other_sites_page_changes_anything(here: Town) -> None:
    """rel:S10 S11: by form or fetch, with the cookie of an administrator."""
    before = dump(here)
    admin = here.askers["admin"]
    wrong: list[str] = []
    for route, method in table(here):
        for headers in CROSS:
            if method == "WS":
                status = await here.knock(admin, filled(route, {"camera": YARD}), **headers)
            else:
                form = {**headers, "Content-Type": "text/plain"}
                answer = await here.ask(admin, method, filled(route, {"camera": YARD}), headers=form, content=b"{}")
                status = answer.status_code
            if status != 403:
                wrong.append(f"{method} {route.path} {headers}: {status}")
    assert not wrong, "\n".join(wrong)
    assert dump(here) == before


async def test_reading_changes_nothing(here: Town) -> None:
    """rel:S10: of what is there, by who may see it all; the audit alone grows."""
    watched = Watched(here.here.store)
    ids = {"camera": YARD, "alert": watched.alert(1).id, "event": watched.event(2).id, "hold": _hold(here).id}
    before = dump(here)
    for route, method in table(here):
        if method in ("GET", "HEAD"):
            answer = await here.ask(here.askers["admin"], method, filled(route, ids))
            assert answer.status_code < 500 or answer.status_code == 503, f"{route.path}: {answer.text}"
    assert dump(here) == before


async def test_a_token_in_an_address_is_refused_everywhere(here: Town, caplog: pytest.LogCaptureFixture) -> None:
    """rel:S19."""
    secret = here.askers["token all everywhere"].headers["Authorization"].removeprefix("Bearer ")
    for route, method in table(here):
        for name in ("token", "access_token", "q"):
            path = f"{filled(route, {})}?{name}={secret}"
            if method == "WS":
                assert await here.knock(here.askers["admin"], path) == 400
            else:
                answer = await here.ask(here.askers["admin"], method, path, headers=OWN)
                assert answer.status_code == 400, route.path
                assert secret not in answer.text
    assert secret not in caplog.text


async def test_before_there_is_an_administrator_nobody_is_answered(tmp_path: Path) -> None:
    """rel:S03."""
    async with town(tmp_path) as here:
        for user in list((await here.desk.register()).users):
            await here.desk.change(partial(_gone, id=user))
        assert not (await here.desk.register()).admins
        for asker in here.askers.values():
            for route, method in table(here):
                if need_of(route) != "public":
                    assert await status_of(here, asker, route, method) == 401, f"{asker.name} {method} {route.path}"
        for name, password in (("admin", "admin"), ("root", "root"), ("admin", ""), ("admin", "password1234")):
            answer = await here.ask(
                here.askers["anonymous"], "POST", "/api/login", json={"name": name, "password": password}, headers=OWN
            )
            assert answer.status_code == 403


async def test_nothing_is_kept_for_the_next_who_asks(here: Town) -> None:
    """rel:S14: the same address as administrator, viewer and nobody, through a cache that honours what is said."""
    for path in ("/api/alerts", "/api/cameras", "/api/audit", "/api/users", "/api/session"):
        kept: dict[str, httpx.Response] = {}
        for name in ("admin", "limited", "anonymous"):
            answer = kept.get(path) or await here.ask(here.askers[name], "GET", path)
            if "no-store" not in answer.headers.get("cache-control", ""):
                kept[path] = answer
        assert kept == {}


async def test_what_is_looked_at_is_noted(here: Town) -> None:
    """Looks, refusals and changes, by the guard itself."""
    viewer, limited, admin = here.askers["viewer"], here.askers["limited"], here.askers["admin"]
    for _ in range(20):
        await here.ask(viewer, "GET", f"/api/timeline/{QUARRY}?from={NOON}&to={NOON + US_PER_S}")
    await here.ask(limited, "GET", f"/api/timeline/{QUARRY}?from={NOON}&to={NOON + US_PER_S}")
    await here.ask(limited, "GET", "/api/users")
    await here.ask(viewer, "GET", "/api/timeline/nowhere")
    await here.ask(admin, "POST", f"/api/cameras/{YARD}/private", json={"on": False}, headers=OWN)
    here.here.clock.advance(60)
    here.desk.audit.flush()
    here.here.store.write(lambda conn: None).result()
    items = (await here.ask(admin, "GET", "/api/audit?limit=3")).json()["items"]
    assert [(one["who"], one["what"], one["camera"], one["detail"], one["count"]) for one in items] == [
        ("admin", "change", YARD, "POST /api/cameras/{camera}/private", 1),
        # The first of a minute, and how many.
        ("limited", "refused", QUARRY, "GET /api/timeline/{camera}", 2),
        ("viewer", "look", QUARRY, "", 20),
    ]
    assert items[0]["address"] == "192.0.2.7"


def _gone(conn: Any, id: str) -> None:
    """Past the rule that the last administrator stays, as only the database itself can be."""
    from redshank.store import register, users

    users.remove(conn, id)
    register.changed(conn)


def _hold(here: Town) -> Hold:
    one = Hold("0" * 8, QUARRY, NOON, NOON + US_PER_S, "somebody asked", NOON)
    here.here.store.write(partial(holds.add, hold=one)).result()
    return one


def _export(here: Town) -> Export:
    owner = here.desk._register.admins[0].id
    one = Export(
        "01a1fdf4-0000-7000-8000-000000000001", owner, "admin", "clip", (QUARRY,), NOON, NOON + 1, "done", NOON, NOON
    )
    here.here.store.write(partial(exports.add, one=one)).result()
    return one


def dump(here: Town) -> dict[str, list[Any]]:
    """Everything but the audit and the limiter's own book."""
    here.here.store.write(lambda conn: None).result()
    with sqlite3.connect(here.here.store.path) as conn:
        tables = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: conn.execute(f"SELECT * FROM {name}").fetchall() for name in tables if name not in ("audit",)}
