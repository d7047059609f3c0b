"""Holds, volumes and switches: small tables that survive a restart."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from redshank.model import Hold
from redshank.store import holds, switches, volumes
from redshank.store.switches import Switch
from redshank.store.volumes import VolumeRow

HOLD = Hold("h1", "door", 100, 200, "police asked", 50)


def test_holds_are_found_by_camera_and_those_of_all_cameras_with_each(empty: Connection) -> None:
    everywhere, yard = Hold("h2", "", 10, 20, "storm", 60), Hold("h3", "yard", 0, 5, "", 70)
    for one in (HOLD, everywhere, yard):
        holds.add(empty, one)
    assert holds.list(empty) == [yard, everywhere, HOLD]
    assert holds.list(empty, "door") == [everywhere, HOLD]
    assert holds.list(empty, "door", site="other") == []


def test_a_hold_is_changed_and_removed_by_its_id(empty: Connection) -> None:
    holds.add(empty, HOLD)
    holds.add(empty, replace(HOLD, end=300))
    assert holds.list(empty) == [replace(HOLD, end=300)]
    assert holds.remove(empty, "h1")
    assert not holds.remove(empty, "h1")
    assert holds.list(empty) == []


def test_a_volume_is_known_by_its_place_until_another_takes_it(empty: Connection) -> None:
    first, second = VolumeRow("a", "/media", 1), VolumeRow("b", "/media", 7)
    volumes.put(empty, first)
    volumes.put(empty, replace(first, opened=2))
    assert volumes.get(empty, "/media") == replace(first, opened=2)
    volumes.put(empty, second)
    assert volumes.get(empty, "/media") == second
    assert volumes.by_id(empty, "a") == VolumeRow("a", "", 2)
    assert volumes.all(empty) == [VolumeRow("a", "", 2), second]
    assert volumes.get(empty, "/else") is volumes.by_id(empty, "c") is None
    assert volumes.all(empty, site="other") == []


def test_a_switch_has_one_value_per_camera(empty: Connection) -> None:
    everywhere, door = Switch("private", "", "off"), Switch("private", "door", "on", until=99)
    for one in (Switch("private", "door", "off"), everywhere, door, Switch("siren", "", "on")):
        switches.set(empty, one)
    assert switches.get(empty, "private", "door") == door
    assert switches.get(empty, "private") == everywhere
    assert switches.get(empty, "private", "yard") is None
    assert switches.all(empty, "private") == [everywhere, door]
    assert len(switches.all(empty)) == 3
    assert switches.all(empty, site="other") == []
