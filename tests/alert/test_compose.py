from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from redshank.alert.base import Message, Picture
from redshank.alert.compose import MAX_WAITING, Composer, Site, blob_name
from redshank.alert.message import Wording
from redshank.blobs.disk import DiskBlobs
from redshank.errors import DiskFull, SourceError
from redshank.model import Alert, Detection
from tests.alert import sample

SITE = Site(sample.BERLIN, {"front": sample.FRONT})


class Camera:
    """Makes pictures, when `ready`."""

    def __init__(self) -> None:
        self.asked = 0
        self.ready = asyncio.Event()
        self.ready.set()
        self.gives: Picture | Exception | None = sample.PICTURE

    async def picture(self, alert: Alert) -> Picture | None:
        self.asked += 1
        await self.ready.wait()
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives

    def seen(self, alert: Alert) -> Sequence[Detection]:
        return sample.SEEN


def composer(camera: Camera, folder: Path, wait_s: float = 5.0) -> Composer:
    return Composer(SITE, DiskBlobs(folder), camera.picture, camera.seen, wait_s)


async def composed(made: Composer, alert: Alert | None = None) -> Message:
    alert = alert or sample.alert()
    return await made.compose(sample.notification(alert), alert)


async def test_a_message_gets_the_picture_and_everything_seen_in_it(tmp_path: Path) -> None:
    message = await composed(composer(Camera(), tmp_path))
    assert message.picture == sample.PICTURE
    assert [d.label for d in message.detections] == ["person", "dog"]
    assert message.camera_name == "Front door"


async def test_all_channels_at_once_share_one_picture(tmp_path: Path) -> None:
    camera = Camera()
    made = composer(camera, tmp_path)
    messages = await asyncio.gather(*(composed(made) for _ in range(5)))
    assert camera.asked == 1
    assert {message.picture for message in messages} == {sample.PICTURE}


async def test_retries_and_restarts_reuse_what_was_saved(tmp_path: Path) -> None:
    await composed(composer(Camera(), tmp_path))
    later = Camera()
    later.gives = None
    message = await composed(composer(later, tmp_path))
    assert later.asked == 0
    assert message.picture == sample.PICTURE
    assert message.detections == tuple(sorted(sample.SEEN, key=lambda d: -d.score))


async def test_the_picture_lies_by_day_and_alert_for_us_alone(tmp_path: Path) -> None:
    await composed(composer(Camera(), tmp_path))
    path = tmp_path / "alerts" / "2026-11-21" / f"{sample.alert().id}.jpg"
    assert path.read_bytes() == sample.JPEG
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_late_picture_is_not_waited_for_longer_but_serves_the_next(tmp_path: Path) -> None:
    camera = Camera()
    camera.ready.clear()
    made = composer(camera, tmp_path, wait_s=0.05)
    first = await composed(made)
    assert (first.picture, first.no_picture) == (None, "it was not ready within 0.05 s")
    assert [d.label for d in first.detections] == ["person"]
    camera.ready.set()
    async with asyncio.timeout(5):
        while (await composed(made)).picture is None:
            pass
    assert camera.asked == 1


@pytest.mark.parametrize(
    ("gives", "reason"),
    [
        (None, "none of that moment is left"),
        (
            SourceError("no picture of that moment is in memory any more"),
            "no picture of that moment is in memory any more",
        ),
        (ConnectionResetError("the other process is gone"), "the other process is gone"),
    ],
)
async def test_without_a_picture_the_message_goes_and_says_why(
    tmp_path: Path, gives: Exception | None, reason: str
) -> None:
    camera = Camera()
    camera.gives = gives
    message = await composed(composer(camera, tmp_path))
    assert (message.picture, message.no_picture) == (None, reason)


class Refusing:
    """Blobs that can be read, on a disk that is full."""

    def __init__(self, folder: Path) -> None:
        self._real = DiskBlobs(folder)

    def put(self, name: str, data: bytes, replace: bool = False) -> None:
        raise DiskFull("no space left")

    def read(self, name: str) -> bytes | None:
        return self._real.read(name)

    def delete(self, name: str) -> bool:
        return self._real.delete(name)

    def names(self, prefix: str = "") -> Iterator[str]:
        return self._real.names(prefix)


async def test_a_full_disk_costs_the_copy_not_the_picture(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    camera = Camera()
    message = await composed(Composer(SITE, Refusing(tmp_path), camera.picture))
    assert message.picture == sample.PICTURE
    assert f"picture not kept alert={sample.alert().id} reason=no space left" in caplog.text


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b"[]", b'{"name": 1', b'{"name":"a","width":1,"height":1,"detections":[[1]]}']
)
async def test_a_damaged_copy_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    await composed(composer(Camera(), tmp_path))
    DiskBlobs(tmp_path).put(blob_name(sample.alert(), "json"), damage, replace=True)
    camera = Camera()
    assert (await composed(composer(camera, tmp_path))).picture == sample.PICTURE
    assert camera.asked == 1


async def test_pictures_under_way_are_bounded(tmp_path: Path) -> None:
    camera = Camera()
    camera.ready.clear()
    made = composer(camera, tmp_path, wait_s=0.3)
    many = [replace(sample.alert(), id=f"alert-{number}") for number in range(MAX_WAITING + 1)]
    messages = await asyncio.gather(*(composed(made, alert) for alert in many))
    assert camera.asked <= MAX_WAITING
    assert [message.no_picture for message in messages][-1] == f"{MAX_WAITING} others are being made"
    await made.close()


async def test_another_time_zone_shows_from_the_next_message_on(tmp_path: Path) -> None:
    """req:P-28."""
    made = composer(Camera(), tmp_path)
    before = await composed(made)
    made.change(Site(Wording(ZoneInfo("US/Eastern")), SITE.places))
    after = await composed(made)
    assert (before.time_text, after.time_text) == ("2026-11-21 08:03:12 CET", "2026-11-21 02:03:12 EST")
    assert before.time == after.time


async def test_a_camera_that_is_no_longer_configured_is_named_by_its_id(tmp_path: Path) -> None:
    message = await composed(composer(Camera(), tmp_path), replace(sample.alert(), camera="gone"))
    assert message.camera_name == "gone"
