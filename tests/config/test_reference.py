from __future__ import annotations

from pathlib import Path

from redshank.config.build import fields
from redshank.config.channel import CHANNELS
from redshank.config.reference import markdown
from redshank.config.schema import Config

DOCS = Path(__file__).parents[2] / "docs"


def test_every_key_says_what_it_means() -> None:
    rows = [*fields(Config), *(row for kind in CHANNELS.values() for row in fields(kind))]
    assert [key for key, about, _, _ in rows if not about] == []


def test_the_reference_page_is_current() -> None:
    assert (DOCS / "reference/config.md").read_text(encoding="utf-8") == markdown()
