"""`review` → rules: what Frigate calls an alert is an alert, what it calls a detection is a quiet one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    groups: dict[tuple[str, tuple[str, ...], tuple[str, ...], float | None], list[str]] = {}
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
                groups.setdefault((kind, labels, there, _least(tree, camera, labels)), []).append(slug)
    for kind in ("alerts", "detections"):
        _tell(inside(inside(tree, "review"), kind), f"review.{kind}", kind, report)
    found: Section = {}
    for (kind, labels, zones, least), slugs in groups.items():
        rule: Section = {"labels": list[Value](labels)}
        if len(slugs) < len(cameras):
            rule = {"cameras": list[Value](slugs), **rule}
        if zones:
            rule["zones"] = list[Value](zones)
        if least:
            rule["min_score"] = least
        if kind == "detections":
            rule["severity"] = "quiet"
        found[_name(kind, slugs, len(cameras), found)] = rule
    return found


def _zones(cameras: Section, slug: str) -> frozenset[str]:
    camera = cameras.get(slug)
    zones = camera.get("zones") if isinstance(camera, dict) else None
    return frozenset(zones) if isinstance(zones, dict) else frozenset()


def _wanted(tree: Mapping[str, Tree], camera: Mapping[str, Tree], kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels that raise one on this camera, and the zones they must be in."""
    own, common = inside(inside(camera, "review"), kind), inside(inside(tree, "review"), kind)
    enabled = typed(own["enabled"] if "enabled" in own else common.get("enabled"))
    tracked = _said(inside(camera, "objects"), inside(tree, "objects"), "track", TRACKED)
    for_alerts = _said(
        inside(inside(camera, "review"), "alerts"), inside(inside(tree, "review"), "alerts"), "labels", ALERTS
    )
    others = for_alerts if kind == "alerts" else [label for label in tracked if label not in for_alerts]
    wanted = _said(own, common, "labels", others)
    labels = tuple(dict.fromkeys(label for label in wanted if label in tracked and label in COCO))
    zones = tuple(_said(own, common, "required_zones", ()))
    return ((), ()) if enabled is False else (labels, zones)


def _said(own: Mapping[str, Tree], common: Mapping[str, Tree], key: str, otherwise: Sequence[str]) -> list[str]:
    """What the camera says, else what is said for all: an empty list is something said."""
    value = own[key] if key in own else common.get(key)
    return words(value) if isinstance(value, list) or words(value) else list(otherwise)


def _least(tree: Mapping[str, Tree], camera: Mapping[str, Tree], labels: tuple[str, ...]) -> float | None:
    """The lowest `threshold` of these labels on a camera, when any has one."""
    own, common = (inside(inside(one, "objects"), "filters") for one in (camera, tree))
    filters = [{**inside(common, label), **inside(own, label)} for label in labels]
    found = [typed(one.get("threshold")) for one in filters]
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
