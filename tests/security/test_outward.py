"""rel:S08: what somebody types as the address of a camera, of a camera's own page or of a receiver leads to nobody who must not be
reached: a listener counts who comes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import product

import httpx
import pytest

from redshank.clock import SystemClock
from redshank.errors import TargetRefused
from redshank.media.probe import probe
from redshank.onvif.camera import describe
from redshank.onvif.client import Account
from redshank.targets import Targets, resolved
from redshank.web.answer import Problem
from redshank.web.probing import Tried
from tests.harness.sinks import WebhookSink

CLOCK = SystemClock()
HERE = (
    "127.0.0.1", "127.1", "127.8.9.10", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "LOCALHOST.", "0", "0.0.0.0", "[::1]",
    "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "here.example", "127.0.0.1.",
    "0x7f.1", "017700000001",
)  # fmt: skip
CLOUD = (
    "169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:169.254.169.254]", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200",
    "168.63.129.16", "cloud.example", "[64:ff9b::a9fe:a9fe]",
)  # fmt: skip
NAMES = {"here.example": "127.0.0.1", "cloud.example": "169.254.169.254"}
"""Of a name server of somebody else's."""


def look_up(host: str, port: int) -> list[str]:
    return [NAMES[host]] if host in NAMES else resolved(host, port)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as made:
        made.setblocking(False)
        yield made


def port_of(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


def nobody_came(listening: socket.socket) -> bool:
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return True
    return False


def test_a_camera_is_never_this_machine_nor_a_cloud(listening: socket.socket) -> None:
    """By each scheme the page takes, in each way an address can be written."""
    targets, checked = Targets((), look_up), 0
    for scheme, host in product(("rtsp", "rtsps", "http", "https"), (*HERE, *CLOUD)):
        try:
            source = Tried(url=f"{scheme}://me:secret@{host}:{port_of(listening)}/x").source()
        except Problem:
            continue
        found = probe(source, targets, CLOCK, 0.1)
        assert [(step.name, step.verdict) for step in found.steps] == [("name", "bad")], host
        assert "secret" not in found.steps[0].found
        checked += 1
    assert checked > 100
    assert nobody_came(listening)


async def test_nor_is_what_describes_itself_by_onvif(listening: socket.socket) -> None:
    for host in (*HERE, *CLOUD):
        with pytest.raises(TargetRefused):
            await describe(Account(f"{host}:{port_of(listening)}", "me", "secret"), Targets((), look_up), CLOCK)
    assert nobody_came(listening)


def test_a_camera_on_the_network_may_be_named() -> None:
    for host in ("10.0.0.7", "172.16.3.4", "192.168.1.20", "[fd12:3456::7]"):
        assert Targets((), look_up).check(host, 554) == host.strip("[]")


def test_a_camera_that_sends_us_elsewhere_is_not_followed(listening: socket.socket) -> None:
    """Nor does anybody else hear its password."""
    with WebhookSink() as camera:
        camera.status = 302
        camera.headers = {"Location": f"http://127.0.0.1:{port_of(listening)}/x.jpg"}
        port = httpx.URL(camera.url).port
        source = Tried(url=f"http://me:secret@127.0.0.1:{port}/x.jpg", kind="jpeg").source()
        found = probe(source, Targets([f"127.0.0.1:{port}"]), CLOCK, 0.5)
        assert not found.ok
        assert "redirects" in found.steps[-1].found
    assert nobody_came(listening)


def test_a_name_that_becomes_another_address_gains_nothing(listening: socket.socket) -> None:
    """DNS rebinding: what was judged is what is connected to, however often the name changes."""
    with WebhookSink() as camera:
        port = httpx.URL(camera.url).port or 0
        asked: list[str] = []

        def changing(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) % 2 else ["169.254.169.254"]

        targets = Targets([f"cam.example:{port}"], changing)
        source = Tried(url=f"http://cam.example:{port}/x.jpg", kind="jpeg").source()
        found = probe(source, targets, CLOCK, 0.2)
    refused = [step for step in found.steps if step.verdict == "bad"]
    assert [step.name for step in found.steps[:1]] == ["name"]
    assert len(asked) > 1
    assert "metadata" in refused[0].found, "each look is judged anew, and none connects to what it was not told"
