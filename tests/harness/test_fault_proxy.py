"""The proxy passes, refuses, swallows, delays and cuts."""

from __future__ import annotations

import httpx
import pytest

from redshank.clock import SystemClock
from tests.harness.fault_proxy import FaultProxy
from tests.harness.sinks import WebhookSink


def test_each_mode_does_what_it_says_and_passing_works_again_afterwards() -> None:
    clock = SystemClock()
    with WebhookSink() as sink, FaultProxy(sink.server.port) as proxy:
        url = f"http://{proxy.host}:{proxy.port}/x"
        assert httpx.post(url).status_code == 204
        proxy.set("refuse")
        with pytest.raises(httpx.ConnectError):
            httpx.post(url)
        proxy.set("black_hole")
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(url, timeout=0.3)
        proxy.set("pass")
        proxy.cut_after = 10
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(url)
        proxy.cut_after = None
        proxy.delay_s = 0.2
        begun = clock.mono_ns()
        assert httpx.post(url).status_code == 204
        assert clock.mono_ns() - begun >= 0.4e9
    assert len(sink.inbox) == 3
    assert proxy.connections == 4


def test_a_black_hole_swallows_a_connection_that_exists() -> None:
    with WebhookSink() as sink, FaultProxy(sink.server.port) as proxy:
        sink.hang = True
        with httpx.Client(timeout=0.5) as http:
            proxy.set("black_hole")
            sink.hang = False
            with pytest.raises(httpx.ReadTimeout):
                http.post(f"http://{proxy.host}:{proxy.port}/x")
            proxy.cut()
            proxy.set("pass")
            assert http.post(f"http://{proxy.host}:{proxy.port}/x").status_code == 204
