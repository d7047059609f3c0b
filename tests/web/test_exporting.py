"""Exports and holds over the server. The command that makes files is a small program of the test's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from redshank.access.who import ROLE_RIGHTS, Role, Who
from redshank.archive.orders import KEPT_US, Orders
from redshank.clock import US_PER_S, rfc3339
from redshank.store import holds
from redshank.web.review import Review
from redshank.web.rooms import Rooms
from tests.harness.loop_thread import LoopThread
from tests.playback.recording import NOON
from tests.web.serving import Everybody, Place, client, place
from tests.web.watched import only

PROGRAM = """\
import pathlib, signal, sys, time
here, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
(here / f"{out.parent.name}.began").write_text(" ".join(sys.argv[2:]))
signal.signal(signal.SIGINT, lambda *_: ((here / f"{out.parent.name}.stopped").touch(), sys.exit(130)))
while not (here / "go").exists():
    time.sleep(0.01)
if "--timelapse" in sys.argv:
    print("there is no footage of this time", file=sys.stderr)
    sys.exit(1)
out.write_bytes(b"footage" * 1000)
print('{"clips": [{"damaged": []}], "without_footage": ["door/main"]}')
"""


@dataclass
class Works:
    """A server whose exports run."""

    here: Place
    folder: Path
    loop: LoopThread
    orders: Orders
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        async def begin() -> asyncio.Task[None]:
            return asyncio.create_task(self.orders.run())

        self._task = self.loop.call(begin())

    def stop(self) -> None:
        async def end(task: asyncio.Task[None]) -> None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        if self._task is not None:
            self.loop.call(end(self._task))
        self._task = None

    def until(self, done: Callable[[], bool]) -> None:
        """Ten seconds at most."""

        for _ in range(1000):
            if done():
                return
            self.loop.call(asyncio.sleep(0.01))
        raise AssertionError("it does not come")

    def go(self) -> None:
        (self.folder / "go").touch()

    @contextmanager
    def sat_down(self, who: Who) -> Iterator[httpx.Client]:
        self.here.rooms = replace(self.here.rooms, access=Everybody(who))
        with client(self.here.app, self.loop) as session:
            yield session


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    with place(tmp_path / "site") as here:
        here.cameras = {"yard": ("main",), "door": ("main",)}
        program = tmp_path / "program.py"
        program.write_text(PROGRAM)
        words = [sys.executable, str(program), str(tmp_path)]
        orders = Orders(here.store, here.clock, tmp_path / "exports", lambda: words)
        here.rooms = Rooms(access=Everybody(), review=Review(exports=orders))
        made = Works(here, tmp_path, LoopThread("web"), orders)
        made.start()
        yield made
        made.stop()
        made.loop.stop()


def person(name: str, role: Role = Role.OPERATOR) -> Who:
    return Who("user", name, name, role, ROLE_RIGHTS[role])


def order(session: httpx.Client, *cameras: str, kind: str = "clip") -> httpx.Response:
    span = {"from": str(NOON), "to": rfc3339(NOON + 60 * US_PER_S)}
    return session.post("/api/exports", json={"cameras": list(cameras), "kind": kind, **span})


def state(session: httpx.Client, id: str) -> dict[str, Any]:
    found: dict[str, Any] = session.get(f"/api/exports/{id}").json()
    return found


def test_an_export_is_made_and_fetched(works: Works) -> None:
    with works.sat_down(person("ann")) as session:
        answer = order(session, "yard", "door")
        id = answer.json()["id"]
        none = session.get(f"/api/exports/{id}/file")
        works.go()
        works.until(lambda: state(session, id)["status"] == "done")
        found = state(session, id)
        part = session.get(found["address"], headers={"Range": "bytes=0-6"})
        whole = session.get(found["address"])
    assert (answer.status_code, answer.json()["owner"], none.status_code) == (202, "ann", 404)
    assert (found["bytes"], found["done"], found["error"]) == (7000, 1.0, "no footage of door/main")
    assert (part.status_code, part.content) == (206, b"footage")
    assert len(whole.content) == 7000
    assert "yard-20251121T120000Z-clip.zip" in whole.headers["content-disposition"]
    said = (works.folder / f"{id}.began").read_text()
    assert said.startswith("--from 2025-11-21T12:00:00.000000Z --to 2025-11-21T12:01:00.000000Z --json -o ")
    assert said.endswith("export.zip --zip -- yard door")


def test_two_are_made_at_once_and_what_fails_says_why(works: Works) -> None:
    with works.sat_down(person("ann")) as session:
        found = [order(session, "yard", kind=kind).json()["id"] for kind in ("clip", "timelapse", "clip")]
        works.until(lambda: len(list(works.folder.glob("*.began"))) == 2)
        # All three were ordered within a millisecond: which two come first is open.
        assert sorted(state(session, id)["status"] for id in found) == ["queued", "running", "running"]
        works.go()
        works.until(lambda: all(state(session, id)["status"] in ("done", "failed") for id in found))
        failed = state(session, found[1])
        assert {one["id"] for one in session.get("/api/exports").json()["items"]} == set(found)
    assert (failed["status"], failed["error"]) == ("failed", "there is no footage of this time")


def test_after_a_restart_it_goes_on_with_what_was_being_made(works: Works) -> None:
    with works.sat_down(person("ann")) as session:
        id = order(session, "yard").json()["id"]
        works.until((works.folder / f"{id}.began").exists)
        works.stop()
        assert (works.folder / f"{id}.stopped").exists()
        works.go()
        works.start()
        works.until(lambda: state(session, id)["status"] == "done")


def test_deleting_one_that_is_being_made_stops_it(works: Works) -> None:
    with works.sat_down(person("ann")) as session:
        id = order(session, "yard").json()["id"]
        works.until((works.folder / f"{id}.began").exists)
        assert session.delete(f"/api/exports/{id}").status_code == 204
        assert session.get(f"/api/exports/{id}").status_code == 404
    assert (works.folder / f"{id}.stopped").exists()
    assert not (works.folder / "exports" / id).exists()


def test_old_files_go(works: Works) -> None:
    works.go()
    with works.sat_down(person("ann")) as session:
        id = order(session, "yard").json()["id"]
        works.until(lambda: state(session, id)["status"] == "done")
        works.here.clock.advance(KEPT_US / US_PER_S + 1)
        order(session, "yard")
        works.until(lambda: session.get(f"/api/exports/{id}").status_code == 404)
    assert not (works.folder / "exports" / id).exists()


def test_an_export_is_its_owners_and_the_administrators(works: Works) -> None:
    """rel:S02."""
    with works.sat_down(person("ann")) as session:
        id = order(session, "yard").json()["id"]
    with works.sat_down(person("bob")) as session:
        assert session.get("/api/exports").json()["items"] == []
        for address in (f"/api/exports/{id}", f"/api/exports/{id}/file"):
            one, other = session.get(address), session.get(address.replace(id, "nothing"))
            assert (one.status_code, one.text) == (404, other.text)
        assert session.delete(f"/api/exports/{id}").status_code == 404
    with works.sat_down(person("root", Role.ADMIN)) as session:
        assert [one["id"] for one in session.get("/api/exports").json()["items"]] == [id]
    with works.sat_down(only("yard")) as session:
        assert order(session, "yard").status_code == 403
    with works.sat_down(only("yard", Role.OPERATOR)) as session:
        one, other = order(session, "yard", "door"), order(session, "nowhere")
        assert (one.status_code, one.text) == (404, other.text)


def test_a_hold_is_set_and_lifted(works: Works) -> None:
    body = {"camera": "yard", "from": str(NOON), "to": str(NOON + 60 * US_PER_S), "reason": "the police asked"}
    with works.sat_down(only("yard", Role.OPERATOR)) as session:
        answer = session.post("/api/holds", json=body)
        foreign = session.post("/api/holds", json={**body, "camera": "door"})
        long = session.post("/api/holds", json={**body, "to": "2027-01-01T00:00:00Z"})
    held = answer.json()
    assert (answer.status_code, foreign.status_code, long.status_code) == (201, 404, 400)
    with works.sat_down(only("door", Role.OPERATOR)) as session:
        assert session.get("/api/holds").json()["items"] == []
        assert session.delete(f"/api/holds/{held['id']}").status_code == 404
    with works.sat_down(only("yard")) as session:
        assert session.get("/api/holds").json()["items"] == [held]
        assert session.delete(f"/api/holds/{held['id']}").status_code == 403
    with works.sat_down(only("yard", Role.OPERATOR)) as session:
        assert session.delete(f"/api/holds/{held['id']}").status_code == 204
    assert works.here.store.read(holds.list) == []
