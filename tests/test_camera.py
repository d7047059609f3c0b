"""A whole camera on clips made by code, with a detector that is a script: packets in, observations out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from redshank.camera import Camera, CameraSettings, Look
from redshank.clock import US_PER_S
from redshank.model import Box, Detection, Packet, StreamFormat, TrackState
from tests.harness.clocks import START
from tests.harness.footage import Actor, Encoding, scene_clip

Pixels = NDArray[np.uint8]
WALK = Actor(start=(0.1, 0.6), end=(0.9, 0.6), enters_s=6, moves_s=4, leaves_s=12)


def packets(path: Path) -> list[Packet]:
    """Every packet of a clip, its time counted from START."""
    with av.open(str(path)) as clip:
        video = clip.streams.video[0]
        assert video.time_base is not None
        context = video.codec_context
        form = StreamFormat(
            "video", context.name, Fraction(video.time_base), context.extradata or b"", video.width, video.height
        )
        found = []
        for number, p in enumerate(p for p in clip.demux(video) if p.size):
            assert p.pts is not None
            assert p.dts is not None
            time = START + round(p.pts * video.time_base * US_PER_S)
            found.append(Packet("door", "main", 1, number, form, time, 0, p.pts, p.dts, 0, p.is_keyframe, bytes(p)))
        return found


class Blob:
    """Detects the actor of `scene_clip` by its texture, wherever it is in the pictures it is shown, as a person."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []
        self.broken = False

    def __call__(self, pictures: Sequence[Pixels], floor: float) -> list[list[Detection]] | None:
        self.shown += [(p.shape[1], p.shape[0]) for p in pictures]
        return None if self.broken else [self._find(picture) for picture in pictures]

    def _find(self, picture: Pixels) -> list[Detection]:
        luma = picture[..., 1].astype(float)
        steps = np.abs(np.diff(luma, axis=1))[:-1] + np.abs(np.diff(luma, axis=0))[:, :-1]
        contrast = steps > 40
        ys, xs = np.nonzero(contrast)
        if xs.size < 100:
            return []
        height, width = contrast.shape
        (x1, x2), (y1, y2) = np.quantile(xs, (0.01, 0.99)), np.quantile(ys, (0.01, 0.99))
        return [Detection("person", 0.9, Box(x1 / width, y1 / height, x2 / width, y2 / height))]


def watch(camera: Camera, clip: Sequence[Packet]) -> list[Look]:
    return [look for packet in clip for look in camera.feed(packet)] + camera.finish()


@pytest.fixture(scope="module")
def walker(tmp_path_factory: pytest.TempPathFactory) -> list[Packet]:
    path = tmp_path_factory.mktemp("clip") / "walker.mp4"
    return packets(scene_clip(path, 17, (WALK,), noise=2, encoding=Encoding(fps=15, gop_s=2)))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> list[Packet]:
    path = tmp_path_factory.mktemp("clip") / "empty.mp4"
    return packets(scene_clip(path, 14, noise=2, encoding=Encoding(fps=15, gop_s=2)))


SETTINGS = CameraSettings("door", (416, 416), full_every_s=1000)


def test_one_person_crossing_is_one_track_from_beginning_to_end(walker: list[Packet]) -> None:
    looks = watch(Camera(SETTINGS, Blob()), walker)
    seen = {t.id for look in looks for t in look.observation.tracks if t.state is not TrackState.NEW}
    assert len(seen) == 1
    last = [t for look in looks for t in look.observation.tracks][-1]
    assert last.state is TrackState.ENDED


def test_the_track_is_found_within_a_second_of_the_first_movement(walker: list[Packet]) -> None:
    looks = watch(Camera(SETTINGS, Blob()), walker)
    first = next(look.frame.time for look in looks if look.observation.tracks)
    assert 6.0 <= (first - START) / US_PER_S <= 7.0


def test_an_empty_scene_calls_the_detector_only_for_the_first_picture(empty: list[Packet]) -> None:
    """req:T-05: a static clip costs no detector calls once it is known."""
    detect = Blob()
    watch(Camera(SETTINGS, detect), empty)
    assert len(detect.shown) == 1


def test_an_idle_camera_decodes_little_and_finds_the_same(empty: list[Packet], walker: list[Packet]) -> None:
    idle, busy = Camera(SETTINGS, Blob()), Camera(SETTINGS, Blob())
    looks = (len(watch(idle, empty)), len(watch(busy, walker)))
    assert looks[0] < looks[1]


def test_every_frame_means_every_frame(walker: list[Packet]) -> None:
    detect = Blob()
    looks = watch(Camera(replace(SETTINGS, every_frame=True), detect), walker)
    assert len(looks) == len(detect.shown) == len(walker)
    assert [look.frame.pts for look in looks] == sorted(look.frame.pts for look in looks)


@pytest.mark.parametrize("fps", [2.0, 5.0, 7.5])
def test_looks_keep_to_the_asked_rate_whatever_the_cameras_is(walker: list[Packet], fps: float) -> None:
    """req:P-02, req:T-04: ± 10 % over the seconds in which something moves."""
    looks = watch(Camera(replace(SETTINGS, fps=fps), Blob()), walker)
    moving = [look for look in looks if START + 7 * US_PER_S <= look.frame.time < START + 11 * US_PER_S]
    assert len(moving) == pytest.approx(4 * fps, rel=0.1, abs=1)


def test_only_wanted_labels_become_tracks_but_all_are_reported(walker: list[Packet]) -> None:
    """req:I-04: quiet labels are recorded too."""
    looks = watch(Camera(replace(SETTINGS, labels=frozenset({"dog"})), Blob()), walker)
    assert not any(look.observation.tracks for look in looks)
    assert {d.label for look in looks for d in look.observation.detections} == {"person"}


def test_what_a_privacy_mask_covers_reaches_neither_motion_nor_detector(walker: list[Packet]) -> None:
    everything = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    looks = watch(Camera(replace(SETTINGS, privacy=(everything,)), Blob()), walker)
    assert not any(look.observation.detections or look.observation.regions for look in looks)


def test_a_detector_without_time_costs_a_look_and_nothing_else(walker: list[Packet]) -> None:
    detect = Blob()
    detect.broken = True
    looks = watch(Camera(SETTINGS, detect), walker)
    assert looks
    assert not any(look.observation.detected for look in looks)


def test_observations_are_numbered_without_gaps(walker: list[Packet]) -> None:
    looks = watch(Camera(replace(SETTINGS, epoch=9), Blob()), walker)
    assert [(look.observation.epoch, look.observation.seq) for look in looks] == [(9, n + 1) for n in range(len(looks))]


def test_a_camera_that_is_always_late_still_detects_once_a_second(walker: list[Packet]) -> None:
    in_time, late = Blob(), Blob()
    watch(Camera(SETTINGS, in_time), walker)
    camera = Camera(SETTINGS, late)
    for packet in walker:
        camera.feed(packet, late=True)
    assert 5 <= len(late.shown) < len(in_time.shown) / 2


def test_a_reconnect_while_awake_is_nothing_special(walker: list[Packet]) -> None:
    """rel:T14, rel:T23: new parameters are a new format object, and a keyframe."""
    camera = Camera(SETTINGS, Blob())
    again = replace(walker[0].format)
    half = next(i for i, p in enumerate(walker) if p.keyframe and p.time > START + 7 * US_PER_S)
    later = [replace(p, format=again) if i >= half else p for i, p in enumerate(walker)]
    looks = watch(camera, [*later[: half - 3], *later[half:]])
    assert any(t.state is TrackState.ACTIVE for t in looks[-30].observation.tracks)


@pytest.mark.parametrize("size", [(64, 2), (16, 16), (1920, 1080)])
def test_pictures_of_any_size_are_looked_at(tmp_path: Path, size: tuple[int, int]) -> None:
    clip = scene_clip(tmp_path / "odd.mp4", 1, encoding=Encoding(width=size[0], height=size[1], fps=5))
    assert watch(Camera(SETTINGS, Blob()), packets(clip))


def test_the_best_still_of_a_track_is_a_picture_of_it(walker: list[Packet]) -> None:
    """req:W-01."""
    camera = Camera(SETTINGS, Blob())
    (track,) = {t.id for look in watch(camera, walker) for t in look.observation.tracks if t.state is TrackState.ENDED}
    still = camera.stills.get(track)
    assert still is not None
    assert still.jpeg.startswith(b"\xff\xd8")
