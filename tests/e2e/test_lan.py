"""The installed program on the local network: HTTPS of its own, one link for the first visit, nothing in the clear."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import httpx
import pytest

from tests.e2e.program import PASSWORD, Program, eventually
from tests.harness.broker import free_port


def _client(program: Program, address: str) -> httpx.Client:
    """Of a device that trusts the authority."""
    trusted = ssl.create_default_context(cafile=str(program.data / "keys" / "tls" / "authority.pem"))
    return httpx.Client(base_url=address, verify=trusted, timeout=30, trust_env=False)


@pytest.mark.timeout(120)
def test_the_first_visit_from_the_network_takes_the_link_on_the_terminal_and_only_https(tmp_path: Path) -> None:
    """rel:S03 S20. Without a camera and before anybody configured anything."""
    port = free_port()
    config = f"web: {{port: {port}, lan: true}}\nrtsp: {{enabled: false}}\n"
    with Program(tmp_path, config) as program:
        program.page()
        ticket = eventually(lambda: re.findall(r"#setup=([\w-]+)", (tmp_path / "stdout").read_text()), 10, "the link")[
            -1
        ]
        address = f"https://127.0.0.1:{port}"
        plain = httpx.get(f"http://127.0.0.1:{port}/alerts", trust_env=False)
        assert (plain.status_code, plain.headers["location"]) == (301, f"{address}/alerts")
        with pytest.raises(httpx.ConnectError):
            httpx.get(address, trust_env=False)
        with _client(program, address) as device:
            assert device.get("/api/session").json()["state"] == "setup"
            assert device.get("/api/cameras").status_code == 401
            assert device.get("/api/session", headers={"Host": "evil.example"}).status_code == 421
            # As if it came from another machine: a proxy that nobody trusts says so.
            foreign = {"X-Forwarded-For": "192.0.2.1"}
            first = {"name": "admin", "password": PASSWORD}
            assert device.post("/api/setup", json=first, headers=foreign).status_code == 403
            answer = device.post("/api/setup", json={**first, "ticket": ticket}, headers=foreign)
            assert answer.status_code == 204
            assert {"Secure", "HttpOnly"} <= {part.strip() for part in answer.headers["set-cookie"].split(";")}
            again = {"name": "other", "password": PASSWORD, "ticket": ticket}
            assert device.post("/api/setup", json=again).status_code in (403, 409)
            assert device.get("/api/users").status_code == 200
        program.stop()
        (tmp_path / "stdout").write_text("")
        program.start()
        eventually(lambda: "The page: https://" in (tmp_path / "stdout").read_text(), 20, "the page")
        assert "#" not in (tmp_path / "stdout").read_text()
        with _client(program, address) as device:
            # The same authority after a restart: who trusts it need not do so again.
            assert device.post("/api/login", json={"name": "admin", "password": PASSWORD}).status_code == 204
