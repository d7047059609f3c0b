"""Trying a picture and a channel on a running site: a real vision process, real receivers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import TypeAdapter

from redshank.clock import SystemClock
from redshank.config import schema
from redshank.errors import ModelError
from redshank.pipe import Note
from redshank.playback.studio import Busy, Refused, StudioProcess
from redshank.process.settings import VisionSettings
from redshank.supervisor import Supervisor, Worker
from redshank.trying import MOST, ChannelTests, Examiner
from redshank.vision.models import DEFAULT, default_store, find
from tests.harness.clocks import FakeClock
from tests.harness.sinks import SmtpSink, WebhookSink

CLOCK = SystemClock()
ZONE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


def config(**more: Any) -> schema.Config:
    camera = {"streams": {"main": {"url": "rtsp://192.168.1.9/1"}}, "zones": {"street": {"coordinates": ZONE}}}
    rules = {"bus": {"labels": ["bus"], "zones": ["street"], "min_time": 3}, "cats": {"labels": ["cat"]}}
    return schema.Config.model_validate({"cameras": {"yard": camera, "back": camera}, "rules": rules, **more})


@asynccontextmanager
async def vision() -> AsyncIterator[Examiner]:
    """With the default model, if it is here, and no camera."""
    ready = asyncio.Event()

    async def settings() -> bytes:
        return TypeAdapter(VisionSettings).dump_json(VisionSettings(DEFAULT, "cpu", 1, 1, ()))

    async def heard(note: Note) -> None:
        if note.kind == "ready":
            ready.set()
        if note.kind == "tried":
            examiner.on_note(note)

    worker = Worker("vision-0", settings, heard)
    examiner = Examiner(lambda: [worker], str, config)
    keeping = asyncio.create_task(Supervisor(CLOCK).keep(worker))
    try:
        async with asyncio.timeout(40):
            await ready.wait()
        yield examiner
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})


def sample() -> bytes:
    try:
        return find(DEFAULT, default_store()).sample.read_bytes()
    except (ModelError, OSError) as error:
        pytest.skip(f"the default model is not here: {error}")


async def test_a_picture_is_decoded_and_judged_in_the_vision_process_and_a_broken_one_costs_nothing() -> None:
    """req:I-21: as every rule would."""
    data = sample()
    async with vision() as examiner:
        with pytest.raises(Refused, match="cannot be decoded"):
            await examiner.examine(data[:200] + b"\x00" * 5000, "")
        found = await examiner.examine(data, "yard")
        with pytest.raises(Busy):
            await asyncio.gather(examiner.examine(data, ""), examiner.examine(data, ""))
    assert found.model.startswith(DEFAULT)
    assert "person" in found.labels
    labels = [one.label for one in found.detections]
    assert {"bus", "person"} <= set(labels)
    verdicts = {(one.rule, one.object): one for one in found.verdicts}
    assert len(verdicts) == 2 * len(labels)
    bus = verdicts["bus", labels.index("bus")]
    assert (bus.fires, bus.after_s, bus.camera) == (True, 3.0, "yard")
    assert {one.name: one.met for one in bus.conditions}["min_time"] is None
    assert not verdicts["bus", labels.index("person")].fires
    assert not any(one.fires for one in found.verdicts if one.rule == "cats")


async def test_without_an_analysis_process_it_is_said_why() -> None:
    with pytest.raises(Busy, match="add a camera first"):
        await Examiner(list, str, config).examine(b"x", "")
    with pytest.raises(Busy, match="damaged"):
        await Examiner(list, lambda: "model x is damaged", config).examine(b"x", "")


class Drawing:
    """A studio that draws at once, or cannot."""

    def __init__(self, jpeg: bytes = b"\xff\xd8\xff\xd9") -> None:
        self._jpeg = jpeg

    async def ask(self, job: str, header: Mapping[str, Any], body: bytes) -> Note:
        if not self._jpeg:
            raise Busy("too much to do")
        return Note("made", {}, self._jpeg)


def channels(port: int, **more: Any) -> schema.Config:
    hook = {"type": "webhook", "url": f"http://127.0.0.1:{port}/CANARY-path", "dry_run": True, "enabled": False}
    mail = {
        "type": "email",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "c@e.org",
        "to": ["a@e.org"],
    }
    return config(channels={"hook": hook, "mail": mail}, security={"allow_targets": [f"127.0.0.1:{port}"]}, **more)


async def test_a_channel_gets_a_real_message_also_when_it_is_switched_off() -> None:
    with WebhookSink() as sink:
        tests = ChannelTests(Drawing(), lambda: channels(sink.server.port), CLOCK)
        sent = await tests.send("hook")
        (request,) = await asyncio.to_thread(sink.wait, 1)
    assert sent is not None
    assert (sent.ok, sent.message) == (True, "delivered")
    assert b'"type":"test"' in request.body
    assert b'"width":1280' in request.body


async def test_a_mail_comes_with_the_picture_the_studio_drew() -> None:
    supervisor = Supervisor(CLOCK)

    async def settings() -> bytes:
        return b"{}"

    studio = StudioProcess(lambda note: worker.tell(note), lambda: supervisor.keep(worker), CLOCK)
    worker = Worker("studio-0", settings, studio.on_note, studio.on_change)
    try:
        with SmtpSink() as sink:
            sent = await ChannelTests(studio, lambda: channels(sink.port), CLOCK).send("mail")
            (mail,) = await asyncio.to_thread(sink.wait, 1)
    finally:
        await studio.stop()
    assert sent is not None
    assert sent.ok
    (attached,) = mail.message.iter_attachments()
    assert len(attached.get_content()) > 10_000


async def test_what_was_not_delivered_says_why_without_a_secret() -> None:
    with WebhookSink() as sink:
        sink.status = 503
        sent = await ChannelTests(Drawing(b""), lambda: channels(sink.server.port), CLOCK).send("hook")
    assert sent is not None
    assert not sent.ok
    assert "503" in sent.message
    assert "CANARY" not in sent.message


async def test_a_channel_that_cannot_even_be_opened_says_why() -> None:
    bad = {"type": "slack", "token": "not-a-token", "channel": "C1", "api_url": "http://169.254.169.254/"}
    sent = await ChannelTests(Drawing(), lambda: config(channels={"s": bad}), CLOCK).send("s")
    assert sent is not None
    assert not sent.ok
    assert "not-a-token" not in sent.message


async def test_only_so_many_messages_a_minute() -> None:
    clock = FakeClock()
    with WebhookSink() as sink:
        tests = ChannelTests(Drawing(), lambda: channels(sink.server.port), clock)
        assert await tests.send("nobody") is None
        for _ in range(MOST):
            await tests.send("hook")
        with pytest.raises(Busy, match="last minute"):
            await tests.send("hook")
        clock.advance(61)
        assert await tests.send("hook") is not None
