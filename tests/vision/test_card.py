"""The picture of a message that tries a channel."""

from __future__ import annotations

from redshank.vision.card import HEIGHT, WIDTH, draw
from redshank.vision.trial import picture_of


def test_the_card_is_a_picture_with_its_words_in_it() -> None:
    picture, other = (picture_of(draw(words)) for words in ("Redshank test 2026-11-21 08:03:12 CET", "another"))
    assert picture is not None
    assert other is not None
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert (picture[-60:] != other[-60:]).any()
