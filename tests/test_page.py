"""The page of a site: its certificate while it runs."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from redshank import certificates
from redshank.config.schema import Config
from redshank.page import LOOK_S, Page
from redshank.show import Show
from redshank.site import Site
from tests.harness.clocks import FakeClock
from tests.live.filming import until
from tests.test_certificates import NAMES


async def test_a_certificate_that_was_renewed_is_loaded_and_one_that_is_broken_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As Let's Encrypt renews one, every 60 days."""
    clock = FakeClock()
    mine = tmp_path / "mine"
    certificates.own(mine, NAMES, clock.now())
    web = SimpleNamespace(lan=True, names=(), certificate=mine / "server.pem", key=mine / "server.key")
    config = cast(Config, SimpleNamespace(web=web, public_url=""))
    page = Page(lambda: config, tmp_path, cast(Show, None), clock)
    tls = page._certificate()
    task = asyncio.create_task(page._look_again(tls))
    await until(lambda: len(clock.slept) == 1)
    (mine / "server.pem").write_bytes(b"half of a file")
    clock.advance(LOOK_S)
    await until(lambda: len(clock.slept) == 2)
    assert "not looked at again" in caplog.text
    shutil.rmtree(mine)
    certificates.own(mine, NAMES, clock.now())
    clock.advance(LOOK_S)
    await until(lambda: len(clock.slept) == 3)
    assert await served(tls) == ssl.PEM_cert_to_DER_cert(
        (mine / "server.pem").read_text().partition("-----END")[0] + END
    )
    task.cancel()


END = "-----END CERTIFICATE-----\n"


async def served(tls: ssl.SSLContext) -> bytes | None:
    """The certificate that somebody is shown who connects now."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=tls)
    any_of_them = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    any_of_them.check_hostname, any_of_them.verify_mode = False, ssl.CERT_NONE
    async with server:
        _reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=any_of_them)
        shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(True)
        writer.close()
    return shown


async def test_a_page_that_fails_begins_again_and_stops_nothing() -> None:
    told: list[str] = []
    begun: list[int] = []

    async def run(_listens: object) -> None:
        begun.append(1)
        if len(begun) < 3:
            async with asyncio.TaskGroup() as group:
                group.create_task(failing())
        await asyncio.Event().wait()

    async def failing() -> None:
        raise OSError("nothing listens any more")

    def note(_part: str, text: str) -> None:
        told.append(text)

    site = SimpleNamespace(
        page=SimpleNamespace(run=run), _reporter=SimpleNamespace(note=note), clock=FakeClock(autojump=True)
    )
    task = asyncio.create_task(Site._show_page(cast(Site, site)))
    await until(lambda: len(begun) == 3)
    assert told == ["nothing listens any more"] * 2
    task.cancel()
