"""What a terminal shows of the page."""

from __future__ import annotations

from redshank.invitation import Invitation, ranked, words

HTTPS = ("https://192.168.1.7:8970", "https://box.local:8970")


def test_the_first_visit_gets_a_link_that_works_once() -> None:
    said = words(Invitation(("http://127.0.0.1:8970",), "abc"), lan=False)
    assert "http://127.0.0.1:8970/#setup=abc" in said
    assert "redshank run --lan" in said


def test_on_the_network_there_is_a_code_for_phones_and_every_address() -> None:
    said = words(Invitation(HTTPS, "abc", fingerprint="AA:BB"), lan=True)
    assert "https://box.local:8970" in said
    assert "AA:BB" in said
    assert sum("█" in line or "▀" in line or "▄" in line for line in said.splitlines()) > 10


def test_once_there_is_a_password_no_secret_is_shown() -> None:
    assert "#" not in words(Invitation(HTTPS), lan=True).split("https://192.168.1.7:8970")[1].splitlines()[0]


def test_the_address_a_phone_reaches_comes_first() -> None:
    assert ranked(["::1", "fd00::2", "172.20.1.1", "192.168.1.7", "127.0.0.1"])[:3] == [
        "192.168.1.7",
        "172.20.1.1",
        "fd00::2",
    ]
