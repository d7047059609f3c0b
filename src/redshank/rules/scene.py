"""What is in front of one camera: its objects over restarts, and the events their lives are. Pure, one per camera.

A restart of vision gives what moves new track ids (what stands still keeps its own, `vision.still`). Here a new track that can be a
known object goes on under that object's id, so that one visitor stays one event and one alert (rel:T53). An object's id is
that of its first track and of its event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from redshank.clock import US_PER_S
from redshank.geometry import Polygon, iou
from redshank.model import Box, Event, Observation, Track, TrackState
from redshank.rules import zone
from redshank.rules.motion import Burst, step_motion
from redshank.rules.zone import Inside


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """Of one camera."""

    polygons: Mapping[str, Polygon] = field(default_factory=dict)
    """Its zones."""
    zone_labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Zone → the only labels that count there."""
    inertia: int = 3
    """Looks inside before an event counts a zone as entered."""
    patience_s: float = 10.0
    """An object no longer listed (after a restart, or because observations were lost) is gone after so long."""
    near_s: float = 20.0
    """After a pause up to this long a new track continues the nearest lost object that could have walked there."""
    same_place_s: float = 300.0
    """After a longer pause, up to this, only one that overlaps its last box."""
    min_motion: float = 0.0
    motion_looks: int = 2
    motion_gap_s: float = 10.0
    """Plain motion after a shorter pause extends the event (P-26)."""


@dataclass(frozen=True, slots=True)
class Known:
    """A confirmed object that is, or was just now, in the picture."""

    track: str
    """The tracker's id of it now."""
    event: Event
    """As last told."""
    last: Track
    """As last seen; its id is the object's."""
    listed: int
    """Last observation that named it."""
    lost: bool = False
    """Not named since the epoch changed."""
    inside: tuple[Inside, ...] = ()
    best: Box | None = None
    """Where it was when it was seen best; the last box is often half out of the picture."""


@dataclass(frozen=True, slots=True)
class Scene:
    """State of one camera."""

    epoch: int = -1
    last: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Stream → (epoch, seq) of its last observation."""
    known: Mapping[str, Known] = field(default_factory=dict)
    """By object id."""
    burst: Burst | None = None
    motion: Event | None = None
    """The motion event of `burst`, once told."""

    def has_seen(self, seen: Observation) -> bool:
        """Whether this observation, or a later one of its stream, was judged before."""
        return (seen.epoch, seen.seq) <= self.last.get(seen.stream, (-1, -1))


@dataclass(frozen=True, slots=True)
class View:
    """One observation, put into what is known."""

    scene: Scene
    observation: Observation
    """Its tracks under the ids of their objects, without unconfirmed ones, with those that are gone as ENDED."""
    events: tuple[Event, ...] = ()
    """Begun, grown or ended."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Object id → why it ended: ended, restarted or lost."""


def view(settings: SceneSettings, scene: Scene, seen: Observation, new_id: Callable[[int], str]) -> View:
    """The next observation of the camera. `new_id` makes the id of a motion event from its start."""
    known = dict(scene.known)
    if seen.epoch != scene.epoch:
        known = {id: replace(one, lost=True, listed=seen.time) for id, one in known.items()}
    ids = {one.track: id for id, one in known.items()}
    fresh = [t for t in seen.tracks if t.id not in ids and t.state not in (TrackState.NEW, TrackState.ENDED)]
    ids |= _continued(settings, known, fresh)
    tracks, gone = [], {}
    for track in seen.tracks:
        if track.state is TrackState.NEW or (track.state is TrackState.ENDED and track.id not in ids):
            continue
        id = ids.get(track.id, track.id)
        known[id] = _look(settings, known.get(id), id, track, seen)
        tracks.append(known[id].last)
        if track.state is TrackState.ENDED:
            gone[id] = "ended"
    for id, one in known.items():
        if abs(seen.time - one.listed) > settings.patience_s * US_PER_S:
            gone[id] = "restarted" if one.lost else "lost"
            tracks.append(replace(one.last, state=TrackState.ENDED, seen=False))
    events = _tell(scene.known, known, gone)
    scene = replace(
        scene,
        epoch=seen.epoch,
        last={**scene.last, seen.stream: (seen.epoch, seen.seq)},
        known={id: one for id, one in known.items() if id not in gone},
    )
    scene, motion = _motion(settings, scene, seen, new_id)
    return View(scene, replace(seen, tracks=tuple(tracks)), (*events, *motion), gone)


def finish(scene: Scene, seen: Observation) -> View:
    """The source has ended (a clip): so have all objects and motion. `seen` gives camera and time."""
    known = dict(scene.known)
    gone = dict.fromkeys(known, "ended")
    tracks = tuple(replace(one.last, state=TrackState.ENDED, seen=False) for one in known.values())
    events = _tell(known, known, gone)
    if scene.motion is not None and scene.burst is not None:
        events.append(_grown(scene.motion, scene.burst, scene.burst.last))
    return View(replace(scene, known={}, burst=None, motion=None), replace(seen, tracks=tracks), tuple(events), gone)


def _continued(settings: SceneSettings, known: Mapping[str, Known], fresh: list[Track]) -> dict[str, str]:
    """New track id → id of the lost object it continues; nearest pairs first, each only once."""
    pairs = sorted(
        (distance, track.id, id)
        for track in fresh
        for id, one in known.items()
        if one.lost and (distance := _apart(settings, one.last, track)) is not None
    )
    found: dict[str, str] = {}
    for _, track, id in pairs:
        if track not in found and id not in found.values():
            found[track] = id
    return found


def _apart(settings: SceneSettings, last: Track, track: Track) -> float | None:
    """Distance of the centres in heights of the object; None when the track cannot be this object.

    A person walks about 0.8 of their height a second; half a height more for the first, loose box.
    """
    pause_s = (track.start - last.last_seen) / US_PER_S
    if track.label != last.label or not -settings.patience_s <= pause_s <= settings.same_place_s:
        return None
    (ax, ay), (bx, by) = _centre(last.box), _centre(track.box)
    height = max(last.box.height, track.box.height, 1e-6)
    distance = float(((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5 / height)
    reach = 0.5 + 0.8 * max(0.0, pause_s)
    if (pause_s <= settings.near_s and distance <= reach) or iou(last.box, track.box) >= 0.3:
        return distance
    return None


def _centre(box: Box) -> tuple[float, float]:
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2


def _look(settings: SceneSettings, one: Known | None, id: str, track: Track, seen: Observation) -> Known:
    """The object after one more observation that names it."""
    event, last = Event(id, "track", seen.camera, track.start, None), replace(track, id=id)
    inside: tuple[Inside, ...] = ()
    if one is not None:
        # What began in the future (the clock was set back) began now.
        event, inside, last = one.event, one.inside, replace(last, start=min(one.last.start, track.last_seen))
        if one.last.top_score > track.top_score:  # a track that continues it has not seen it so well
            last = replace(last, top_score=one.last.top_score, top_time=one.last.top_time)
    if track.seen and track.state is not TrackState.ENDED:
        inside = zone.look(inside, settings.polygons, settings.zone_labels, track, seen.time)
    best = track.box if one is None or one.best is None or last.top_time == seen.time else one.best
    new = tuple(name for name in zone.counted(inside, settings.inertia) if name not in event.zones)
    if new or _is_news(event, last):
        event = _event(replace(event, zones=(*event.zones, *new)), last, best)
    return Known(track.id, event, last, seen.time, inside=inside, best=best)


def _is_news(told: Event, track: Track) -> bool:
    """The object is new, or has changed so that somebody wants to know."""
    if not told.data or told.label != track.label or track.top_score >= told.score + 0.05:
        return True
    return track.state is not TrackState.ENDED and told.data["state"] != track.state.value


def _event(event: Event, track: Track, best: Box | None, why: str = "") -> Event:
    data: dict[str, Any] = {"state": track.state.value, "number": track.number, "hits": track.hits}
    return replace(
        event,
        end=max(event.start, track.last_seen) if why else None,
        label=track.label,
        score=track.top_score,
        box=best or track.box,
        best_time=track.top_time,
        data=data | ({"ended": why} if why else {}),
    )


def _tell(before: Mapping[str, Known], now: Mapping[str, Known], gone: Mapping[str, str]) -> list[Event]:
    """The events that this observation began, changed or ended."""
    ended = [_event(now[id].event, now[id].last, now[id].best, why) for id, why in gone.items()]
    grown = [
        one.event
        for id, one in now.items()
        if id not in gone and (id not in before or before[id].event is not one.event)
    ]
    return grown + ended


def _motion(
    settings: SceneSettings, scene: Scene, seen: Observation, new_id: Callable[[int], str]
) -> tuple[Scene, Iterable[Event]]:
    """Plain motion, whatever moves."""
    burst, ended = step_motion(scene.burst, seen, settings.min_motion, settings.motion_gap_s, settings.motion_looks)
    told, events = scene.motion, []
    if ended and told is not None and scene.burst is not None:
        events.append(_grown(told, scene.burst, scene.burst.last))
        told = None
    if burst is not None and told is None and burst.looks >= settings.motion_looks:
        told = _grown(Event(new_id(burst.start), "motion", seen.camera, burst.start, None), burst, None)
        events.append(told)
    return replace(scene, burst=burst, motion=told), events


def _grown(event: Event, burst: Burst, end: int | None) -> Event:
    return replace(
        event, end=end, score=burst.peak, box=burst.box, best_time=burst.peak_time, data={"peak": round(burst.peak, 5)}
    )
