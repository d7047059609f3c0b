"""A scene as JSON, for the database, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from redshank.model import Event, Track, TrackState
from redshank.rules.scene import Known, Scene
from redshank.rules.state import box_in, box_out, burst_in, burst_out, inside_in, inside_out


def to_json(scene: Scene) -> dict[str, Any]:
    """Lists, text and numbers only."""
    return {
        "epoch": scene.epoch,
        "last": {stream: list(position) for stream, position in scene.last.items()},
        "known": {id: _known_out(one) for id, one in scene.known.items()},
        "burst": burst_out(scene.burst),
        "motion": None if scene.motion is None else _event_out(scene.motion),
    }


def from_json(value: Mapping[str, Any]) -> Scene:
    """The inverse of `to_json`."""
    return Scene(
        value["epoch"],
        {stream: (epoch, seq) for stream, (epoch, seq) in value["last"].items()},
        {id: _known_in(one) for id, one in value["known"].items()},
        burst_in(value["burst"]),
        None if value["motion"] is None else _event_in(value["motion"]),
    )


def _known_out(one: Known) -> dict[str, Any]:
    last = asdict(one.last) | {"box": box_out(one.last.box), "state": one.last.state.value}
    return {
        "track": one.track,
        "event": _event_out(one.event),
        "last": last,
        "listed": one.listed,
        "lost": one.lost,
        "inside": inside_out(one.inside),
        "best": box_out(one.best),
    }


def _known_in(value: Mapping[str, Any]) -> Known:
    last = value["last"]
    box = box_in(last["box"])
    assert box is not None
    track = Track(**{**last, "box": box, "state": TrackState(last["state"])})
    event, inside, best = _event_in(value["event"]), inside_in(value["inside"]), box_in(value.get("best"))
    return Known(value["track"], event, track, value["listed"], value["lost"], inside, best)


def _event_out(event: Event) -> dict[str, Any]:
    return asdict(event) | {"box": box_out(event.box), "zones": list(event.zones), "data": dict(event.data)}


def _event_in(value: Mapping[str, Any]) -> Event:
    return Event(**{**value, "box": box_in(value["box"]), "zones": tuple(value["zones"])})
