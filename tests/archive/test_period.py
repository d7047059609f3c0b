"""Times as people write them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from redshank.archive.period import file_stem, moment
from redshank.clock import from_rfc3339, rfc3339
from redshank.errors import ConfigError

BERLIN = ZoneInfo("Europe/Berlin")
NOW = from_rfc3339("2026-11-21T13:00:00Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T14:30:00+01:00", "2026-11-21T13:30:00.000000Z"),
        ("2026-11-21T13:30:00.250000Z", "2026-11-21T13:30:00.250000Z"),
        ("2026-11-21 14:30", "2026-11-21T13:30:00.000000Z"),
        ("2026-11-21T14:30:05", "2026-11-21T13:30:05.000000Z"),
        ("2026-07-01 14:30", "2026-07-01T12:30:00.000000Z"),
        ("08:15", "2026-11-21T07:15:00.000000Z"),
        ("08:15:02.5", "2026-11-21T07:15:02.500000Z"),
        ("now", "2026-11-21T13:00:00.000000Z"),
        ("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00.000000Z"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00.000000Z"),
    ],
)
def test_a_time_is_understood(text: str, expected: str) -> None:
    assert rfc3339(moment(text, BERLIN, NOW)) == expected


def test_an_hour_that_happens_twice_is_asked_about() -> None:
    """rel:T29."""
    with pytest.raises(ConfigError) as refused:
        moment("2026-10-25 02:30", BERLIN, NOW)
    assert "2026-10-25T02:30:00+02:00 for the first" in str(refused.value)
    assert "2026-10-25T02:30:00+01:00 for the second" in str(refused.value)


def test_an_hour_that_never_happens_is_told() -> None:
    with pytest.raises(ConfigError) as refused:
        moment("2026-03-29 02:30", BERLIN, NOW)
    assert "write 2026-03-29T01:30:00+01:00 or 2026-03-29T03:30:00+02:00" in str(refused.value)


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "2026-13-01 00:00", "14"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no time"):
        moment(text, BERLIN, NOW)


@pytest.mark.parametrize(
    "text", ["0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31 23:59", "9999-12-31T23:59:59-12:00"]
)
def test_a_year_there_is_no_footage_of_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no time there is footage of"):
        moment(text, ZoneInfo("Asia/Tokyo"), NOW)


def test_names_have_camera_and_local_time() -> None:
    assert file_stem("porch", "main", NOW, BERLIN) == "porch_2026-11-21_14-00-00+0100"
    assert file_stem("porch", "sub", NOW, ZoneInfo("America/New_York")) == "porch-sub_2026-11-21_08-00-00-0500"
