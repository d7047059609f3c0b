"""Asking a camera what it is: each way of logging in, odd ones, hostile ones."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from redshank.clock import SystemClock
from redshank.errors import SourceDenied, SourceError, SourceMissing, SourceUnusable, TargetRefused
from redshank.onvif.camera import Described, Profile, choose, describe
from redshank.onvif.client import Account
from redshank.targets import Targets
from tests.harness.onvif_camera import OnvifCamera, OnvifSettings, Video

SECRET = OnvifSettings().password


async def asked(camera: OnvifCamera, password: str = SECRET, user: str = "admin") -> Described:
    account = Account(camera.address, user, password)
    return await describe(account, Targets([camera.address]), SystemClock())


@pytest.mark.parametrize("login", ["token", "digest", "sha", "none"])
async def test_a_camera_tells_its_profiles_by_each_way_of_logging_in(login: str) -> None:
    with OnvifCamera(OnvifSettings(login=login)) as camera:
        found = await asked(camera)
        assert SECRET not in camera.sent
        assert "basic" not in camera.sent.lower()
    assert (found.make, found.model, found.firmware, found.serial) == ("ACME", "Eye 4", "1.2", "S1")
    assert [(one.token, one.codec, one.width, one.height, one.fps) for one in found.profiles] == [
        ("p1", "h264", 1920, 1080, 15),
        ("p2", "h264", 640, 360, 15),
        ("p3", "mjpeg", 320, 180, 15),
    ]
    assert found.profiles[0].bitrate == 2_048_000
    assert (found.main, found.sub, found.ptz) == ("p1", "p2", True)
    assert found.profiles[0].url == f"rtsp://127.0.0.1:{camera.port}/p1?a=1&b=2"
    assert found.snapshot == f"http://127.0.0.1:{camera.port}/snap.jpg"


async def test_the_newer_media_service_is_taken_where_there_is_one() -> None:
    profiles = (Video("h265", "H265", 3840, 2160), Video("small", "H264", 640, 360))
    with OnvifCamera(OnvifSettings(newer=True, profiles=profiles)) as camera:
        found = await asked(camera)
    assert (found.main, found.sub, found.profiles[0].codec) == ("h265", "small", "h265")


@pytest.mark.parametrize("off_s", [3600, -3600])
async def test_a_camera_whose_clock_is_an_hour_off_lets_us_in_and_is_told_of(off_s: int) -> None:
    """rel:S32"""
    with OnvifCamera(OnvifSettings(clock_off_s=off_s)) as camera:
        found = await asked(camera)
        assert camera.names[0] == "GetSystemDateAndTime"
        assert "UsernameToken" not in camera.asked[0].body.decode()
    assert found.clock_off_s == pytest.approx(off_s, abs=3)
    assert any("clock" in one and ("fast" if off_s > 0 else "slow") in one for one in found.warnings)


async def test_a_camera_that_asks_for_the_password_in_clear_never_gets_it() -> None:
    """rel:S32"""
    with OnvifCamera(OnvifSettings(login="basic")) as camera:
        with pytest.raises(SourceDenied, match="in clear"):
            await asked(camera)
        assert SECRET not in camera.sent
        assert not any("authorization" in one.headers for one in camera.asked)


@pytest.mark.parametrize("login", ["token", "digest"])
async def test_a_wrong_password_is_said_to_be_one(login: str) -> None:
    with OnvifCamera(OnvifSettings(login=login)) as camera:
        with pytest.raises(SourceDenied, match="user name and password") as error:
            await asked(camera, "wr0ng pass")
        assert "wr0ng pass" not in str(error.value)
        # It is not tried again and again: cameras lock accounts.
        assert sum(name == "GetServices" for name in camera.names) <= 2


async def test_every_message_has_a_nonce_of_its_own() -> None:
    """rel:S32: what was heard once is of no use to whoever heard it."""
    with OnvifCamera() as camera:
        await asked(camera)
        nonces = [one.body.split(b"<Nonce", 1)[1].split(b"<", 1)[0] for one in camera.asked if b"<Nonce" in one.body]
    assert len(nonces) == len(set(nonces)) > 3


async def test_a_camera_that_replays_its_nonce_gets_a_new_answer_each_time() -> None:
    """rel:S32"""
    with OnvifCamera(OnvifSettings(login="digest")) as camera:
        await asked(camera)
        said = [one.headers["authorization"] for one in camera.asked if "authorization" in one.headers]
    assert len(said) == len(set(said)) > 3
    assert "nc=00000001" in said[0]
    assert "nc=00000002" in said[1]


async def test_nobody_else_is_ever_asked_whatever_the_camera_names() -> None:
    """rel:S32 S08: neither by the addresses of its services, nor of its streams, nor by a redirect."""
    with OnvifCamera() as other:
        with OnvifCamera(OnvifSettings(host=other.address.replace("127.0.0.1", "localhost"))) as camera:
            found = await asked(camera)
            assert {one.url.split("/")[2].partition(":")[0] for one in found.profiles} == {"127.0.0.1"}
            assert any("another host" in one for one in found.warnings)
            assert not any("secret" in one.url for one in found.profiles)
        away = f"HTTP/1.1 307 No\r\nLocation: http://{other.address}/x\r\nContent-Length: 0\r\n\r\n".encode()
        with OnvifCamera(OnvifSettings(instead=away)) as camera, pytest.raises(SourceUnusable, match="redirects"):
            await asked(camera)
        assert other.asked == []


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "127.0.0.1:1", "[::ffff:127.0.0.1]:80", "2130706433", "http://0x7f000001/"]
)
async def test_an_address_that_is_never_connected_to_is_refused(host: str) -> None:
    """rel:S08"""
    with pytest.raises(TargetRefused):
        await describe(Account(host, "a", "b"), Targets(), SystemClock())


async def test_a_name_that_answers_differently_the_next_time_changes_nothing() -> None:
    """rel:S08: DNS rebinding."""
    with OnvifCamera() as camera:
        answers = iter(["127.0.0.1"])
        targets = Targets([f"cam.lan:{camera.port}"], lambda _host, _port: [next(answers)])
        found = await describe(Account(f"cam.lan:{camera.port}", "admin", SECRET), targets, SystemClock())
        assert {one.headers["host"] for one in camera.asked} == {f"cam.lan:{camera.port}"}
    assert found.profiles[0].url.startswith("rtsp://cam.lan:")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"<html><body>hello</body></html>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a>" * 100,
        b"<a>" + b"<b/>" * 30_000 + b"</a>",
        b" " * 1_100_000,
    ],
)
async def test_an_answer_that_is_none_is_an_error_in_one_line(body: bytes) -> None:
    """rel:T25"""
    with OnvifCamera(OnvifSettings(body=body, login="none")) as camera, pytest.raises(SourceError) as error:
        await asked(camera)
    assert len(str(error.value).splitlines()) == 1


async def test_an_answer_without_an_end_is_not_read_to_its_end() -> None:
    with OnvifCamera(OnvifSettings(endless=True)) as camera, pytest.raises(SourceUnusable, match="sends more than"):
        await asked(camera)


async def test_a_camera_that_never_answers_is_given_up() -> None:
    with OnvifCamera(OnvifSettings(hangs=True)) as camera, pytest.raises((SourceMissing, TimeoutError)):
        async with asyncio.timeout(7):
            await asked(camera)


async def test_nothing_there_is_said_in_one_line() -> None:
    with OnvifCamera() as camera:
        address = camera.address
    with pytest.raises(SourceMissing, match="refuses the connection"):
        await describe(Account(address), Targets([address]), SystemClock())


@pytest.mark.parametrize(
    "address", ["", "ftp://x", "http://", "http://x:99999", "a b", "rtsp://cam/1", "http://cam:0/"]
)
async def test_what_is_no_address_of_a_camera_is_refused(address: str) -> None:
    with pytest.raises(SourceError):
        await describe(Account(address), Targets(resolve=lambda _host, _port: []), SystemClock())


def test_the_largest_is_recorded_and_the_smallest_that_shows_enough_is_looked_at() -> None:
    def one(token: str, codec: str, width: int, url: str = "rtsp://x/1") -> Profile:
        return Profile(token, token, codec, width, width * 9 // 16, 15, 0, "", url)

    def chosen(*profiles: Profile) -> tuple[str, str]:
        main, sub = choose(profiles)
        return (main.token if main else "", sub.token if sub else "")

    big, h265, small = one("big", "h264", 1920), one("h265", "h265", 3840), one("small", "h264", 640)
    tiny, jpeg = one("tiny", "h264", 176), one("jpeg", "mjpeg", 640)
    assert chosen(small, big, tiny, jpeg) == ("big", "small")
    assert chosen(h265, big, small) == ("h265", "small")
    assert chosen(h265, big) == ("h265", "big")
    assert chosen(big, tiny) == ("big", "")
    assert chosen(jpeg) == ("jpeg", "")
    assert chosen(big, replace(small, url="")) == ("big", "")
    assert chosen() == ("", "")
    assert chosen(one("a", "h264", 640), one("b", "h264", 640)) == ("a", "")
    assert chosen(replace(small, token="less", bitrate=1), replace(small, bitrate=9)) == ("small", "less")
