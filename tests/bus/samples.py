"""Values to put on a bus."""

from __future__ import annotations

from redshank.bus.base import Envelope
from redshank.bus.messages import envelope
from redshank.model import (
    Alert,
    Box,
    CameraState,
    CameraStatus,
    Condition,
    Detection,
    Event,
    Observation,
    Track,
    TrackState,
    Verdict,
)

NOW = 1_767_225_600_123_456
BOX = Box(0.1, 0.2, 0.3, 0.4)


def observation(seq: int = 1, camera: str = "yard", time: int = NOW) -> Observation:
    track = Track("t1", 1, "person", TrackState.ACTIVE, BOX, 0.9, 0.95, time, NOW, time, True, seq, 0.5)
    return Observation(
        camera=camera,
        stream="sub",
        epoch=3,
        seq=seq,
        time=time,
        tracks=(track,),
        detections=(Detection("person", 0.9, BOX),),
        motion=0.25,
        regions=(BOX,),
        detected=True,
    )


def camera_state() -> CameraState:
    return CameraState(
        "yard", "main", CameraStatus.STALLED, NOW, NOW, reason="no packet", dropped={"vision": 3}, tls_verified=None
    )


def event(id: str = "e1", end: int | None = None) -> Event:
    return Event(id, "track", "yard", NOW, end, "person", 0.9, BOX, NOW, ("porch",), {"track": "t1"})


def alert(id: str = "a1") -> Alert:
    conditions = (Condition("label", "person", "person", True), Condition("min_score", "0.5", "0.9", True))
    verdict = Verdict("door", "yard", NOW, True, conditions, "t1", "person", 0.9, BOX, ("porch",), "open")
    return Alert(id, "door", "yard", "open", NOW, NOW, None, "person", 0.9, BOX, ("t1",), ("porch",), "alert", verdict)


def message(number: int, camera: str = "yard", sent: int = NOW) -> Envelope:
    """An observation with a place of its own on its camera's line."""
    return envelope(observation(number, camera), f"{camera}-{number}", sent)


def event_message(number: int, sent: int = NOW, site: str = "default") -> Envelope:
    return envelope(event(f"e{number}"), f"event-{number}", sent, site)
