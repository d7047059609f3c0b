"""What a judge would have left in the database: events, alerts, verdicts, made for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from sqlalchemy import Connection

from redshank.access.who import ROLE_RIGHTS, Role, Verb, Who
from redshank.clock import US_PER_S
from redshank.model import Alert, Box, Condition, Event, Verdict
from redshank.store import alerts, events, verdicts
from redshank.store.base import Store
from tests.playback.recording import NOON

BOX = Box(0.25, 0.25, 0.5, 0.75)
MET = (Condition("label", "person", "person", True), Condition("score", ">= 0.50", "0.81", True))
NOT_MET = (Condition("label", "person", "person", True), Condition("score", ">= 0.50", "0.31", False))


def only(camera: str, role: Role = Role.VIEWER) -> Who:
    """Somebody who may look at one camera."""
    rights = {verb: frozenset({camera}) for verb in (Verb.LIVE, Verb.HISTORY, Verb.EXPORT)}
    return Who("user", f"{role}-1", "guard", role, {verb: rights[verb] for verb in ROLE_RIGHTS[role] if verb in rights})


@dataclass
class Watched:
    """Adds to a store. Times are seconds after noon."""

    store: Store
    numbers: Any = field(default_factory=lambda: count(1))

    def id(self) -> str:
        return f"019aa000-0000-7000-8000-{next(self.numbers):012x}"

    def event(self, at_s: float = 0, camera: str = "yard", label: str = "person", **more: Any) -> Event:
        start = NOON + round(at_s * US_PER_S)
        kind: Literal["track", "motion", "health"] = more.pop("kind", "track")
        values: dict[str, Any] = {"end": start + 4 * US_PER_S, "score": 0.81, "box": BOX, "best_time": start, **more}
        event = Event(self.id(), kind, camera, start, label=label, **values)
        self.store.write(lambda conn: events.save(conn, event)).result(5)
        return event

    def quiet(self, at_s: float = 0, **more: Any) -> Event:
        """An event that met no rule, with the verdict that says why."""
        event = self.event(at_s, **more)
        why = Verdict("people", event.camera, event.start, False, NOT_MET, event.id, event.label, 0.31, event.box)
        self.store.write(lambda conn: verdicts.add(conn, [(why, "")])).result(5)
        return event

    def alert(self, at_s: float = 0, camera: str = "yard", label: str = "person", **more: Any) -> Alert:
        """Of one event, closed after 4 s unless `closed` says otherwise."""
        zones = more.pop("zones", ())
        event = self.event(at_s, camera, label, zones=zones)
        verdict = Verdict(
            more.get("rule", "people"), camera, event.start, True, MET, event.id, label, 0.81, BOX, zones, "open"
        )
        values: dict[str, Any] = {
            "id": self.id(), "rule": "people", "state": "closed", "closed": event.end, "severity": "alert", "score": 0.81,
            "box": BOX, **more,
        }  # fmt: skip
        alert = Alert(
            camera=camera,
            opened=event.start,
            updated=event.start,
            label=label,
            tracks=(event.id,),
            zones=zones,
            verdict=verdict,
            **values,
        )

        def save(conn: Connection) -> None:
            alerts.save(conn, alert, reason="ended")
            events.led_to(conn, alert)
            verdicts.add(conn, [(verdict, alert.id)])

        self.store.write(save).result(5)
        return alert
