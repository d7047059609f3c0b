"""Addresses a user names, and text that must not give a secret away."""

from __future__ import annotations

import threading
from urllib.parse import unquote, urlsplit

import pytest

from redshank.errors import SourceMissing, TargetRefused
from redshank.targets import Targets, host_port, redact, with_login

SECRET = "p@ss:w/o#r?d"


def nowhere(host: str, port: int) -> list[str]:
    raise OSError("no such name")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "127.8.9.10", "localhost", "LOCALHOST.", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "0",
        "::1", "[::1]", "::", "::ffff:127.0.0.1", "[::ffff:7f00:1]", "0:0:0:0:0:0:0:1", "64:ff9b::7f00:1", "::127.0.0.1",
        "2002:7f00:1::",
    ],
)  # fmt: skip
def test_this_machine_is_refused_unless_the_port_is_listed(host: str) -> None:
    """rel:S08."""
    with pytest.raises(TargetRefused, match=r"to allow it add .* to security\.allow_targets"):
        Targets(["127.0.0.1:8654"]).check(host, 80)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "169.254.1.1", "2852039166", "0xa9fea9fe", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1",
        "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "::ffff:a9fe:a9fe",
    ],
)  # fmt: skip
def test_link_local_and_metadata_addresses_are_refused_even_when_listed(host: str) -> None:
    """rel:S08."""
    listed = f"[{host}]:80" if ":" in host else f"{host}:80"
    with pytest.raises(TargetRefused, match="never connected to"):
        Targets([listed]).check(host, 80)


@pytest.mark.parametrize("host", ["224.0.0.1", "255.255.255.255", "ff02::1", "240.0.0.1"])
def test_an_address_of_many_devices_is_refused(host: str) -> None:
    with pytest.raises(TargetRefused, match="not the address of one device"):
        Targets().check(host, 554)


@pytest.mark.parametrize("host", ["10.0.0.7", "192.168.1.20", "172.16.3.4", "fd12:3456::7", "8.8.8.8"])
def test_cameras_on_the_network_are_allowed(host: str) -> None:
    assert Targets().check(host, 554) == host


@pytest.mark.parametrize("listed", ["127.0.0.1:8654", "localhost:8654"])
def test_a_listed_loopback_port_is_allowed_by_either_name(listed: str) -> None:
    assert Targets([listed]).check("127.0.0.1", 8654) == "127.0.0.1"


def test_a_name_that_answers_differently_the_second_time_gains_nothing() -> None:
    """rel:S08: what is checked is what is connected to, so only the first answer counts."""
    answers = iter([["10.0.0.7"], ["127.0.0.1"]])
    targets = Targets(resolve=lambda host, port: next(answers))
    assert targets.check("camera.example", 554) == "10.0.0.7"
    with pytest.raises(TargetRefused):
        targets.check("camera.example", 554)


def test_a_name_with_good_and_bad_addresses_gives_the_good_one() -> None:
    targets = Targets(resolve=lambda host, port: ["169.254.169.254", "127.0.0.1", "192.168.1.9"])
    assert targets.check("camera.example", 554) == "192.168.1.9"


@pytest.mark.parametrize("host", ["no-such-name.invalid", "", "a" * 300, "bad..name"])
def test_a_name_that_does_not_resolve_says_so(host: str) -> None:
    with pytest.raises(SourceMissing, match="no such name"):
        Targets(resolve=nowhere).check(host, 554)


def test_a_look_up_without_an_answer_is_given_up_and_leaves_one_thread_however_often_it_is_asked() -> None:
    """DNS is away: the system's own look-up goes on for 10 s and more."""
    answered = threading.Event()
    asked: list[str] = []

    def hanging(host: str, port: int) -> list[str]:
        asked.append(host)
        assert answered.wait(10)
        return ["192.168.1.9"]

    targets = Targets(resolve=hanging, lookup_s=0.05)
    for _ in range(3):
        with pytest.raises(SourceMissing, match="no answer from DNS"):
            targets.check("camera.example", 554)
    assert asked == ["camera.example"]
    answered.set()
    for thread in [t for t in threading.enumerate() if t.name == "look-up"]:
        thread.join(10)
    assert Targets(resolve=hanging).check("camera.example", 554) == "192.168.1.9"
    assert targets.check("camera.example", 554) == "192.168.1.9"
    assert len(asked) == 3


@pytest.mark.parametrize("text", ["camera", "camera:", ":80", "camera:0", "camera:70000", "camera:http"])
def test_an_entry_that_is_not_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        host_port(text)


@pytest.mark.parametrize(
    "text",
    [
        f"rtsp://admin:{SECRET}@10.0.0.7:554/ch1",
        f"cannot open 'rtsps://{SECRET}@cam/x?y=1': refused",
        "http://cam/video?user=p@ss&token=p@ss:w#top",
        f"GET /snap.jpg?passwd={SECRET}&w=1",
        "Authorization: Basic cEBzczp3L28jcj9k",
        "Authorization: Bearer p@ss".replace("p@ss", "abcdefp.ss"),
        f"smtp password={SECRET} refused",
        "https://hooks.slack.com/services/TP/ss/w0rd",
        "https://api.telegram.org/bot12345:pass-word/sendPhoto",
    ],
)
def test_no_secret_survives_redaction(text: str) -> None:
    clean = redact(text)
    for piece in ("p@ss", "w/o", "#r", "cEBz", "abcdefp", "w0rd", "pass-word", "r?d"):
        assert piece not in clean
    assert "***" in clean


@pytest.mark.parametrize(
    "text", ["rtsp://10.0.0.7:554/ch1?channel=2", "no password is set", "front door: 12 fps", "a/b@c"]
)
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("password", [SECRET, "plain", "a%b", "ü€", " sp ace ", "[::]", "!$&'()*+,;="])
def test_a_login_survives_any_character(password: str) -> None:
    parts = urlsplit(with_login("rtsp://old:gone@10.0.0.7:554/ch1?x=1", "ad:min@x", password))
    assert parts.hostname == "10.0.0.7"
    assert parts.port == 554
    assert unquote(parts.username or "") == "ad:min@x"
    assert unquote(parts.password or "") == password
    assert parts.path + "?" + parts.query == "/ch1?x=1"


def test_without_a_login_the_url_keeps_its_own() -> None:
    assert with_login("rtsp://a:b@cam/x", "", "") == "rtsp://a:b@cam/x"
    assert with_login("rtsp://[fd00::7]:554/x", "me", "") == "rtsp://me@[fd00::7]:554/x"
