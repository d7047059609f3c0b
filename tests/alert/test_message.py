from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshank.alert.message import Place, Wording, build, duration, local_time, picture_name, plain, time_zone
from redshank.errors import ConfigError
from tests.alert import sample


def test_it_says_who_where_when_how_sure_and_why() -> None:
    """req:P-17 R-06."""
    message = sample.message()
    assert message.title == "Person at Front door"
    assert message.text == (
        "Person (87.3 %) at Front door (Street side), in Driveway, 2026-11-21 08:03:12 CET. Rule: People at night."
    )
    assert message.link == "https://nvr.example.org/alerts/0190a000-0000-7000-8000-000000000001"


def test_a_closing_says_how_long_it_took() -> None:
    message = sample.message("close")
    assert message.title == "Person at Front door – over"
    assert "Over after 42 s." in message.text
    assert message.time == sample.OPENED + 42_000_000


def test_every_detection_is_listed_best_first() -> None:
    assert [d.label for d in sample.message().detections] == ["person", "dog"]


def test_without_a_detection_list_the_alert_itself_is_the_table() -> None:
    alert = sample.alert()
    message = build(sample.notification(alert), alert, sample.FRONT, sample.BERLIN)
    assert [(d.label, d.score) for d in message.detections] == [("person", 0.8734)]


def test_another_time_zone_changes_the_display_only() -> None:
    """req:P-28."""
    alert = sample.alert()
    here, there = (
        build(sample.notification(alert), alert, sample.FRONT, Wording(ZoneInfo(zone)))
        for zone in ("UTC", "US/Eastern")
    )
    assert (here.time_text, there.time_text) == ("2026-11-21 07:03:12 UTC", "2026-11-21 02:03:12 EST")
    assert here == replace(there, time_text=here.time_text, text=here.text)


@pytest.mark.parametrize(
    ("time_us", "expected"),
    [(1_792_886_400_000_000, "2026-10-25 02:00:00 CEST"), (1_792_890_000_000_000, "2026-10-25 02:00:00 CET")],
)
def test_the_hour_that_comes_twice_is_told_apart(time_us: int, expected: str) -> None:
    assert local_time(time_us, ZoneInfo("Europe/Berlin")) == expected


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/localtime", "a\0b"])
def test_an_unknown_zone_is_one_clear_line(name: str) -> None:
    with pytest.raises(ConfigError, match="is unknown: write one like Europe/Berlin"):
        time_zone(name)


def test_without_a_public_url_there_is_no_link() -> None:
    alert = sample.alert()
    assert build(sample.notification(alert), alert, sample.FRONT, Wording(ZoneInfo("UTC"))).link == ""


def test_a_zone_without_a_friendly_name_shows_its_id() -> None:
    assert "in drive," in sample.message(place=Place("Front")).text


def test_names_cannot_break_a_line_or_turn_the_text_round() -> None:
    message = sample.message(place=Place("Door\r\nBcc: x@evil.example\u202e\u2028!", "a\tb\0c"))
    assert message.title == "Person at Door Bcc: x@evil.example !"
    assert message.place == "a b c"


@given(st.text())
def test_plain_is_one_printable_line_of_bounded_length(text: str) -> None:
    line = plain(text)
    assert len(line) <= 200
    assert line.splitlines() in ([], [line])
    assert plain(line) == line


@given(st.text(), st.text(), st.text())
def test_any_name_makes_a_message(name: str, place: str, label: str) -> None:
    alert = replace(sample.alert(), label=label)
    assert build(sample.notification(alert), alert, Place(name, place), sample.BERLIN).title


def test_braces_in_a_name_are_only_braces() -> None:
    assert sample.message(place=Place("{camera.__class__}")).title == "Person at {camera.__class__}"


@pytest.mark.parametrize(
    ("us", "expected"), [(-5, "0 s"), (59_999_999, "59 s"), (185_000_000, "3 min 5 s"), (7_620_000_000, "2 h 7 min")]
)
def test_durations_are_read_at_a_glance(us: int, expected: str) -> None:
    assert duration(us) == expected


def test_a_picture_name_is_safe_and_sorts_by_time() -> None:
    assert picture_name("../front door", sample.OPENED) == "front-door-2026-11-21T07-03-12Z.jpg"
    assert picture_name("////", sample.OPENED) == "camera-2026-11-21T07-03-12Z.jpg"
