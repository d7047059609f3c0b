"""rel:S09, rel:S25: names that are pieces of page, in everything that has a name and is kept, looked at in a real browser: text,
nothing else. They are written into the database itself too, as a forged row or a message would bring them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, update

from redshank.access.desk import Came, Desk
from redshank.access.password import Passwords
from redshank.access.who import Role, Who
from redshank.apply import difference
from redshank.config.editor import Editor
from redshank.model import Hold
from redshank.news import News
from redshank.store import holds
from redshank.store.schema import alerts
from redshank.trail.trails import Trails
from redshank.web.app import make_app
from redshank.web.guard import COOKIE
from redshank.web.review import Review
from redshank.web.rooms import Rooms
from redshank.web.site import WebCamera
from tests.access import people
from tests.harness.browser import Browser, Page, browsing, needs_browser
from tests.harness.loop_thread import LoopThread
from tests.page.house import needs_page
from tests.playback.recording import NOON
from tests.security.corpus import scripts
from tests.security.whole import Reloaded
from tests.web.serving import Place, client, place
from tests.web.watched import Watched

pytestmark = [needs_browser, needs_page]

WATCH = """
window.__violations = [];
document.addEventListener('securitypolicyviolation', (event) => __violations.push(event.violatedDirective + ' ' + event.blockedURI));
for (const name of ['alert', 'confirm', 'prompt']) window[name] = () => { window.__pwned = name };
"""
MADE = """[...document.querySelectorAll('body *')].filter((one) =>
  ['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED', 'BASE', 'MARQUEE', 'MATH', 'TEMPLATE', 'AUDIO'].includes(one.tagName)
  || [...one.attributes].some((it) => it.name.startsWith('on')
    || ['href', 'src', 'action', 'data'].includes(it.name) && /^\\W*(javascript|data:text)/i.test(it.value))
  || one.getAttribute('src') === 'x').map((one) => one.outerHTML.slice(0, 200))"""
"""Elements that no page of ours has, and attributes that run something."""


@dataclass
class Shown:
    here: Place
    watched: Watched
    address: str
    cookie: str

    def enter(self, browser: Browser, path: str) -> Page:
        page = browser.page(fresh=True)
        page.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        page.call(
            "Network.setCookie", name=COOKIE, value=self.cookie, url=self.address, httpOnly=True, sameSite="Strict"
        )
        page.open(f"{self.address}{path}")
        return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("shown")
    with ExitStack() as stack:
        here = stack.enter_context(place(folder))
        loop = LoopThread("shown")
        stack.callback(loop.stop)
        desk = Desk(here.store, here.clock, Passwords(people.CHEAP))
        stack.callback(desk.close)
        trails = Trails(folder / "trails", here.clock)
        stack.callback(trails.close)
        cookie = loop.call(people.admin(desk))
        names = scripts()
        assert len(names) == 100
        _people(loop, desk, names)
        _rows(here, names)
        (folder / "redshank.log").write_text(
            "".join(f"2026-11-21 12:00:00,000 ERROR redshank.web: {name}\n" for name in names)
        )
        config = folder / "redshank.yaml"
        config.write_text(_config(names))

        async def reload() -> Reloaded:
            return Reloaded()

        here.rooms = Rooms(
            access=desk,
            news=News(),
            review=Review(None, trails),
            log=folder / "redshank.log",
            editor=Editor(config, {}, folder / "data", here.clock, difference, reload),
        )
        here.status = _status(names)
        session = stack.enter_context(client(_app(here, names), loop))
        yield Shown(here, Watched(here.store), str(session.base_url).rstrip("/"), cookie)


def _app(here: Place, names: list[str]) -> FastAPI:
    cameras = {
        f"cam{n}": WebCamera(name, ("main",), names[-1 - n], zones={names[n + 20]: ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9))}, order=n)
        for n, name in enumerate(names[:12])
    }  # fmt: skip
    site = replace(
        here.site,
        cameras=lambda: cameras,
        storage=lambda: {"volumes": [], "warnings": names, "cameras": [], "alarms": {}, "stopped": ""},
    )
    return make_app(site, here.rooms)


def _people(loop: LoopThread, desk: Desk, names: list[str]) -> None:
    for name in names[:30]:
        loop.call(people.user(desk, name[:200], Role.VIEWER))
    boss = loop.call(desk.register()).admins[0]
    loop.call(people.token(desk, boss, ["live"]))
    loop.call(desk.login("admin", people.PASSWORD, Came("127.0.0.1", agent=names[3])))
    for name in names:
        desk.audit.note(Who("user", boss.id, name, Role.ADMIN), name, name, name)
    desk.audit.flush(everything=True)


def _rows(here: Place, names: list[str]) -> None:
    watched, turn = Watched(here.store), cycle(names)
    for n, name in enumerate(names):
        one = watched.alert(n * 20, f"cam{n % 12}", label=name, zones=(next(turn),), rule=next(turn), severity="alert")
        watched.quiet(n * 20 + 7, camera=f"cam{n % 12}", label=next(turn))
        here.store.write(partial(_forged, id=one.id, reason=next(turn))).result(5)
    for n, name in enumerate(names[:20]):
        here.store.write(partial(holds.add, hold=Hold(f"h{n}", "cam1", NOON, NOON + 60_000_000, name, NOON))).result(5)


def _forged(conn: Connection, id: str, reason: str) -> None:
    conn.execute(update(alerts).where(alerts.c.id == id).values(reason=reason))


def _config(names: list[str]) -> str:
    plain = [name for name in names if name.isprintable()]
    lines = ["cameras:"]
    for n, name in enumerate(plain[:12]):
        zones = f"{{{json.dumps(name)}: {{coordinates: '0,0,1,0,1,1'}}}}"
        named = f"friendly_name: {json.dumps(name)}, location: {json.dumps(plain[-n])}"
        lines.append(f"  cam{n}: {{url: rtsp://10.0.0.9/{n}, {named}, zones: {zones}}}")
    lines.append("rules:")
    lines += [f"  {json.dumps(name)}: {{labels: {json.dumps(plain[-n])}}}" for n, name in enumerate(plain[:12])]
    lines.append("channels:")
    lines += [f"  {json.dumps(name)}: {{type: folder, path: {json.dumps('/tmp/' + name)}}}" for name in plain[:12]]
    return "\n".join(lines) + f"\n# {plain[0]}\n"


def _status(names: list[str]) -> dict[str, Any]:
    camera = {
        "stream": "main", "status": "offline", "since": "2025-11-21T12:00:00Z",
        "analysed": {"fps": 5.0, "motion": 0.0, "now": names[5]},
        "recording": {"mode": "continuous", "private": False, "recording": False, "until": None, "trouble": names[6]},
    }  # fmt: skip
    return {
        "ok": False,
        "time": "2025-11-21T12:00:00Z",
        "problems": names,
        "cameras": [{**camera, "camera": f"cam{n}", "reason": names[n + 30], "codec": names[n]} for n in range(12)],
        "detector": {"model": names[1], "device": names[2]},
        "channels": {name: {"state": "failing", "error": name, "waiting": 1} for name in names[:5]},
        "processes": {names[7]: {"pid": 1, "starts": 1}},
    }


QUICK = ("/live", "/alerts?day=2025-11-21", "/setup/people")
SLOW = (
    "/camera/cam1", "/alerts?show=quiet&day=2025-11-21", "/gallery/2025-11-21", "/history", "/insights", "/system", "/rules", "/setup",
    "/setup/cameras", "/setup/config", "/setup/channels", "/setup/storage",
)  # fmt: skip


@pytest.mark.parametrize("path", [*QUICK, *(pytest.param(path, marks=pytest.mark.slow) for path in SLOW)])
def test_a_name_that_is_a_piece_of_page_is_shown_as_text(shown: Shown, browser: Browser, path: str) -> None:
    """rel:S09, rel:S25."""
    page = shown.enter(browser, path)
    safe(page, path)
    page.close()


@pytest.mark.slow
def test_one_alert_and_its_reasons_are_text(shown: Shown, browser: Browser) -> None:
    """rel:S09."""
    with httpx.Client(base_url=shown.address, cookies={COOKIE: shown.cookie}, trust_env=False) as session:
        items = session.get("/api/alerts?limit=3").json()["items"]
    for one in items:
        page = shown.enter(browser, f"/alerts/{one['id']}")
        safe(page, one["id"])
        page.close()


@pytest.mark.slow
def test_no_address_of_the_page_is_a_piece_of_page(shown: Shown, browser: Browser) -> None:
    """rel:S09: what stands in the address is text too."""
    evil = "%3Cimg%20src=x%20onerror=window.__pwned=1%3E"
    for path in (
        f"/{evil}",
        f"/alerts/{evil}",
        f"/camera/{evil}",
        f"/alerts?label={evil}",
        f"/history?t={evil}#{evil}",
        f"/#enter={evil}",
    ):
        page = shown.enter(browser, path)
        safe(page, path, written=False)
        page.close()


def safe(page: Page, path: str, written: bool = True) -> None:
    """Nothing ran, nothing was made of a name; the policy had nothing to do either, since nothing was tried."""
    page.wait_for(
        "document.body.innerText.trim().length > 20 && !document.querySelector('#content [aria-busy=true]')", 30
    )
    if written and path.partition("?")[0] not in ("/insights", "/setup"):
        page.wait_for(
            "/__pwned/.test(document.body.innerText + [...document.querySelectorAll('input,textarea')].map(o => o.value).join())",
            20,
        )
    assert page.evaluate("window.__pwned ?? null") is None
    assert page.evaluate(MADE) == []
    assert page.evaluate("window.__violations") == []
    assert [line for line in page.said if "Content Security Policy" in line] == []


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(shown: Shown) -> None:
    """rel:S09."""
    with httpx.Client(base_url=shown.address, trust_env=False) as session:
        for path in ("/", "/alerts", "/index.html", "/sw.js", "/api/session", "/nowhere"):
            policy = session.get(path).headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            assert "*" not in policy
            assert "frame-ancestors 'none'" in policy


def test_a_script_in_the_page_is_not_run_by_the_browser(shown: Shown, browser: Browser) -> None:
    """What the tests here look at can be seen: if a name did become a piece of page, the policy stops it, and all three say so."""
    page = shown.enter(browser, "/live")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.__pwned=1>')")
    page.wait_for("window.__violations.length > 0")
    assert page.evaluate("window.__pwned ?? null") is None
    assert page.evaluate(MADE)
    page.close()
