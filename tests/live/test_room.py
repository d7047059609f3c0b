"""The live room on a real capture process and a camera whose every picture is numbered."""

from __future__ import annotations

import asyncio
from io import BytesIO

import av

from redshank.live.viewer import Viewer
from redshank.media.live import Fragment
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip, luma_of, read_number
from tests.live.filming import filming, until


async def take(viewer: Viewer[Fragment], count: int) -> list[Fragment]:
    """So many fragments, as they come."""
    async with asyncio.timeout(20):
        return [fragment for fragment in [await viewer.next() for _ in range(count)] if fragment is not None]


def pictures(fragments: list[Fragment]) -> list[int | None]:
    """What a player would show: the number of each picture."""
    movie = b"".join([fragments[0].init.data, *(fragment.data for fragment in fragments)])
    with av.open(BytesIO(movie), "r") as container:
        return [read_number(luma_of(frame)) for frame in container.decode(video=0)]


async def test_a_viewer_sees_every_picture_from_the_newest_keyframe_on() -> None:
    with FakeCamera(cached_clip(10)) as camera:
        async with filming({("yard", "main"): camera.url}) as here:
            await until(lambda: len(camera.journal) > 15)
            async with here.room.watch("yard", "main") as viewer:
                fragments = await take(viewer, 12)
    shown = pictures(fragments)
    assert fragments[0].keyframe
    assert shown[0] is not None
    assert shown == list(range(shown[0], shown[0] + len(shown)))
    assert len(shown) >= 12
