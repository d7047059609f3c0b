"""Retention and exports at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redshank.archive.held import FORGOTTEN_US, held
from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.model import Hold
from redshank.retain import is_held
from redshank.store import holds
from tests.archive.place import Place


def found(place: Place) -> list[Hold]:
    return place.store.read(lambda conn: holds.list(conn))


def test_what_is_exported_is_held_meanwhile(place: Place) -> None:
    place.record(6)
    wanted = place.wanted(0, 5)
    with held(place.source, [wanted]):
        (one,) = found(place)
        assert (one.camera, one.start, one.end) == (wanted.camera, wanted.start, wanted.end)
        assert all(is_held(segment, [one]) for segment in place.recording.segments[:1])
    assert found(place) == []


def test_a_stopped_export_holds_nothing(place: Place) -> None:
    with pytest.raises(StoreError), held(place.source, [place.wanted(0, 5)]):
        raise StoreError("stopped")
    assert found(place) == []


def test_what_a_killed_export_held_is_given_back_a_day_later(place: Place) -> None:
    mine = Hold("mine", "yard", 0, 1, "theft", 0)
    place.store.write(lambda conn: holds.add(conn, mine)).result()
    killed = held(place.source, [place.wanted(0, 5)])
    killed.__enter__()
    with held(replace(place.source, now=place.now + US_PER_S), []):
        assert len(found(place)) == 2
    with held(replace(place.source, now=place.now + FORGOTTEN_US + 1), []):
        assert found(place) == [mine]
