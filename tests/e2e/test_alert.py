"""From a person in front of a real RTSP camera to what every channel receives, through the installed program.

One run serves all tests of this file: a yard where somebody walks in, a hall where only a block moves, a camera with a wrong
password, one that is not there. Every secret is a canary that must be nowhere but where it belongs (rel:S12).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import av
import pytest

from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import Program, eventually, jsonl
from tests.harness.broker import free_port
from tests.harness.fake_camera import CameraSettings, FakeCamera
from tests.harness.footage import cached_clip
from tests.harness.sinks import SmtpSink, WebhookSink
from tests.harness.slack import SlackServer

CAMERA_PASSWORD = "canary1@:/#?&%"
WRONG_PASSWORD = "canary2@:/#w"
MAIL_PASSWORD = "canary3@:/#m"
SLACK_TOKEN = "xoxb-canary4-slack"
HOOK_KEY = b"canary5-of-32-bytes-0123456789ab"
HOOK_SECRET = "whsec_" + base64.b64encode(HOOK_KEY).decode()
HOOK_PATH = "canary6-path"
CANARIES = ("canary1", "canary2", "canary3", "canary4", "canary5", "canary6", HOOK_SECRET)

CONFIG = """\
timezone: Europe/Berlin
public_url: https://nvr.example.org
cameras:
  yard:
    friendly_name: Back yard
    location: Behind the house
    url: rtsp://127.0.0.1:{yard}/cam
    user: viewer
    password: ${{YARD_PASSWORD}}
    zones:
      lawn: {{coordinates: "0,0.5,1,0.5,1,1,0,1"}}
  hall:
    url: rtsp://127.0.0.1:{hall}/cam
  locked:
    url: rtsp://127.0.0.1:{yard}/cam
    user: viewer
    password: ${{WRONG_PASSWORD}}
  gone:
    url: rtsp://127.0.0.1:{gone}/cam
rules:
  somebody:
    labels: person
channels:
  mail: {{type: email, host: 127.0.0.1, port: {mail}, security: starttls, user: post, password: "${{MAIL_PASSWORD}}",
    sender: redshank@example.org, to: [ann@example.org, bob@example.org]}}
  team: {{type: slack, token: "${{SLACK_TOKEN}}", channel: C0123456789, api_url: "{slack_url}"}}
  hook: {{type: webhook, url: "{hook_url}", secret: "${{HOOK_SECRET}}", picture: true}}
  shelf: {{type: folder, path: {shelf}}}
security:
  allow_targets: ["127.0.0.1:{yard}", "127.0.0.1:{hall}", "127.0.0.1:{gone}", "127.0.0.1:{mail}", "127.0.0.1:{slack}",
    "127.0.0.1:{hook}"]
"""


@dataclass(frozen=True)
class Site:
    """A running site whose yard had its visitor."""

    program: Program
    mail: SmtpSink
    slack: SlackServer
    hook: WebhookSink
    shelf: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    clip = person_clip(folder / "yard.mp4", 12, walks_in(4, leaves_s=10))
    secrets = {
        "YARD_PASSWORD": CAMERA_PASSWORD,
        "WRONG_PASSWORD": WRONG_PASSWORD,
        "MAIL_PASSWORD": MAIL_PASSWORD,
        "SLACK_TOKEN": SLACK_TOKEN,
        "HOOK_SECRET": HOOK_SECRET,
    }
    login = CameraSettings(user="viewer", password=CAMERA_PASSWORD)
    with (
        FakeCamera(clip, login) as yard,
        FakeCamera(cached_clip(10)) as hall,
        SmtpSink("starttls", "post", MAIL_PASSWORD) as mail,
        SlackServer(SLACK_TOKEN) as slack,
        WebhookSink() as hook,
    ):
        config = CONFIG.format(
            yard=yard.port,
            hall=hall.port,
            gone=free_port(),
            mail=mail.port,
            slack=slack.server.port,
            slack_url=slack.base_url.rstrip("/"),
            hook=hook.server.port,
            hook_url=f"{hook.server.base_url}/{HOOK_PATH}",
            shelf=folder / "shelf",
        )
        with Program(folder, config, secrets) as program:
            program.wait_looking("yard", "hall")
            mail.wait(1, 30)
            slack.files.wait(1, 10)
            hook.wait(1, 10)
            eventually(lambda: jsonl(folder / "shelf" / "alerts.jsonl"), 10, "a line in the folder")
            yield Site(program, mail, slack, hook, folder / "shelf")


def test_the_mail_has_words_table_and_picture(site: Site) -> None:
    mail = site.mail.inbox.items[0]
    assert (mail.encrypted, mail.user, mail.receivers) == (True, "post", ("ann@example.org", "bob@example.org"))
    text, html, picture = _parts(mail.message)
    for words in (text, html):
        for expected in (
            "Back yard",
            "Behind the house",
            "Person",
            " CET",
            "somebody",
            "https://nvr.example.org/alerts/",
        ):
            assert expected in words
        assert re.search(r"person\W.*?[\d.]+ %", words.split("Score")[1], re.DOTALL)
    assert "cid:" in html
    assert _picture_size(picture) == (640, 360)


def test_slack_gets_the_words_and_the_picture_through_the_upload_flow(site: Site) -> None:
    (file, *_) = site.slack.files.items
    assert file.channel == "C0123456789"
    assert _picture_size(file.data) == (640, 360)
    said = file.comment + "".join(str(message) for message in site.slack.messages.items)
    assert "Back yard" in said
    assert "Person" in said
    methods = [call.method for call in site.slack.calls.items]
    assert (
        methods.index("files.getUploadURLExternal")
        < methods.index("upload")
        < methods.index("files.completeUploadExternal")
    )
    assert {call.error for call in site.slack.calls.items} == {""}


def test_the_webhook_is_signed_and_shows_who_was_where(site: Site) -> None:
    """The signature by the words of Standard Webhooks, with nothing of ours."""
    request = site.hook.inbox.items[0]
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(HOOK_KEY, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    told = json.loads(request.body)
    assert told["type"] == "alert.created"
    data = told["data"]
    assert data["camera"] == {"id": "yard", "name": "Back yard", "place": "Behind the house"}
    assert (data["label"], data["rule"], data["state"]) == ("person", "somebody", "open")
    assert data["score"] > 0.5
    assert "person" in [seen["label"] for seen in data["detections"]]
    assert _picture_size(base64.b64decode(data["picture"]["jpeg"])) == (640, 360)


def test_the_folder_has_a_line_and_its_picture(site: Site) -> None:
    line = jsonl(site.shelf / "alerts.jsonl")[0]
    assert line["data"]["camera"]["id"] == "yard"
    assert _picture_size((site.shelf / line["file"]).read_bytes()) == (640, 360)


def test_an_empty_scene_tells_nobody(site: Site) -> None:
    """Something moves there all the time; it is no person."""
    eventually(lambda: site.program.camera("hall")["analysed"]["looks"] >= 40, 20, "40 looks at the hall")
    told = [json.loads(request.body) for request in site.hook.inbox.items] + jsonl(site.shelf / "alerts.jsonl")
    assert {one["data"]["camera"]["id"] for one in told} == {"yard"}
    assert {alert["camera"] for alert in site.program.status["alerts"]["latest"]} == {"yard"}


def test_a_wrong_password_says_so_in_a_line_of_its_own(site: Site) -> None:
    locked = site.program.wait_camera("locked", "offline")
    assert "login" in locked["reason"] or "password" in locked["reason"]
    assert "\n" not in locked["reason"]


def test_bad_cameras_do_not_hurt_the_others(site: Site) -> None:
    assert site.program.wait_camera("gone", "offline")["reason"]
    for name in ("yard", "hall"):
        camera = site.program.camera(name)
        assert (camera["status"], camera["connects"], camera["reason"]) == ("online", 1, "")
    assert site.program.status["processes"]["capture-0"]["starts"] == 1
    assert not site.program.status["ok"]


def test_no_secret_is_anywhere_but_where_it_belongs(site: Site) -> None:
    """rel:S12 for what there is: output, log, status, database, pictures, what was sent, command lines, environments.

    The configuration holds them, and so do the copies of those that were used, which only their owner can read.
    """
    copies = [*site.program.data.glob("last-good.yaml"), *site.program.data.glob("config-history/*.yaml")]
    assert [copy for copy in copies if copy.stat().st_mode & 0o077] == []
    assert len(copies) == 2
    workers = [one["pid"] for one in site.program.status["processes"].values()]
    ours = [Path(f"/proc/{pid}/cmdline") for pid in site.program.pids()]
    ours += [Path(f"/proc/{pid}/environ") for pid in workers]
    for file in [*site.program.folder.rglob("*"), *ours]:
        if file.is_file() and file not in (site.program.config, *copies):
            said = file.read_bytes()
            assert [canary for canary in CANARIES if canary.encode() in said] == [], file
    sent: list[Any] = [request.body for request in site.hook.inbox.items]
    sent += [mail.raw for mail in site.mail.inbox.items]
    assert [canary for canary in CANARIES if canary in str(sent)] == []


def test_it_says_nothing_that_looks_like_a_bug(site: Site) -> None:
    assert "Traceback" not in site.program.said()


def _parts(message: EmailMessage) -> tuple[str, str, bytes]:
    """Text, HTML, the one picture."""
    found = {part.get_content_type(): part for part in message.walk()}
    picture = found["image/jpeg"].get_payload(decode=True)
    assert isinstance(picture, bytes)
    return found["text/plain"].get_content(), found["text/html"].get_content(), picture


def _picture_size(jpeg: bytes) -> tuple[int, int]:
    """Decoded by another library than the one that made it."""
    codec = av.CodecContext.create("mjpeg", "r")
    assert isinstance(codec, av.VideoCodecContext)
    (frame,) = codec.decode(av.Packet(jpeg))
    return frame.width, frame.height
