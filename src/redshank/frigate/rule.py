"""`review` → rules: what Frigate calls an alert is an alert, what it calls a detection is a quiet one. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from redshank.config.document import Tree
from redshank.config.yaml_text import Value
from redshank.frigate.report import Report
from redshank.frigate.section import Section, clean, inside, typed, words
from redshank.vision.labels import COCO

ALERTS = ("person", "car")
"""Frigate's default."""
TRACKED = ("person",)


def rules(tree: Mapping[str, Tree], cameras: Mapping[str, str], made: Section, report: Report) -> Section:
    """cameras: what each of Frigate's is called here; made: as they are here. One rule for all cameras with the same wishes.

    A rule whose zones could not be taken over is left out: without them it would mean more than was asked for.
    """
    groups: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name, slug in cameras.items():
        camera = inside(inside(tree, "cameras"), name)
        for kind in ("alerts", "detections"):
            _tell(inside(inside(camera, "review"), kind), f"cameras.{name}.review.{kind}", kind, report)
            labels, zones = _wanted(tree, camera, kind)
            there = tuple(clean(zone) for zone in zones if clean(zone) in _zones(made, slug))
            if zones and not there:
                key = f"cameras.{name}.review.{kind}.required_zones"
                report.unsupported(key, "left out: no such zone could be taken over")
            elif labels:
                groups.setdefault(((kind,), labels, there), []).append(slug)
    for kind in ("alerts", "detections"):
        _tell(inside(inside(tree, "review"), kind), f"review.{kind}", kind, report)
    found: Section = {}
    for (kinds, labels, zones), slugs in groups.items():
        rule: Section = {"labels": list[Value](labels)}
        if len(slugs) < len(cameras):
            rule = {"cameras": list[Value](slugs), **rule}
        if zones:
            rule["zones"] = list[Value](zones)
        if least := _least(tree, labels):
            rule["min_score"] = least
        if kinds[0] == "detections":
            rule["severity"] = "quiet"
        found[_name(kinds[0], slugs, len(cameras), found)] = rule
    return found


def _zones(cameras: Section, slug: str) -> frozenset[str]:
    camera = cameras.get(slug)
    zones = camera.get("zones") if isinstance(camera, dict) else None
    return frozenset(zones) if isinstance(zones, dict) else frozenset()


def _wanted(tree: Mapping[str, Tree], camera: Mapping[str, Tree], kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels that raise one on this camera, and the zones they must be in."""
    own, common = inside(inside(camera, "review"), kind), inside(inside(tree, "review"), kind)
    enabled = typed(own["enabled"] if "enabled" in own else common.get("enabled"))
    tracked = words(inside(camera, "objects").get("track") or inside(tree, "objects").get("track")) or list(TRACKED)
    alerts = inside(inside(camera, "review"), "alerts"), inside(inside(tree, "review"), "alerts")
    for_alerts = words(alerts[0].get("labels") or alerts[1].get("labels")) or list(ALERTS)
    wanted = words(own.get("labels") or common.get("labels"))
    if kind == "alerts":
        wanted = for_alerts
    elif not wanted:
        wanted = [label for label in tracked if label not in for_alerts]
    labels = tuple(dict.fromkeys(label for label in wanted if label in tracked and label in COCO))
    zones = tuple(words(own.get("required_zones") or common.get("required_zones")))
    return ((), ()) if enabled is False else (labels, zones)


def _least(tree: Mapping[str, Tree], labels: tuple[str, ...]) -> float | None:
    """The lowest `threshold` of these labels, when any has one."""
    filters = inside(inside(tree, "objects"), "filters")
    found = [typed(inside(filters, label).get("threshold")) for label in labels]
    scores = [float(one) for one in found if isinstance(one, int | float) and 0 <= one <= 1]
    return min(scores) if scores else None


def _tell(section: Mapping[str, Tree], at: str, kind: str, report: Report) -> None:
    how = "an alert" if kind == "alerts" else "a quiet alert"
    for key in (key for key in ("labels", "required_zones", "enabled") if key in section):
        report.changed(f"{at}.{key}", "rules", f"a rule says what raises {how}")


def _name(kind: str, slugs: list[str], cameras: int, taken: Mapping[str, Value]) -> str:
    base = kind if len(slugs) == cameras or len(slugs) > 1 else f"{kind}-{slugs[0]}"[:60]
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name
