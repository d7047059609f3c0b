"""Finding and describing cameras over the server."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redshank.certificates import Names
from redshank.clock import SystemClock
from redshank.errors import SourceError
from redshank.onvif.client import Account
from redshank.onvif.finder import AT_ONCE, Finder
from tests.harness.onvif_camera import OnvifCamera, OnvifSettings
from tests.web.serving import Place, client, place

NOWHERE = Names(
    (), (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("169.254.1.1"), ipaddress.ip_address("::1"))
)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def asked(here: Place, camera: OnvifCamera, **body: Any) -> Any:
    here.rooms = replace(here.rooms, finder=Finder(SystemClock(), lambda: [camera.address], lambda: NOWHERE))
    with client(here.app) as session:
        return session.post("/api/cameras/onvif", json=body)


def test_a_camera_is_described_with_what_to_take(here: Place) -> None:
    with OnvifCamera() as camera:
        found = asked(here, camera, host=camera.address, user="admin", password=camera.settings.password).json()
    assert (found["make"], found["main"], found["sub"], len(found["profiles"])) == ("ACME", "p1", "p2", 3)
    assert camera.settings.password not in str(found)


def test_what_is_wrong_is_one_line_and_never_holds_the_password(here: Place) -> None:
    """rel:S32: the administrator is told."""
    with OnvifCamera(OnvifSettings(login="basic")) as camera:
        answer = asked(here, camera, host=camera.address, user="admin", password="s3cret word")
    assert answer.status_code == 422
    assert "in clear" in answer.json()["detail"]
    assert "s3cret" not in answer.text


@pytest.mark.parametrize("host", ["169.254.169.254", "localhost:22", "[::1]:631"])
def test_nothing_but_a_camera_can_be_reached_by_it(here: Place, host: str) -> None:
    """rel:S08"""
    with OnvifCamera() as camera:
        assert asked(here, camera, host=host).status_code == 422


def test_an_address_is_needed(here: Place) -> None:
    with OnvifCamera() as camera:
        assert asked(here, camera, user="a").status_code == 400


def test_this_machine_itself_is_no_network_to_look_in(here: Place) -> None:
    here.rooms = replace(here.rooms, finder=Finder(SystemClock(), list, lambda: NOWHERE))
    with client(here.app) as session:
        assert session.post("/api/cameras/discover").json() == {"found": [], "asked": []}


async def test_only_so_many_are_asked_at_once_and_the_room_comes_back() -> None:
    with OnvifCamera(OnvifSettings(hangs=True)) as camera:
        finder = Finder(SystemClock(), lambda: [camera.address], lambda: NOWHERE)
        hanging = [asyncio.create_task(finder.describe(Account(camera.address))) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        with pytest.raises(SourceError, match="try again"):
            await finder.describe(Account(camera.address))
        for one in hanging:
            one.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        camera.settings.hangs = False
        camera.settings.login = "none"
        assert (await finder.describe(Account(camera.address))).make == "ACME"
