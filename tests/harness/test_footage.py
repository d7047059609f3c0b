"""The bar code is read back after compression, at any size, and a picture without one gives none."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.harness.footage import Actor, Encoding, Luma, cached_clip, draw_number, luma_of, read_number, scene_clip


def pictures(path: Path) -> list[Luma]:
    with av.open(str(path)) as clip:
        return [luma_of(frame) for frame in clip.decode(video=0)]


@pytest.mark.parametrize(
    "encoding",
    [{}, {"bframes": 2, "gop_s": 2}, {"codec": "libx265"}, {"bit_rate": 60_000}, {"width": 1280, "height": 720}],
    ids=str,
)
def test_every_frame_shows_its_number_after_compression(encoding: dict[str, int]) -> None:
    numbers = [read_number(picture) for picture in pictures(cached_clip(3, **encoding))]
    assert numbers == list(range(30))


def test_numbers_stay_apart_for_ten_minutes_at_thirty_frames_and_survive_shrinking() -> None:
    picture = np.full((360, 640), 90, np.uint8)
    for number in [*range(0, 18_000, 97), 65_535]:
        draw_number(picture, number)
        assert read_number(picture) == number
        assert read_number(picture[::2, ::2]) == number


def test_a_picture_without_a_bar_code_or_with_half_of_one_has_no_number() -> None:
    picture = np.full((360, 640), 90, np.uint8)
    assert read_number(picture) is None
    draw_number(picture, 1234)
    picture[:, 200:300] = 90
    assert read_number(picture) is None


def test_an_actor_is_in_the_picture_only_while_it_should_be(tmp_path: Path) -> None:
    actor = Actor((0.2, 0.6), (0.8, 0.6), enters_s=1, leaves_s=2, moves_s=1)
    path = scene_clip(tmp_path / "scene.mp4", 3, (actor,), encoding=Encoding(320, 180))
    shown = pictures(path)
    changed = [int((np.abs(shown[0].astype(int) - picture) > 40).sum()) for picture in shown]
    assert max(changed[:10] + changed[20:]) < 20
    assert min(changed[10:20]) > 300
