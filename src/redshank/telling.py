"""What a running site says to `news`: alerts and events as they are committed, what is seen as it is seen, cameras once a second.

On the event loop; nothing is made that nobody listens to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from redshank.clock import Clock, rfc3339
from redshank.judgement import Changes
from redshank.model import Alert, Box, Event, Observation, TrackState
from redshank.news import News

TICK_S = 1.0
SHOWN = (TrackState.ACTIVE, TrackState.STATIONARY)


class Teller:
    """One per site. `run` until cancelled."""

    def __init__(
        self,
        news: News,
        clock: Clock,
        status: Callable[[], Mapping[str, Any]],
        title: Callable[[str], str] = lambda camera: camera,
    ) -> None:
        """title: of a camera, for people."""
        self._title = title
        self._news = news
        self._clock = clock
        self._status = status

    def heard(self, changes: Changes) -> None:
        """After a commit of the judge."""
        for event in changes.events:
            self._news.say("events", event.camera, {**event_news(event), "title": self._title(event.camera)})
        for alert in changes.alerts:
            self._news.say("alerts", alert.camera, {**alert_news(alert), "title": self._title(alert.camera)})

    def seen(self, seen: Observation) -> None:
        topic = f"observations:{seen.camera}"
        if self._news.wanted(topic):
            self._news.say(topic, seen.camera, observation_news(seen))

    async def run(self) -> None:
        while True:
            if self._news.wanted("cameras") or self._news.wanted("status"):
                self._tell(self._status())
            await self._clock.sleep(TICK_S)

    def _tell(self, status: Mapping[str, Any]) -> None:
        for camera in status["cameras"]:
            self._news.say("cameras", camera["camera"], camera)
        self._news.say(
            "status", "", {name: status[name] for name in ("ok", "time", "problems", "detector", "channels")}
        )


def alert_news(alert: Alert) -> dict[str, Any]:
    """As a list of alerts shows it, less what people made of it."""
    return {
        "id": alert.id,
        "rule": alert.rule,
        "camera": alert.camera,
        "label": alert.label,
        "score": alert.score,
        "box": box_news(alert.box),
        "zones": alert.zones,
        "severity": alert.severity,
        "state": alert.state,
        "opened": rfc3339(alert.opened),
        "updated": rfc3339(alert.updated),
        "closed": _time(alert.closed),
        "tracks": alert.tracks,
        "revision": alert.revision,
    }


def event_news(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "kind": event.kind,
        "camera": event.camera,
        "start": rfc3339(event.start),
        "end": _time(event.end),
        "label": event.label,
        "score": event.score,
        "box": box_news(event.box),
        "best_time": _time(event.best_time),
        "zones": event.zones,
    }


def observation_news(seen: Observation) -> dict[str, Any]:
    """What is in the picture: boxes 0–1 of the reference picture."""
    return {
        "camera": seen.camera,
        "time": rfc3339(seen.time),
        "motion": round(seen.motion, 4),
        "regions": [box_news(region) for region in seen.regions],
        "tracks": [
            {
                "id": track.id,
                "label": track.label,
                "score": round(track.score, 3),
                "state": track.state.value,
                "box": box_news(track.box),
            }
            for track in seen.tracks
            if track.state in SHOWN
        ],
    }


def box_news(box: Box | None) -> list[float] | None:
    return None if box is None else [round(side, 4) for side in (box.x1, box.y1, box.x2, box.y2)]


def _time(time: int | None) -> str | None:
    return None if time is None else rfc3339(time)
