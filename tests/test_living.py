"""RTSP out of a site: who is let in with what, from where, and from when on there is anything to be let into."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from redshank.access.desk import Desk
from redshank.clock import SystemClock
from redshank.config.schema import Config
from redshank.errors import StoreError
from redshank.living import Living, door_of
from redshank.page import RTSP_LOOK_S, Page
from redshank.show import Show
from redshank.store import audit
from tests.access import people
from tests.access.people import PASSWORD
from tests.harness.clocks import FakeClock
from tests.live.filming import until

HERE, LAN = "127.0.0.1", "192.0.2.7"


@pytest.fixture
def desk(tmp_path: Path, clock: FakeClock) -> Iterator[Desk]:
    with people.desk(tmp_path, clock) as made:
        yield made


async def test_over_the_network_only_tokens_open(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await people.admin(desk)
    ann = await people.user(desk, "ann")
    token = await people.token(desk, ann, ["live"])
    enter = door_of(desk)
    assert await enter("ann", PASSWORD, HERE) is not None
    assert await enter("ann", PASSWORD, "::1") is not None
    assert await enter("any", token, LAN) is not None
    assert await enter("any", token, HERE) is not None
    assert not caplog.records
    assert await enter("ann", PASSWORD, LAN) is None
    assert "must be an API token" in caplog.text
    assert PASSWORD not in caplog.text
    assert await enter("ann", "wrong", HERE) is None


def listens(port: int) -> bool:
    with closing(socket.socket()) as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


async def test_nothing_listens_before_there_is_an_administrator(tmp_path: Path, desk: Desk, clock: FakeClock) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = Config.model_validate({"rtsp": {"port": port}})
    page = Page(lambda: config, tmp_path, cast(Show, SimpleNamespace(desk=desk)), clock)
    living = Living(SystemClock(), lambda _camera, _stream: None)
    offers = asyncio.ensure_future(page._offer_rtsp(living))
    for _ in range(2):
        await until(lambda: clock.slept)
        assert not listens(port)
        clock.slept.clear()
        clock.advance(RTSP_LOOK_S)
    await people.admin(desk)

    def listens_now() -> bool:
        clock.advance(RTSP_LOOK_S)
        return listens(port)

    await until(listens_now)
    offers.cancel()
    with suppress(asyncio.CancelledError):
        await offers
    await living.stop()


async def test_who_looked_at_which_camera_is_noted_once(desk: Desk) -> None:
    await people.admin(desk)
    ann = await people.user(desk, "ann")
    token = await people.token(desk, ann, ["live"], ["yard"])
    may = await door_of(desk)("any", token, LAN)
    assert may is not None
    assert [await may(camera) for camera in ("yard", "yard", "door")] == [True, True, False]
    desk._store.write(lambda _conn: None).result()  # behind the notes
    lines = [line for _number, line, _count in desk._store.read(lambda conn: audit.page(conn, audit.Asked(), 99))]
    seen = [(line.kind, line.who, line.what, line.camera, line.detail, line.address) for line in lines]
    assert ("token", "script", "live", "yard", "RTSP", LAN) in seen
    assert ("token", "script", "refused", "door", "RTSP", LAN) in seen
    assert len([line for line in seen if line[4] == "RTSP"]) == 2


async def test_while_the_accounts_cannot_be_read_nobody_is_let_in(desk: Desk, clock: FakeClock) -> None:
    await people.admin(desk)

    def broken(_work: object) -> None:
        raise StoreError("the disk is gone")

    desk._store.read = broken  # type: ignore[method-assign,assignment]
    clock.advance(60)
    assert await door_of(desk)("admin", PASSWORD, HERE) is None
