"""The door of the installed program: set-up, log-in, kills, and accounts changed beside it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import httpx
import pytest

from redshank.clock import SystemClock
from tests.e2e.program import PASSWORD, Program, eventually, redshank, since_s
from tests.harness.broker import free_port
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip

CLOCK = SystemClock()


@pytest.mark.timeout(180)
def test_the_program_asks_who_is_there_and_remembers_it_over_a_kill(tmp_path: Path) -> None:
    """rel:S03 S12 S16 S18."""
    with FakeCamera(cached_clip(10)) as camera:
        config = (
            f"cameras:\n  yard:\n    url: {camera.url}\nweb: {{port: {free_port()}}}\n"
            f'security: {{allow_targets: ["127.0.0.1:{camera.port}"]}}\n'
        )
        with Program(tmp_path, config) as program:
            stranger = httpx.Client(base_url=program.page(), timeout=30, trust_env=False)
            assert {stranger.get(f"/api/{path}").status_code for path in ("cameras", "status", "users", "alerts")} == {
                401
            }
            assert stranger.post("/api/login", json={"name": "admin", "password": "admin"}).status_code == 403
            with closing(program.log_in()) as admin:
                cookie = admin.cookies["redshank"]
                made = admin.post("/api/tokens", json={"name": "script", "verbs": ["live"]}).json()
                assert [one["id"] for one in admin.get("/api/cameras").json()["cameras"]] == ["yard"]
            wrong = {"name": "admin", "password": "not the password"}
            assert [stranger.post("/api/login", json=wrong).status_code for _ in range(4)] == [401, 401, 401, 429]
            program.kill()
            program.start()
            session = httpx.Client(base_url=program.page(), timeout=30, trust_env=False, cookies={"redshank": cookie})
            eventually(lambda: _answers(session), 20, "the page after the kill")
            assert session.get("/api/users").status_code == 200
            # Had it forgotten, three would be free again.
            assert [stranger.post("/api/login", json=wrong).status_code for _ in range(2)][1] == 429
            bearer = {"Authorization": f"Bearer {made['secret']}"}
            assert stranger.get("/api/cameras", headers=bearer).status_code == 200
            _accounts_are_changed_beside_it(program, session)
            session.close()
            stranger.close()
        kept = program.said() + "".join(
            file.read_bytes().decode("latin-1") for file in program.data.rglob("*") if file.is_file()
        )
        assert [one for one in (cookie, made["secret"], PASSWORD, "another password") if one in kept] == []


def _answers(session: httpx.Client) -> bool:
    try:
        return session.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def _accounts_are_changed_beside_it(program: Program, session: httpx.Client) -> None:
    """As somebody does who has lost the password."""
    typed = redshank("user", "password", "admin", "--data", program.data, typed="another password\n")
    assert typed.returncode == 0, typed.stderr
    begun = CLOCK.mono_ns()
    eventually(lambda: session.get("/api/users").status_code == 401, 5, "the old session is dead")
    assert since_s(begun) < 2
    link = redshank("user", "ticket", "admin", "--data", program.data).stdout.strip()
    entered = session.post("/api/enter", json={"ticket": link.partition("#enter=")[2]})
    assert entered.status_code == 204
    assert session.get("/api/users").status_code == 200
