"""What the judge writes: one transaction with the rule state, events, verdicts, alerts and notifications of some observations.

On the store's writer thread; the values that go in are immutable and made on the event loop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from redshank.clock import new_id
from redshank.model import SITE, Alert, Condition, Event, Notification, Verdict
from redshank.rules import scene_json
from redshank.rules import state as state_json
from redshank.rules.incident import Change, Incident
from redshank.rules.rule import Rule, ZoneLabels, Zones
from redshank.rules.scene import Scene, SceneSettings
from redshank.rules.state import RuleState
from redshank.store import alerts, events, outbox, state, verdicts
from redshank.store.outbox import Wanted


@dataclass(frozen=True, slots=True)
class Changes:
    """What one commit made known, in order. The values are what the database now holds or held on the way there."""

    events: tuple[Event, ...] = ()
    alerts: tuple[Alert, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    notifications: tuple[Notification, ...] = ()
    """New rows of the outbox, suppressed ones included."""
    grouped: Mapping[str, int] = field(default_factory=dict)
    """Alert id → further triggers put into it by the rate limit."""


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """What the judge is told of the world."""

    channels: Mapping[str, bool] = field(default_factory=dict)
    """Every working channel → whether it can change a message it sent."""
    zones: Zones = field(default_factory=dict)
    zone_labels: ZoneLabels = field(default_factory=dict)
    scene: SceneSettings = field(default_factory=SceneSettings)
    """For every camera; its zones are taken from the two above."""
    cameras: Collection[str] | None = None
    """Those configured: what is still open of others is closed at start. None = do not look."""
    site: str = SITE


@dataclass(frozen=True, slots=True)
class Batch:
    """What one observation changed. Immutable, so it is encoded only when it is committed."""

    camera: str
    time: int
    scene: Scene
    states: Mapping[str, RuleState]
    events: tuple[Event, ...] = ()
    changes: tuple[tuple[Rule, Change], ...] = ()
    verdicts: tuple[tuple[Verdict, str], ...] = ()
    """Each with the alert it changed."""


def write(settings: JudgeSettings, group: Sequence[Batch], now: int, conn: Connection) -> Changes:
    """One transaction, on the store's writer thread. Of values that changed several times only the last is written."""
    site = settings.site
    for (camera, name), (time, value) in _states(group).items():
        state.save(conn, camera, name, time, value, site)
    for event in {event.id: event for batch in group for event in batch.events}.values():
        events.save(conn, event, site)
    last = {change.incident.alert.id: change.incident for batch in group for _, change in batch.changes}
    for one in last.values():
        alerts.save(conn, one.alert, one.grouped, one.reason, site)
        events.led_to(conn, one.alert, site)
    queued: list[Notification] = []
    cooldowns: dict[str, Condition] = {}
    for batch in group:
        for rule, change in batch.changes:
            rows = _notify(settings, rule, change, now, conn)
            queued += rows
            if change.kind == "open" and rule.cooldown_s > 0:
                cooldowns[change.incident.alert.id] = _cooling(rule, rows)
    kept = [_explained(*verdict, cooldowns) for batch in group for verdict in batch.verdicts]
    verdicts.add(conn, kept, site)
    return Changes(
        tuple(event for batch in group for event in batch.events),
        tuple(change.incident.alert for batch in group for _, change in batch.changes if change.kind != "count"),
        tuple(verdict for verdict, _ in kept),
        tuple(queued),
        {id: one.grouped for id, one in last.items() if one.grouped},
    )


def _states(group: Sequence[Batch]) -> dict[tuple[str, str], tuple[int, Any]]:
    """(camera, rule) → (time, JSON), the newest of the group; the rule "" is the scene."""
    found: dict[tuple[str, str], tuple[int, Any]] = {}
    for batch in {batch.camera: batch for batch in group}.values():
        found[batch.camera, ""] = batch.time, scene_json.to_json(batch.scene)
        for rule, value in batch.states.items():
            found[batch.camera, rule] = batch.time, state_json.to_json(value)
    return found


def _notify(settings: JudgeSettings, rule: Rule, change: Change, now: int, conn: Connection) -> list[Notification]:
    """Rows of the outbox for one change, one per channel that takes this kind of news."""
    if change.kind == "count" or rule.severity == "quiet":
        return []
    alert = change.incident.alert
    queued = []
    for channel in settings.channels if rule.channels is None else rule.channels:
        can_update = settings.channels.get(channel)
        if can_update is None:
            continue
        takes = change.kind == "open" or can_update or (change.kind == "close" and rule.notify_close)
        if takes:
            key = _cooldown(rule, alert)
            happened = alert.closed or alert.updated
            wanted = Wanted(new_id(now), alert.id, channel, change.kind, happened, now, key, rule.cooldown_s)
            row = outbox.queue(conn, wanted, settings.site)
            queued += [] if row is None else [row]
    return queued


def _cooling(rule: Rule, rows: Sequence[Notification]) -> Condition:
    """What the cooldown did to the messages of an alert that opened."""
    held = "; ".join(f"{row.channel}: {row.error}" for row in rows if row.status == "suppressed")
    return Condition("cooldown", f"{rule.cooldown_s:g} s since the last message", held or "over", not held)


def _explained(verdict: Verdict, alert: str, cooldowns: Mapping[str, Condition]) -> tuple[Verdict, str]:
    """An opening verdict with what its cooldown did, which only the outbox knows."""
    if verdict.change == "open" and alert in cooldowns:
        verdict = replace(verdict, conditions=(*verdict.conditions, cooldowns[alert]))
    return verdict, alert


def _cooldown(rule: Rule, alert: Alert) -> str:
    """Who shares a cooldown: the same rule and camera, and what the rule names besides."""
    zone = "+".join(sorted(alert.verdict.zones)) if "zone" in rule.cooldown_per else ""
    label = alert.verdict.label if "label" in rule.cooldown_per else ""
    return "|".join((rule.name, alert.camera, zone, label))


def tidy(settings: JudgeSettings, orphans: Sequence[Incident], now: int, conn: Connection) -> None:
    """At start: close alerts whose object or rule is gone, and end events of cameras that are."""
    for one in orphans:
        alerts.save(conn, one.alert, one.grouped, one.reason, settings.site)
    if settings.cameras is not None:
        left = [e for e in events.unfinished(conn, site=settings.site) if e.camera not in settings.cameras]
        for event in left:
            events.save(conn, replace(event, end=max(event.start, event.best_time or 0)), settings.site)
