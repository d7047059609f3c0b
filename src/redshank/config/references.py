"""What one section says of another: rules name cameras, zones and channels; labels must be the model's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from redshank.config.build import did_you_mean, place_of, shown
from redshank.config.document import Place, Problem, Text, Tree
from redshank.config.record import DEFAULT_VOLUME
from redshank.config.schema import Camera, Rule

Known = Mapping[str, Sequence[str]]


def check_rule(name: str, rule: Rule, raw: Tree, known: Known, problems: list[Problem]) -> Rule | None:
    """The rule without names that mean nothing; None when that would make it wider than it was written.

    known: every name written under `cameras` and `channels` (also of those left out), and every zone.
    """
    left: dict[str, tuple[str, ...]] = {}
    for key in ("cameras", "zones", "channels"):
        names: tuple[str, ...] = getattr(rule, key) or ()
        for wrong in (n for n in names if n not in known[key]):
            where = place_of(raw, ("rules", name, key), Place("", 0, f"rules.{name}.{key}"))
            expected = f"expected one of the {key} in this file{did_you_mean(wrong, known[key])}"
            problems.append(Problem(where, repr(wrong[:60]), expected))
        left[key] = tuple(n for n in names if n in known[key])
        if names and not left[key] and key != "channels":
            return None
    if rule.channels is None:
        del left["channels"]
    return rule.model_copy(update=left)


def check_zones(name: str, rule: Rule, cameras: Mapping[str, Camera], raw: Tree, problems: list[Problem]) -> None:
    """A rule whose zones are on none of its cameras can never fire: said, but the rule is kept."""
    mine = [camera for slug, camera in cameras.items() if not rule.cameras or slug in rule.cameras]
    if mine and rule.zones and not any(zone in camera.zones for camera in mine for zone in rule.zones):
        where = place_of(raw, ("rules", name, "zones"), Place("", 0, f"rules.{name}.zones"))
        problems.append(Problem(where, "", "none of its cameras has such a zone, it can never fire"))


def label_places(raw: Mapping[str, Tree]) -> tuple[tuple[str, Place], ...]:
    """Every label written anywhere, with its place."""
    cameras, rules = raw.get("cameras"), raw.get("rules")
    sections: list[Tree] = [dict(raw), *(cameras.values() if isinstance(cameras, dict) else [])]
    found = [label for section in sections for label in _object_labels(section)]
    for rule in rules.values() if isinstance(rules, dict) else []:
        found += _words(rule.get("labels")) if isinstance(rule, dict) else []
    return tuple(found)


def _object_labels(section: Tree) -> Iterator[tuple[str, Place]]:
    if not isinstance(section, dict):
        return
    objects, zones = section.get("objects"), section.get("zones")
    if isinstance(objects, dict):
        yield from _words(objects.get("track"))
        filters = objects.get("filters")
        yield from (
            ((str(k), k.where) for k in filters or {} if isinstance(k, Text)) if isinstance(filters, dict) else ()
        )
    for zone in zones.values() if isinstance(zones, dict) else []:
        yield from _words(zone.get("objects")) if isinstance(zone, dict) else ()


def _words(tree: Tree) -> list[tuple[str, Place]]:
    items = tree if isinstance(tree, list) else [tree]
    return [(w.strip(), item.where) for item in items if isinstance(item, Text) for w in item.split(",") if w.strip()]


def check_volume(camera: Camera, tree: Tree, where: Place, volumes: Sequence[str], problems: list[Problem]) -> Camera:
    """The camera, recording to the default volume when the one it names does not exist: footage first."""
    record = camera.record
    if record.volume in volumes:
        return camera
    place = place_of(tree, ("record", "volume"), where)
    expected = f"expected one of storage.volumes ({', '.join(volumes)}){did_you_mean(record.volume, list(volumes))}; default is used"
    problems.append(Problem(place, shown(record.volume, "volume"), expected))
    return camera.model_copy(update={"record": record.model_copy(update={"volume": DEFAULT_VOLUME})})
