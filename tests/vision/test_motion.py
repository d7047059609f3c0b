"""Motion on drawn scenes with sensor noise: what must be found, and what must not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from redshank.clock import US_PER_S
from redshank.geometry import intersection
from redshank.model import Box, Frame
from redshank.vision.motion import Motion, MotionDetector, MotionSettings

Gray = NDArray[np.uint8]
WIDTH, HEIGHT = 640, 360
Paint = Callable[[NDArray[np.float32], float], None]
"""Changes the scene at a time in seconds."""


def street() -> NDArray[np.float32]:
    random = np.random.default_rng(2)
    scene = np.full((HEIGHT, WIDTH), 110, np.float32)
    for size, strength in ((4, 8.0), (16, 12.0)):
        coarse = random.normal(0, strength, (HEIGHT // size + 2, WIDTH // size + 2)).astype(np.float32)
        scene += cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return scene


STREET = street()
NOISE = np.random.default_rng(3).normal(0, 2, (32, HEIGHT, WIDTH)).astype(np.float32)


def frame(scene: NDArray[np.float32], time_s: float, chroma: int = 140) -> Frame:
    noise = NOISE[hash(round(time_s * 1000)) * 7919 % len(NOISE)]
    y = cv2.add(scene, noise, dtype=cv2.CV_8U)
    u = np.full((HEIGHT // 2, WIDTH // 2), chroma, np.uint8)
    time = round(time_s * US_PER_S)
    return Frame("c", "main", 0, 0, time, 0, 0, False, y, u, u)


def watch(
    paint: Paint | None = None, seconds: float = 12, fps: float = 5, settings: MotionSettings | None = None
) -> list[tuple[float, Motion]]:
    detector = MotionDetector(settings)
    seen = []
    for index in range(int(seconds * fps)):
        scene, time = STREET.copy(), index / fps
        if paint:
            paint(scene, time)
        seen.append((time, detector.look(frame(scene, time))))
    return seen


def person(x: float, y: float, height: int, contrast: float) -> Paint:
    """Somebody who comes at 8 s and walks to the right, 0.8 heights a second."""

    def paint(scene: NDArray[np.float32], time: float) -> None:
        if time >= 8:
            left = int(x + 0.8 * height * (time - 8))
            part = scene[int(y) : int(y) + height, left : left + max(3, int(0.35 * height))]
            part[:] = part.mean() + contrast

    return paint


def clock_text(scene: NDArray[np.float32], time: float) -> None:
    second = int(time)
    image = scene.astype(np.uint8)
    text = f"2026-11-21 12:{second // 60 % 60:02}:{second % 60:02}"
    cv2.putText(image, text, (12, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 16, 4)
    cv2.putText(image, text, (12, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 235, 1)
    scene[:] = image


@pytest.mark.parametrize(("height", "contrast"), [(12, 40), (12, -40), (18, 20), (40, 14), (120, 60), (160, -14)])
@pytest.mark.parametrize("fps", [2, 5, 15])
def test_a_walker_is_found_where_they_are(height: int, contrast: float, fps: float) -> None:
    seen = watch(person(200, 150, height, contrast), seconds=11, fps=fps)
    assert not any(motion.regions for time, motion in seen if time < 8)
    found = [(time, motion) for time, motion in seen if time >= 8 and motion.regions]
    assert found
    assert found[0][0] <= 8 + max(2 / fps, 0.5)
    time, motion = found[-1]
    left = (200 + 0.8 * height * (time - 8)) / WIDTH
    true = Box(left, 150 / HEIGHT, left + 0.35 * height / WIDTH, (150 + height) / HEIGHT)
    assert any(intersection(true, region) > 0.3 * true.area for region in motion.regions)


@pytest.mark.parametrize("fps", [0.25, 1, 5, 25])
def test_noise_alone_never_moves(fps: float) -> None:
    assert not any(motion.regions for _, motion in watch(seconds=60 / fps if fps < 5 else 12, fps=fps))


def test_a_look_without_learning_suspects_what_is_new_and_remembers_nothing() -> None:
    detector = MotionDetector()
    for index in range(30):
        detector.look(frame(STREET, index / 5))
    scene = STREET.copy()
    scene[100:160, 300:320] += 50
    assert detector.look(frame(scene, 6), learn=False).suspects
    assert detector.look(frame(scene, 6.2), learn=False).suspects
    assert not detector.look(frame(STREET, 6.4)).anything


def test_one_look_makes_a_suspect_and_two_make_a_region() -> None:
    seen = [motion for time, motion in watch(person(200, 150, 60, 50), seconds=9) if time >= 8]
    assert seen[0].suspects
    assert not seen[0].regions
    assert seen[1].regions


def test_a_mask_hides_motion_and_an_open_place_does_not() -> None:
    masks = (((0.0, 0.0), (0.6, 0.0), (0.6, 1.0), (0.0, 1.0)),)
    hidden = watch(person(200, 150, 60, 50), settings=MotionSettings(masks=masks), seconds=10)
    assert not any(motion.anything for _, motion in hidden)
    shown = watch(person(450, 150, 60, 50), settings=MotionSettings(masks=masks), seconds=10)
    assert any(motion.regions for _, motion in shown)


def test_something_smaller_than_the_minimum_area_is_no_motion() -> None:
    settings = MotionSettings(min_area=0.02)
    assert not any(motion.anything for _, motion in watch(person(200, 150, 40, 50), settings=settings))


def test_sensitivity_decides_how_faint_a_change_counts() -> None:
    def faint(scene: NDArray[np.float32], time: float) -> None:
        if time >= 8:
            left = 200 + int(20 * (time - 8))
            scene[150:174, left : left + 9] += 14

    assert not any(m.regions for _, m in watch(faint, settings=MotionSettings(sensitivity=10)))
    assert any(m.regions for _, m in watch(faint, settings=MotionSettings(sensitivity=80)))


@pytest.mark.parametrize("level", [30, -50])
def test_a_lamp_that_lights_the_whole_picture_is_light(level: float) -> None:
    def lamp(scene: NDArray[np.float32], time: float) -> None:
        if time >= 8:
            scene += level

    assert not any(motion.regions for _, motion in watch(lamp))


def test_a_lamp_that_lights_half_of_the_picture_is_light() -> None:
    def lamp(scene: NDArray[np.float32], time: float) -> None:
        if time >= 8:
            scene[:, 300:] = scene[:, 300:] * 1.4 + 10

    seen = watch(lamp)
    assert any(motion.light_jump for _, motion in seen)
    assert not any(motion.regions for _, motion in seen)


def test_a_cloud_passing_slowly_is_no_motion() -> None:
    def cloud(scene: NDArray[np.float32], time: float) -> None:
        scene *= 1 - 0.3 * min(1.0, max(0.0, (time - 4) / 6))

    assert not any(motion.regions for _, motion in watch(cloud, seconds=16))


def test_somebody_who_walks_through_a_light_jump_is_found_after_it() -> None:
    walker = person(100, 120, 100, 60)

    def both(scene: NDArray[np.float32], time: float) -> None:
        walker(scene, time)
        if time >= 9:
            scene += 40

    assert any(motion.regions for time, motion in watch(both) if time > 9.3)


def test_the_switch_to_infrared_is_light() -> None:
    detector = MotionDetector()
    seen = []
    for index in range(80):
        night = index >= 40
        scene = 255 - STREET if night else STREET
        seen.append(detector.look(frame(scene, index / 5, chroma=128 if night else 140)))
    assert seen[40].light_jump
    assert not any(motion.regions for motion in seen)


def test_an_on_screen_clock_is_learned() -> None:
    seen = watch(clock_text, seconds=75, fps=5)
    assert not any(motion.regions for time, motion in seen if time > 15)


def test_somebody_who_walks_over_the_clock_is_found() -> None:
    def both(scene: NDArray[np.float32], time: float) -> None:
        if time >= 30:
            left = int(20 + 40 * (time - 30))
            scene[8:80, left : left + 25] += 60
        clock_text(scene, time)

    seen = watch(both, seconds=33)
    assert not any(motion.regions for time, motion in seen if 15 < time < 30)
    assert any(motion.regions for time, motion in seen if time >= 30)


def test_every_keyframe_changing_the_picture_a_little_is_no_motion() -> None:
    random = np.random.default_rng(4)
    pulse = cv2.resize(
        random.normal(0, 4, (45, 80)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST
    )

    def keyframe(scene: NDArray[np.float32], time: float) -> None:
        scene += pulse * (1 - time % 4 / 4)

    assert not any(motion.regions for time, motion in watch(keyframe, seconds=40) if time > 8)


def test_what_stays_becomes_background_and_leaves_no_ghost_for_ever() -> None:
    def parked(scene: NDArray[np.float32], time: float) -> None:
        if time >= 8:
            scene[200:260, 200:300] = 200

    seen = watch(parked, seconds=200, fps=2)
    assert any(motion.regions for time, motion in seen if 8 <= time < 12)
    assert not any(motion.regions for time, motion in seen if time > 170)


def test_at_most_eight_regions_that_do_not_overlap() -> None:
    def crowd(scene: NDArray[np.float32], time: float) -> None:
        if time >= 8:
            for index in range(40):
                x, y = 15 + 60 * (index % 10) + int(3 * (time - 8)), 20 + 80 * (index // 10)
                scene[y : y + 30, x : x + 12] += 60

    regions = [motion.regions for time, motion in watch(crowd, seconds=9) if motion.regions]
    assert regions
    for boxes in regions:
        assert len(boxes) <= 8
        assert all(intersection(a, b) == 0 for a in boxes for b in boxes if a is not b)


def test_a_new_picture_size_starts_over() -> None:
    detector = MotionDetector()
    detector.look(frame(STREET, 0))
    y, u = np.zeros((90, 160), np.uint8), np.zeros((45, 80), np.uint8)
    small = Frame("c", "main", 0, 0, US_PER_S, 0, 0, False, y, u, u)
    assert detector.look(small) == Motion()


def test_time_that_jumps_back_is_survived() -> None:
    detector = MotionDetector()
    for time in (100.0, 100.2, 5.0, 5.2):
        assert not detector.look(frame(STREET, time)).regions
