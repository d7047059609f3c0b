"""Weekly times."""

from __future__ import annotations

from datetime import datetime

import pytest

from redshank.schedule import inside, parse_all

MONDAY = "2026-11-16"
SATURDAY = "2026-11-21"
SUNDAY = "2026-11-22"


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("mon-fri 08:00-18:00", f"{MONDAY} 08:00", True),
        ("mon-fri 08:00-18:00", f"{MONDAY} 18:00", False),
        ("mon-fri 08:00-18:00", f"{SATURDAY} 12:00", False),
        ("sat,sun", f"{SUNDAY} 23:59", True),
        ("sat,sun", f"{MONDAY} 00:00", False),
        ("22:00-06:00", f"{MONDAY} 23:00", True),
        ("22:00-06:00", f"{MONDAY} 05:59", True),
        ("22:00-06:00", f"{MONDAY} 06:00", False),
        ("sun 22:00-06:00", f"{MONDAY} 05:00", True),
        ("mon 22:00-06:00", f"{MONDAY} 05:00", False),
        ("fri-mon", f"{SUNDAY} 12:00", True),
        ("00:00-24:00", f"{SUNDAY} 23:59", True),
        ("mon-fri 08:00-12:00 13:00-18:00", f"{MONDAY} 11:59", True),
        ("mon-fri 08:00-12:00 13:00-18:00", f"{MONDAY} 12:30", False),
        ("mon-fri 08:00-12:00 13:00-18:00", f"{MONDAY} 17:59", True),
        ("mon-fri 08:00-12:00 13:00-18:00", f"{SATURDAY} 14:00", False),
        ("08:00-12:00 22:00-06:00", f"{MONDAY} 05:00", True),
    ],
)
def test_a_time_is_inside_or_not(text: str, at: str, expected: bool) -> None:
    assert inside(parse_all(text), datetime.fromisoformat(at)) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "always",
        "mon-foo",
        "25:00-26:00",
        "08:00-08:00",
        "mon 8-18",
        "mon tue",
        "08:70-09:00",
        "mon 8:00-9:00 tue 8:00-9:00",
    ],
)
def test_nonsense_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_all(text)
