"""A rule, as the user means it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from redshank.geometry import Polygon

Zones = Mapping[str, Mapping[str, Polygon]]
"""Camera → zone name → corners in 0–1 of the reference picture."""
ZoneLabels = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Camera → zone name → the only labels that count there; a zone not named, or with none, is for all."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Fires once per object, at the look where every condition holds; an empty tuple of names means any."""

    name: str
    on: Literal["object", "motion"] = "object"
    """Tracks, or plain motion whatever moves."""
    cameras: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    """The object must stand in one of them (bottom-centre of its box)."""
    min_score: float = 0.5
    score_of: Literal["top", "recent"] = "top"
    """The best score so far, or the best of the last five looks."""
    min_time_s: float = 0.0
    """So long in the zone (in the picture when the rule names none); for motion: so long moving."""
    inertia: int = 3
    """Consecutive looks inside before an object counts as in a zone."""
    min_motion: float = 0.0
    """Motion rules: least share of the picture that moves."""
    gap_s: float = 10.0
    """Motion rules: motion after a pause up to this long belongs to the same alert."""
    cooldown_s: float = 0.0
    """After a message no other for so long, per channel; alerts still open and the page shows them."""
    cooldown_per: tuple[Literal["zone", "label"], ...] = ("zone", "label")
    """What has a cooldown of its own, besides rule, camera and channel: a car does not use up a person's."""
    max_per_minute: int = 30
    """Alerts opened on one camera; further triggers join the newest alert, which counts them."""
    severity: Literal["alert", "quiet"] = "alert"
    """quiet = an alert on the page, no message."""
    channels: tuple[str, ...] | None = None
    """Who is told: None = every working channel, empty = nobody."""
    notify_close: bool = False
    """Tell channels that cannot change a message also of the end."""
    enabled: bool = True
    polygons: Zones = field(default_factory=dict)
    """All zones of all cameras; the judge fills it in."""
    zone_labels: ZoneLabels = field(default_factory=dict)
    """The same for zones that only some labels can be in."""

    def applies(self, camera: str) -> bool:
        return self.enabled and (not self.cameras or camera in self.cameras)


def default_rule(labels: tuple[str, ...] = ("person",), cooldown_s: float = 0.0) -> Rule:
    """What holds when the user configured none: one alert per person, on every camera, to every channel."""
    return Rule(name="default", labels=labels, cooldown_s=cooldown_s)
