from __future__ import annotations

from dataclasses import replace

from redshank.bus.seen import Seen
from tests.bus.samples import event_message, message


def test_observations_are_new_while_their_line_rises() -> None:
    seen = Seen()
    assert [seen.is_new(message(n)) for n in (1, 2, 2, 1, 5)] == [True, True, False, False, True]
    assert seen.is_new(message(1, "other"))
    assert seen.is_new(replace(message(1), epoch=4)), "a new epoch starts again at 1"


def test_everything_else_is_known_by_its_id_for_a_while() -> None:
    seen = Seen(capacity=2)
    assert [seen.is_new(event_message(n)) for n in (1, 1, 2, 3)] == [True, False, True, True]
    assert seen.is_new(event_message(1)), "forgotten: the bound is two"
    assert not seen.is_new(event_message(3))
