from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest

from redshank.alert.webhook import WebhookChannel, WebhookSettings, payload, secret_key
from redshank.clock import rfc3339
from redshank.errors import ChannelError, ChannelRefused, SourceMissing, TargetRefused
from tests.alert import sample
from tests.alert.servers import Answering, free_port, http_server, local
from tests.harness.certificate import certificate
from tests.harness.clocks import FakeClock
from tests.harness.http_server import HttpRequest

KEY, OLD_KEY = bytes(range(32)), bytes(range(24))
SECRET, OLD_SECRET = (f"whsec_{base64.b64encode(key).decode()}" for key in (KEY, OLD_KEY))
PATH_TOKEN = "CANARY-path-token"


@pytest.fixture
def server() -> Iterator[Answering]:
    with http_server() as found:
        yield found


def channel(port: int, clock: FakeClock | None = None, **changes: object) -> WebhookChannel:
    settings = WebhookSettings("hook", f"http://hooks.example:{port}/{PATH_TOKEN}", (SECRET,), timeout_s=5)
    return WebhookChannel(replace(settings, **changes), local, clock or FakeClock())  # type: ignore[arg-type]


def verified(request: HttpRequest, key: bytes) -> bool:
    """By the words of the specification, with nothing of ours."""
    signed = b".".join(
        [request.headers["webhook-id"].encode(), request.headers["webhook-timestamp"].encode(), request.body]
    )
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    signatures = [one.split(",") for one in request.headers["webhook-signature"].split(" ")]
    return any(version == "v1" and given.encode() == expected for version, given in signatures)


async def test_a_receiver_can_verify_what_it_gets(server: Answering) -> None:
    await channel(server.port).send(sample.message(), "")
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", f"/{PATH_TOKEN}")
    assert request.headers["host"] == f"hooks.example:{server.port}"
    assert request.headers["content-type"] == "application/json"
    assert verified(request, KEY)
    assert not verified(request, OLD_KEY)
    assert not verified(replace(request, body=request.body + b" "), KEY)


async def test_both_secrets_verify_while_a_receiver_changes_over(server: Answering) -> None:
    await channel(server.port, secrets=(SECRET, OLD_SECRET)).send(sample.message(), "")
    assert verified(server.requests[0], KEY)
    assert verified(server.requests[0], OLD_KEY)


async def test_without_a_secret_it_is_sent_unsigned(server: Answering) -> None:
    await channel(server.port, secrets=()).send(sample.message(), "")
    assert "webhook-signature" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("kind", "type_"),
    [("open", "alert.created"), ("update", "alert.updated"), ("close", "alert.ended"), ("test", "test")],
)
def test_the_body_says_what_happened(kind: str, type_: str) -> None:
    found = json.loads(payload(sample.message(kind), picture=False))  # type: ignore[arg-type]
    assert found["type"] == type_
    data = found["data"]
    assert data["camera"] == {"id": "front", "name": "Front door", "place": "Street side"}
    assert (data["label"], data["score"], data["box"], data["zones"]) == (
        "person",
        0.8734,
        [0.2, 0.2, 0.4, 0.9],
        ["drive"],
    )
    assert [(d["label"], d["score"]) for d in data["detections"]] == [("person", 0.8734), ("dog", 0.4321)]
    assert data["opened"] == "2026-11-21T07:03:12.000000Z"
    assert data["picture"] == {"name": sample.PICTURE.name, "width": 1280, "height": 720}
    if kind == "close":
        assert (data["state"], data["closed"], found["timestamp"]) == ("closed",) + ("2026-11-21T07:03:54.000000Z",) * 2


def test_the_picture_travels_inside_when_asked() -> None:
    found = json.loads(payload(sample.message(), picture=True))
    assert base64.b64decode(found["data"]["picture"]["jpeg"]) == sample.JPEG


async def test_a_retry_has_the_same_id_and_body_and_a_new_timestamp(server: Answering) -> None:
    clock = FakeClock()
    hook = channel(server.port, clock)
    server.answer = lambda request: (503 if len(server.requests) == 1 else 204, {}, b"")
    with pytest.raises(ChannelError, match="answered 503"):
        await hook.send(sample.message(), "")
    clock.advance(5)
    await hook.send(sample.message(), "")
    first, second = server.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == sample.message().id
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 5
    assert verified(second, KEY)


@pytest.mark.parametrize("status", [400, 401, 404, 408, 413, 429, 500, 502, 503])
async def test_every_other_status_is_tried_again(server: Answering, status: int) -> None:
    server.answer = lambda request: (status, {"retry-after": "17"}, b"secret words of the server")
    with pytest.raises(ChannelError, match=f"answered {status}$") as caught:
        await channel(server.port).send(sample.message(), "")
    assert not isinstance(caught.value, ChannelRefused)
    assert caught.value.retry_after_s == 17


@pytest.mark.parametrize(
    ("value", "date", "expected"),
    [
        ("0", "", 0.0), ("99999999", "", 3600.0), ("soon", "", None), ("-5", "", None), ("", "", None), ("\u0665", "", None),
        ("Sat, 21 Nov 2026 07:00:30 GMT", "Sat, 21 Nov 2026 07:00:00 GMT", 30.0),
        ("Sat, 21 Nov 2026 06:00:00 GMT", "Sat, 21 Nov 2026 07:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 07:00:30 GMT", "", None),
    ],
)  # fmt: skip
def test_a_receivers_patience_is_read_within_bounds(value: str, date: str, expected: float | None) -> None:
    from redshank.alert.post import Answer

    assert Answer(503, {"retry-after": value, "date": date}, b"").retry_after_s == expected


async def test_gone_switches_the_channel_off(server: Answering) -> None:
    server.answer = lambda request: (410, {}, b"")
    hook = channel(server.port)
    with pytest.raises(ChannelRefused, match="said 410 Gone; the webhook is switched off"):
        await hook.send(sample.message(), "")
    with pytest.raises(ChannelRefused, match="switched off"):
        await hook.send(sample.message(), "")
    assert len(server.requests) == 1


async def test_a_redirect_is_not_followed(server: Answering) -> None:
    with http_server() as other:
        server.answer = lambda request: (307, {"location": f"http://127.0.0.1:{other.port}/stolen"}, b"")
        with pytest.raises(ChannelError, match="a redirect; write the final address"):
            await channel(server.port).send(sample.message(), "")
        assert other.requests == []


async def test_it_connects_only_where_the_check_says(server: Answering) -> None:
    """A name that answers differently the second time changes nothing: it is asked once and that address is used."""
    asked: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> str:
        asked.append((host, port))
        return "127.0.0.1" if len(asked) == 1 else "192.0.2.1"

    settings = WebhookSettings("hook", f"http://localhost.invalid:{server.port}/", timeout_s=5)
    await WebhookChannel(settings, rebinding, FakeClock()).send(sample.message(), "")
    assert asked == [("localhost.invalid", server.port)]
    assert len(server.requests) == 1


async def test_an_address_of_the_new_kind_is_connected_to() -> None:
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 204 OK\r\nconnection: close\r\n\r\n")
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    port = server.sockets[0].getsockname()[1]
    for host in ("hooks.example", "[::1]"):
        hook = WebhookSettings("hook", f"http://{host}:{port}/", timeout_s=5)
        await WebhookChannel(hook, lambda host, port: "::1", FakeClock()).send(sample.message(), "")
        assert f"host: {host}:{port}\r\n" in asked[-1].lower()
    server.close()


async def test_a_forbidden_address_is_refused_without_a_connection(server: Answering) -> None:
    def refuse(host: str, port: int) -> str:
        raise TargetRefused(f"{host}:{port} is this machine itself")

    hook = WebhookChannel(WebhookSettings("hook", f"http://127.0.0.1:{server.port}/"), refuse, FakeClock())
    with pytest.raises(ChannelRefused, match="is this machine itself"):
        await hook.send(sample.message(), "")
    assert server.requests == []


async def test_a_name_without_an_address_is_tried_again() -> None:
    def nothing(host: str, port: int) -> str:
        raise SourceMissing(f"{host}: no such name")

    hook = WebhookChannel(WebhookSettings("hook", "http://nowhere.example/"), nothing, FakeClock())
    with pytest.raises(ChannelError, match="no such name") as caught:
        await hook.send(sample.message(), "")
    assert not isinstance(caught.value, ChannelRefused)


async def test_a_proxy_of_the_environment_is_not_used(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    await channel(server.port).send(sample.message(), "")
    assert len(server.requests) == 1


async def test_a_server_that_is_away_or_silent_or_endless_is_one_clear_line(server: Answering) -> None:
    with pytest.raises(ChannelError, match="connection refused"):
        await channel(free_port()).send(sample.message(), "")
    server.answer = lambda request: None
    with pytest.raises(ChannelError, match=r"no answer within 0.2 s"):
        await channel(server.port, timeout_s=0.2).send(sample.message(), "")
    server.answer = lambda request: (200, {}, bytes(3_000_000))
    assert await channel(server.port).send(sample.message(), "") == sample.message().id


async def test_tls_is_verified_for_the_configured_name() -> None:
    trusted = certificate()
    with http_server(trusted.server_context()) as server:
        url = f"https://localhost:{server.port}/x"
        await channel(0, url=url, ca_file=str(trusted.ca_file)).send(sample.message(), "")
        assert len(server.requests) == 1
        with pytest.raises(ChannelError, match=r"certificate is not valid .*unable to get local issuer"):
            await channel(0, url=url).send(sample.message(), "")
        other = url.replace("localhost", "other.example")
        with pytest.raises(ChannelError, match=r"certificate is not valid .*other\.example"):
            await channel(0, url=other, ca_file=str(trusted.ca_file)).send(sample.message(), "")
        assert len(server.requests) == 1


async def test_an_unverified_certificate_is_possible_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with http_server(certificate().server_context()) as server:
        await channel(0, url=f"https://mail.example:{server.port}/x", verify=False).send(sample.message(), "")
        assert len(server.requests) == 1
    assert "certificate is not checked channel=hook host=mail.example" in caplog.text


async def test_a_login_in_the_url_is_sent_and_never_shown(server: Answering, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"http://user:CANARY-p%40ss@hooks.example:{server.port}/{PATH_TOKEN}?key=CANARY-query"
    shown: list[str] = []
    for status in (200, 500, 410):
        server.answer = lambda request, status=status: (status, {}, b"CANARY-body")  # type: ignore[misc]
        hook = channel(server.port, url=url)
        shown.append(repr(hook._settings))
        try:
            await hook.send(sample.message(), "")
        except ChannelError:
            shown.append(traceback.format_exc())
    assert base64.b64decode(server.requests[0].headers["authorization"].removeprefix("Basic ")) == b"user:CANARY-p@ss"
    assert server.requests[0].headers["host"] == f"hooks.example:{server.port}"
    assert "CANARY" not in "".join(shown) + caplog.text
    assert SECRET not in "".join(shown) + caplog.text


@pytest.mark.parametrize(
    "url", ["", "ftp://x/y", "hooks.example/CANARY", "http://", "http://[::1/CANARY", "file:///etc/CANARY"]
)
def test_a_wrong_url_is_named_but_not_repeated(url: str) -> None:
    with pytest.raises(ChannelRefused, match=r"channels\.hook\.url: ") as caught:
        channel(0, url=url)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["CANARY", "whsec_", "whsec_CANARY", f"whsec_{'A' * 30}", f"whsec_{'A' * 100}", base64.b64encode(KEY).decode()],
)
def test_a_wrong_secret_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ChannelRefused, match="expected whsec_ followed by base64") as caught:
        secret_key(text)
    assert not text or text not in str(caught.value).replace("whsec_ followed", "")


def test_times_are_the_ones_of_the_api() -> None:
    assert rfc3339(sample.OPENED) == "2026-11-21T07:03:12.000000Z"
