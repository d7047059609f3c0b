"""The foreign camera plays over TCP and UDP, and comes back after a power cut."""

from __future__ import annotations

import av
import pytest

from tests.harness.footage import cached_clip, luma_of, read_number
from tests.harness.gst_camera import GstCamera

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_foreign_server_loops_our_clip(transport: str) -> None:
    options = {"rtsp_transport": transport, "timeout": "3000000"}
    with GstCamera(cached_clip(3, fps=20, audio="aac")) as camera:
        for _ in range(2):
            with av.open(camera.url, options=options, timeout=(5, 3)) as container:
                frames = zip(container.decode(video=0), range(130), strict=False)
                numbers = [read_number(luma_of(frame)) for frame, _ in frames]
            assert len(numbers) == 130
            assert set(numbers) == set(range(60))
            camera.kill()
            camera.start()
