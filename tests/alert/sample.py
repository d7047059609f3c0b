"""Alerts and messages the tests of this room share."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal
from zoneinfo import ZoneInfo

from redshank.alert.base import Message, Picture
from redshank.alert.message import Place, Wording, build, with_evidence
from redshank.model import Alert, Box, Condition, Detection, Notification, Verdict

OPENED = 1_795_244_592_000_000
"""2026-11-21T07:03:12Z."""
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20 + b"\xff\xd9"
PICTURE = Picture("front-door-2026-11-21T07-03-12Z.jpg", JPEG, 1280, 720)
SEEN = (Detection("dog", 0.4321, Box(0.7, 0.7, 0.8, 0.9)), Detection("person", 0.8734, Box(0.2, 0.2, 0.4, 0.9)))
BERLIN = Wording(ZoneInfo("Europe/Berlin"), "https://nvr.example.org/")
FRONT = Place("Front door", "Street side", {"drive": "Driveway"})


def alert(id: str = "0190a000-0000-7000-8000-000000000001", rule: str = "People at night") -> Alert:
    verdict = Verdict(rule, "front", OPENED, True, (Condition("label", "person", "person", True),))
    return Alert(
        id,
        rule,
        "front",
        "open",
        OPENED,
        OPENED,
        None,
        "person",
        0.8734,
        Box(0.2, 0.2, 0.4, 0.9),
        ("t1",),
        ("drive",),
        "alert",
        verdict,
    )


def closed(of: Alert, after_s: int = 42) -> Alert:
    end = of.opened + after_s * 1_000_000
    return replace(of, state="closed", updated=end, closed=end, revision=of.revision + 1)


def notification(
    of: Alert,
    kind: Literal["open", "update", "close", "test"] = "open",
    id: str = "0190a000-0000-7000-8000-0000000000aa",
) -> Notification:
    return Notification(id, of.id, "any", kind, "queued", OPENED, OPENED)


def message(
    kind: Literal["open", "update", "close", "test"] = "open",
    id: str = "0190a000-0000-7000-8000-0000000000aa",
    place: Place = FRONT,
    of: Alert | None = None,
    picture: Picture | None = PICTURE,
) -> Message:
    of = of or (closed(alert()) if kind == "close" else alert())
    words = build(notification(of, kind, id), of, place, BERLIN)
    return with_evidence(words, picture, SEEN, "" if picture else "it was not ready within 3 s")
