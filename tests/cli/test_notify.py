"""`redshank notify test`, as typed, against real servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.harness.sinks import SmtpSink, WebhookSink


def redshank(folder: Path, port: int, channel: str, *options: str) -> subprocess.CompletedProcess[str]:
    config = folder / "redshank.yaml"
    config.write_text(
        f"""
timezone: Europe/Berlin
security: {{allow_targets: ["127.0.0.1:{port}"]}}
channels:
  hook: {{type: webhook, url: "http://127.0.0.1:{port}/CANARY-path", dry_run: true}}
  mail: {{type: email, host: 127.0.0.1, port: {port}, security: none, sender: cam@example.org, to: [ann@example.org]}}
cameras: {{}}
"""
    )
    command = [sys.executable, "-m", "redshank", "notify", "test", channel, "--config", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "300"})


def test_a_real_mail_with_a_real_picture_is_sent(tmp_path: Path) -> None:
    with SmtpSink() as sink:
        done = redshank(tmp_path, sink.port, "mail")
        assert done.returncode == 0, done.stderr
        (mail,) = sink.wait(1)
    assert done.stdout.startswith("mail: delivered in ")
    (attached,) = mail.message.iter_attachments()
    picture = cv2.imdecode(np.frombuffer(attached.get_content(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (720, 1280, 3)
    text = mail.message.get_body(("plain",))
    assert text is not None
    assert "This is a test" in text.get_content()
    assert text.get_content().count(" CET") + text.get_content().count(" CEST") == 1


def test_the_outcome_is_json_for_scripts_and_dry_run_does_not_matter(tmp_path: Path) -> None:
    with WebhookSink() as sink:
        done = redshank(tmp_path, sink.server.port, "hook", "--json")
        assert done.returncode == 0, done.stderr
        (request,) = sink.wait(1)
    found = json.loads(done.stdout)
    assert (found["channel"], found["delivered"], found["error"]) == ("hook", True, "")
    assert found["id"] == request.headers["webhook-id"]
    assert json.loads(request.body)["type"] == "test"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_was_not_delivered_says_why_in_one_line(tmp_path: Path, options: tuple[str, ...]) -> None:
    with WebhookSink() as sink:
        sink.status = 503
        done = redshank(tmp_path, sink.server.port, "hook", *options)
    assert done.returncode == 1
    assert "answered 503" in (done.stdout if options else done.stderr)
    assert "Traceback" not in done.stderr
    assert "CANARY" not in done.stdout + done.stderr


def test_an_unknown_channel_names_the_known_ones(tmp_path: Path) -> None:
    done = redshank(tmp_path, 1, "pager")
    assert done.returncode == 2
    assert "there is no channel 'pager'; configured: hook, mail" in done.stderr
