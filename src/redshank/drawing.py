"""What was seen, drawn: an annotated copy of a clip, and a picture of every event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.geometry import Polygon
from redshank.media.clip import Clip
from redshank.media.decode import Decoder
from redshank.media.picture import jpeg_frame
from redshank.model import Detection, Event, Frame, Track, TrackState
from redshank.vision.picture import annotate, bgr, jpeg, still
from redshank.vision.stills import Still

OPTIONS = {"preset": "veryfast", "crf": "23"}
Progress = Callable[[float, float | None], object]


def draw_clip(
    clip: Clip, seen: Mapping[int, Sequence[Track]], zones: Mapping[str, Polygon], target: Path, progress: Progress
) -> None:
    """Decode the clip once more and encode it with boxes and zones drawn. Whole or not there. Raises StoreError, SourceError."""
    part = target.with_name(f".{target.name}.part")
    try:
        _encode(clip, seen, zones, part, progress)
        part.replace(target)
    except (OSError, av.FFmpegError) as error:
        raise StoreError(f"--annotate: {target}: {getattr(error, 'strerror', None) or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _encode(
    clip: Clip, seen: Mapping[int, Sequence[Track]], zones: Mapping[str, Polygon], part: Path, progress: Progress
) -> None:
    shown: Sequence[Track] = ()
    with av.open(str(part), "w", format="mp4") as out:
        video = out.add_stream("libx264", rate=round(clip.fps) or 25, options=OPTIONS)
        video.width, video.height, video.pix_fmt = clip.width // 2 * 2, clip.height // 2 * 2, "yuv420p"
        video.codec_context.time_base = Fraction(1, 90_000)
        for frame in _frames(clip):
            shown = seen.get(frame.pts, shown)
            picture = annotate(still(frame), _boxes(shown), zones)[: video.height, : video.width]
            drawn = av.VideoFrame.from_ndarray(picture, format="bgr24")
            drawn.pts = round((frame.time - clip.start) * 90_000 / US_PER_S)
            drawn.time_base = Fraction(1, 90_000)
            out.mux(video.encode(drawn))
            progress((frame.time - clip.start) / US_PER_S, clip.duration_s or None)
        out.mux(video.encode())


def _frames(clip: Clip) -> Iterator[Frame]:
    decoder = Decoder()
    for packet in clip.packets():
        yield from decoder.decode(packet)
    yield from decoder.flush()


def _boxes(tracks: Sequence[Track]) -> list[Detection]:
    return [Detection(t.label, t.score, t.box) for t in tracks if t.state not in (TrackState.NEW, TrackState.ENDED)]


def write_snapshot(folder: Path, clip: Clip, event: Event, best: Still, zones: Mapping[str, Polygon]) -> Path:
    """The event's best picture with its box, as <clip>-<seconds>-<label>-<id>.jpg. Raises StoreError."""
    seconds = (best.time - clip.start) / US_PER_S
    path = (
        folder / f"{clip.camera}-{seconds:07.2f}s-{event.label.replace('/', '_').replace(' ', '-')}-{event.id[-6:]}.jpg"
    )
    frame = jpeg_frame(best.jpeg, best.time)
    assert frame is not None  # we encoded it ourselves
    drawn = annotate(bgr(frame), [Detection(event.label, event.score, best.box)], zones)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(drawn))
    except OSError as error:
        raise StoreError(f"--snapshots: {path}: {error.strerror}") from error
    return path
