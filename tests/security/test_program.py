"""The installed program, asked everything, with a secret in every place that takes one: none of them comes out anywhere.

One program for the whole file: it starts, is used by everybody, and what is left on the disk is looked at last.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from redshank.web.guard import COOKIE
from tests.e2e.program import PASSWORD, Program
from tests.harness.broker import free_port
from tests.harness.fake_camera import CameraSettings, FakeCamera
from tests.harness.footage import cached_clip
from tests.security.whole import filled, resolved

NAMES = (
    "camera", "camera in its address", "camera in its query", "smtp", "slack", "webhook", "webhook in its query",
    "typed in the page", "tried in the page", "tried in an address", "imported", "user", "user again", "wrong",
)  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def is_safe(path: Path) -> bool:
    """Where the user keeps them: what they wrote themselves, its copies for the way back, and our own file of secrets."""
    return path.name in ("redshank.yaml", "secrets.yaml", "last-good.yaml") or path.parent.name == "config-history"


OWN = {"wrong": ("",), "imported": ("POST /api/config/import-frigate",)}
"""By secret: answers in which whoever typed it reads it again: what is wrong with it, and their own file in other words."""


@dataclass
class Held:
    """The program, and what nobody may ever read of it."""

    program: Program
    camera: FakeCamera
    canaries: dict[str, str]
    admin: httpx.Client
    answers: list[tuple[str, str]] = field(default_factory=list)
    """What was asked, and all that came back: headers and body."""

    def ask(self, client: httpx.Client, method: str, path: str, own: str = "", **more: Any) -> httpx.Response:
        """own: the name of a secret this answer is for."""
        answer = client.request(method, path, **more)
        said = f"{answer.headers!r}{answer.text}"
        if own:
            said = said.replace(self.canaries.get(own, own), "")
        self.answers.append((f"{method} {path}", said))
        return answer

    def stranger(self, address: str = "127.0.0.1") -> httpx.Client:
        """Somebody else, from an address of this machine."""
        transport = httpx.HTTPTransport(local_address=address)
        return httpx.Client(base_url=self.program.page(), timeout=30, trust_env=False, transport=transport)


def config(camera: FakeCamera, canaries: dict[str, str]) -> str:
    return f"""\
logger: {{default: debug}}
web: {{port: {free_port()}}}
rtsp: {{port: {free_port()}}}
security: {{allow_targets: ["127.0.0.1:{camera.port}"]}}
record: {{segment: 4}}
cameras:
  yard: {{url: "{camera.url}", user: me, password: "{canaries["camera"]}"}}
  gate: {{url: "rtsp://me:{canaries["camera in its address"]}@127.0.0.1:{camera.port}/cam"}}
  shed: {{url: "http://127.0.0.1:{camera.port}/x.jpg?token={canaries["camera in its query"]}", kind: jpeg}}
rules: {{visit: {{labels: person}}}}
channels:
  mail: {{type: email, host: 127.0.0.1, user: me, password: "{canaries["smtp"]}", sender: a@example.org, to: b@example.org}}
  slack: {{type: slack, token: "xoxb-{canaries["slack"]}", channel: C0123456789}}
  hook: {{type: webhook, url: "https://hooks.example.org/x?token={canaries["webhook in its query"]}", secret: "{canaries["webhook"]}"}}
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    canaries = {name: secrets.token_urlsafe(18) for name in NAMES}
    login = CameraSettings(user="me", password=canaries["camera"])
    with FakeCamera(cached_clip(10), login) as camera:
        folder = tmp_path_factory.mktemp("held")
        with Program(folder, config(camera, canaries)) as program, closing(program.log_in()) as admin:
            canaries["administrator"] = PASSWORD
            canaries["session"] = admin.cookies[COOKIE]
            program.wait_camera("yard", within_s=30)
            yield Held(program, camera, canaries, admin)


def test_the_gate_of_the_running_program(held: Held) -> None:
    """rel:S13, rel:S18: nobody and a viewer see no figures; a session ends on the page and on footage the moment it is closed."""
    with closing(held.stranger()) as nobody:
        for path in (
            "/metrics",
            "/api/openapi.json",
            "/api/status",
            "/api/logs",
            "/api/system",
            "/docs",
            "/redoc",
            "/openapi.json",
        ):
            answer = held.ask(nobody, "GET", path)
            assert answer.status_code in (401, 404) or "text/html" in answer.headers["content-type"], path
    said = {"name": "vera", "role": "viewer", "password": held.canaries["user"]}
    vera = held.ask(held.admin, "POST", "/api/users", json=said).json()["id"]
    with closing(held.stranger("127.0.0.7")) as viewer:
        held.ask(
            viewer, "POST", "/api/login", json={"name": "vera", "password": held.canaries["user"]}, own="the cookie"
        ).raise_for_status()
        held.canaries["viewer's session"] = viewer.cookies[COOKIE]
        held.answers[-1] = ("its own", "")
        footage = "/api/live/yard/latest.jpg"
        for path in ("/metrics", "/api/openapi.json", "/api/status", "/api/logs", "/api/users", "/api/config"):
            assert held.ask(viewer, "GET", path).status_code == 403, path
        assert viewer.get("/api/cameras").status_code == 200
        assert viewer.get(footage).status_code in (200, 503)
        held.ask(
            held.admin, "PATCH", f"/api/users/{vera}", json={"password": held.canaries["user again"]}
        ).raise_for_status()
        assert {viewer.get(path).status_code for path in ("/api/cameras", footage, "/api/session/../cameras")} == {401}


def test_everything_is_asked(held: Held) -> None:
    """rel:S12: every route of the program's own table, right, wrong and broken."""
    admin, canaries = held.admin, held.canaries
    made = held.ask(admin, "POST", "/api/tokens", json={"name": "script", "verbs": ["live"]})
    canaries["token"] = made.json()["secret"]
    guest = held.ask(
        admin, "POST", "/api/guests", json={"name": "g", "cameras": ["yard"], "verbs": ["live"], "hours": 1}
    )
    canaries["guest"] = guest.json()["link"].partition("=")[2]
    user = admin.get("/api/users").json()["items"][-1]["id"]
    link = held.ask(admin, "POST", f"/api/users/{user}/link")
    canaries["link"] = link.json()["link"].partition("=")[2]
    held.answers[-3:] = []  # said once, to who asked for them
    for address, password in (("127.0.0.8", canaries["wrong"]), ("127.0.0.9", canaries["token"])):
        with closing(held.stranger(address)) as nobody:
            held.ask(nobody, "POST", "/api/login", json={"name": canaries["wrong"], "password": password})
            held.ask(nobody, "GET", f"/api/cameras?token={canaries['token']}")
            held.ask(nobody, "GET", f"/{canaries['wrong']}", headers={"Authorization": f"Bearer {canaries['wrong']}"})
    tried = {"url": f"rtsp://me:{canaries['tried in an address']}@127.0.0.1:{held.camera.port}/cam"}
    held.ask(admin, "POST", "/api/cameras/probe", json=tried)
    tried = {"url": f"rtsp://127.0.0.1:{held.camera.port}/cam", "user": "me", "password": canaries["tried in the page"]}
    held.ask(admin, "POST", "/api/cameras/probe", json=tried)
    typed = {
        "op": "set",
        "path": ["cameras", "typed"],
        "value": {"url": "rtsp://192.0.2.1/x", "password": canaries["typed in the page"]},
    }
    change = {"version": admin.get("/api/config").json()["version"], "edits": [typed], "note": "one more"}
    assert held.ask(admin, "PUT", "/api/config", json=change).status_code == 200
    frigate = f"cameras: {{a: {{ffmpeg: {{inputs: [{{path: 'rtsp://u:{canaries['imported']}@192.0.2.1/x', roles: [detect]}}]}}}}}}"
    held.ask(admin, "POST", "/api/config/import-frigate", json={"text": frigate})
    spec = admin.get("/api/openapi.json").json()
    for path, methods in spec["paths"].items():
        for method, about in methods.items():
            if path in ("/api/logout", "/api/setup") or "mjpeg" in path or method == "delete":
                continue
            schema = resolved(
                about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema"), spec
            )
            body = filled(schema, canaries["wrong"]) if schema else None
            here = path.replace("{camera}", "yard").replace("{stream}", "main").replace("{", "").replace("}", "")
            held.ask(admin, method.upper(), here, json=body)
            if schema:
                held.ask(admin, method.upper(), here, content=b"{broken")
    assert len(held.answers) > 100


@pytest.mark.parametrize("name", [*NAMES, "administrator", "session", "viewer's session", "token", "guest", "link"])
def test_no_secret_comes_out(held: Held, name: str) -> None:
    """rel:S12: of 20: not in an answer, the log, the status file, the database, a copy of the configuration, another's argv."""
    canary = held.canaries[name]
    mine = [said for said, text in held.answers if canary in text]
    mine = [
        said
        for said in mine
        if not said.startswith(OWN.get(name, ())) or said.startswith(("GET /metrics", "GET /api/logs"))
    ]
    assert mine == []
    assert canary not in held.program.said()
    found = [path for path in held.program.folder.rglob("*") if path.is_file() and not is_safe(path)]
    assert [str(path) for path in found if canary.encode() in path.read_bytes()] == []
    assert held.program.process is not None
    for pid in held.program.pids():
        assert canary.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert canary.encode() not in Path(f"/proc/{pid}/environ").read_bytes()


def test_what_it_writes_is_its_owners_alone(held: Held) -> None:
    """rel:S12: files nobody else may read, folders nobody else may enter; what the user wrote is theirs to say."""
    files = [path for path in (*held.program.data.rglob("*"), held.program.folder / "secrets.yaml") if path.is_file()]
    assert [str(path) for path in files if path.stat().st_mode & 0o077] == []
    assert len(files) > 10


def test_no_number_of_addresses_or_headers_gains_a_try(held: Held) -> None:
    """rel:S16, in little: at the real server."""
    with closing(held.stranger("127.0.0.66")) as thief:
        statuses = []
        for number in range(200):
            forged = f"203.0.113.{number}"
            headers = {"X-Forwarded-For": forged, "X-Real-IP": forged, "Forwarded": f"for={forged}"}
            said = {"name": "admin", "password": f"guess {number}"}
            statuses.append(held.ask(thief, "POST", "/api/login", json=said, headers=headers).status_code)
    assert statuses.count(401) <= 10
    assert set(statuses) == {401, 429}
    with closing(held.stranger()) as owner:
        assert owner.post("/api/login", json={"name": "admin", "password": PASSWORD}).status_code == 204
