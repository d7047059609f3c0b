"""Low-latency HLS through a real server: what a player gets, and what it may ask for before it is there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from redshank.live.hls import LiveHls
from redshank.live.room import LiveRoom
from redshank.process.upstream import Upstream
from redshank.web.app import make_app
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.live.filming import CLOCK, Filming, filming, until
from tests.web.serving import client, place
from tests.web.test_living import numbers, served

HLS = "/api/live/yard/hls"


@asynccontextmanager
async def player(folder: Path, camera: FakeCamera) -> AsyncIterator[tuple[httpx.AsyncClient, Filming]]:
    with place(folder) as here:
        async with filming({("yard", "main"): camera.url}) as film:
            hls = LiveHls(film.room, CLOCK)
            here.rooms = replace(here.rooms, live_hls=hls)
            async with served(here, film) as address:
                base = address.replace("ws:", "http:")
                await until(lambda: film.states)
                async with httpx.AsyncClient(base_url=base, timeout=15, trust_env=False) as client:
                    yield client, film
            await hls.stop()


def newest(playlist: str) -> tuple[int, int]:
    """Segment and part that come next."""
    found = re.search(r'PRELOAD-HINT:TYPE=PART,URI="(\d+)\.(\d+)\.m4s"', playlist)
    assert found is not None, playlist
    return int(found[1]), int(found[2])


async def test_a_player_that_waits_for_parts_sees_every_picture(tmp_path: Path) -> None:
    with FakeCamera(cached_clip(20, gop_s=1)) as camera:
        async with player(tmp_path, camera) as (client, _film):
            master = (await client.get(f"{HLS}/master.m3u8")).text
            assert 'CODECS="avc1.64' in master
            assert "RESOLUTION=640x360" in master
            assert master.endswith("main/index.m3u8\n")
            first = (await client.get(f"{HLS}/main/index.m3u8")).text
            movie = (await client.get(f"{HLS}/main/init-0.mp4")).content
            assert "INDEPENDENT=YES" in first
            segment, part = newest(first)
            names = re.findall(r'EXT-X-PART:DURATION=[\d.]+,URI="([\d.]+m4s)"', first)
            while segment < 3:
                text = (await client.get(f"{HLS}/main/index.m3u8?_HLS_msn={segment}&_HLS_part={part}")).text
                names += [one for one in re.findall(r'URI="([\d.]+m4s)"(?:,IND|\n)', text) if one not in names]
                names = [one for one in dict.fromkeys(names) if f'HINT:TYPE=PART,URI="{one}"' not in text]
                segment, part = newest(text)
            parts = [await client.get(f"{HLS}/main/{name}") for name in names]
            whole = (await client.get(f"{HLS}/main/1.m4s")).content
    assert {one.status_code for one in parts} == {200}
    shown = numbers(movie + b"".join(one.content for one in parts))
    assert shown[0] is not None
    assert shown == list(range(shown[0], shown[0] + len(shown)))
    assert len(shown) >= 40
    assert whole == b"".join(one.content for one, name in zip(parts, names, strict=True) if name.startswith("1."))


async def test_what_cannot_be_is_refused_and_what_comes_next_is_waited_for(tmp_path: Path) -> None:
    with FakeCamera() as camera:
        async with player(tmp_path, camera) as (client, film):
            segment, part = newest((await client.get(f"{HLS}/main/index.m3u8")).text)
            asked = CLOCK.mono_ns()
            hinted = await client.get(f"{HLS}/main/{segment}.{part}.m4s")
            assert hinted.status_code in (200, 404)
            assert CLOCK.mono_ns() > asked
            refused = {
                address: (await client.get(f"{HLS}/{address}")).status_code
                for address in (
                    f"main/index.m3u8?_HLS_msn={segment + 50}",
                    "main/index.m3u8?_HLS_part=1",
                    "main/index.m3u8?_HLS_msn=-1",
                    "main/init-9.mp4",
                    "main/900000.1.m4s",
                    "main/..%2f..%2fconfig",
                    "side/index.m3u8",
                )
            }
            assert set(refused.values()) == {400, 404}, refused
            assert (await client.get("/api/live/none/hls/master.m3u8")).status_code == 404
            assert film.room.viewers("yard", "main") == 1


def test_a_camera_that_is_switched_off_gives_nothing_and_says_so(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        off = {name: replace(camera, enabled=False) for name, camera in here.site.cameras().items()}
        hls = LiveHls(LiveRoom(Upstream(), CLOCK), CLOCK)
        app = make_app(replace(here.site, cameras=lambda: off), replace(here.rooms, live_hls=hls))
        with client(app) as asked:
            answer = asked.get(f"{HLS}/main/index.m3u8")
    assert answer.status_code == 503
    assert "switched off" in answer.text
