"""Sections that stand at the top and at a camera alike: detect, objects, motion, record, zones. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from redshank.config.document import Text, Tree
from redshank.config.yaml_text import Value
from redshank.frigate.report import Report
from redshank.vision.labels import COCO

Section = dict[str, Value]
_NUMBER = re.compile(r"[-+]?(\d{1,15}(\.\d{1,12})?|\.\d{1,12})")
_TRUE, _FALSE = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})
_FILTERS = ("min_area", "max_area", "min_ratio", "max_ratio", "min_score")
KEPT_DAYS = 10
"""Of alerts and detections, where Frigate's file says nothing."""


def typed(value: Tree) -> Value:
    """A scalar as what it looks like; anything else as nothing."""
    if not isinstance(value, Text):
        return None
    word = value.strip()
    if word.lower() in _TRUE | _FALSE:
        return word.lower() in _TRUE
    if _NUMBER.fullmatch(word):
        return float(word) if "." in word else int(word)
    return str(value)


def inside(tree: Tree | Mapping[str, Tree], key: str) -> Mapping[str, Tree]:
    """A section, empty where it is none."""
    found = tree.get(key) if isinstance(tree, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def words(tree: Tree) -> list[str]:
    """`a, b` or a list."""
    if isinstance(tree, Text):
        return [word.strip() for word in tree.split(",") if word.strip()]
    return [str(one) for one in tree if isinstance(one, Text)] if isinstance(tree, list) else []


def detect(tree: Mapping[str, Tree], at: str, to: str, report: Report) -> Section:
    """at, to: the section's place in the old and in the new file, without a dot at the end."""
    made: Section = {}
    for key in ("enabled", "fps", "width", "height"):
        if key in tree:
            made[key] = typed(tree[key])
            note = "only what pixels refer to; the stream is as large as it is" if key in ("width", "height") else ""
            report.mapped(f"{at}.{key}", f"{to}.{key}", note)
    return made


def objects(tree: Mapping[str, Tree], at: str, to: str, report: Report) -> Section:
    """As `detect`."""
    made: Section = {}
    if "track" in tree:
        wanted = words(tree["track"])
        known = [label for label in wanted if label in COCO]
        made["track"] = list[Value](known)
        if known == wanted:
            report.mapped(f"{at}.track", f"{to}.track")
        else:
            lost = [label for label in wanted if label not in known]
            said = ", ".join(label[:40] for label in lost[:10])
            report.changed(f"{at}.track", f"{to}.track", f"without what the model does not know: {said}")
    filters: Section = {}
    for label, one in inside(tree, "filters").items():
        found = _filter(label, one, f"{at}.filters.{label}", f"{to}.filters.{label}", report)
        if found:
            filters[str(label)] = found
    return made | ({"filters": filters} if filters else {})


def _filter(label: str, tree: Tree, at: str, to: str, report: Report) -> Section:
    if label not in COCO:
        report.unsupported(at, "the model does not know this label")
        return {}
    made: Section = {}
    said = tree if isinstance(tree, Mapping) else {}
    for key in (key for key in _FILTERS if key in said):
        made[key] = typed(said[key])
        report.mapped(f"{at}.{key}", f"{to}.{key}")
    if "threshold" in said:
        note = "the best score of an object counts, not the median: see min_score of rules"
        report.changed(f"{at}.threshold", "rules", note)
    return made


def motion(tree: Mapping[str, Tree], at: str, to: str, report: Report) -> Section:
    """As `detect`."""
    mask = _outlines(tree.get("mask"), f"{at}.mask", f"{to}.mask", report)
    return {"mask": mask} if mask else {}


def _outlines(tree: Tree, at: str, to: str, report: Report) -> Section:
    """One outline, a list of them, or `name: {coordinates}`."""
    made: Section = {}
    if isinstance(tree, Mapping):
        for name, one in tree.items():
            if typed(one.get("enabled") if isinstance(one, Mapping) else None) is False:
                report.unsupported(f"{at}.{name}", "it is switched off")
                continue
            outline = corners(one.get("coordinates") if isinstance(one, Mapping) else one)
            if outline:
                made[clean(name)] = outline
                report.mapped(f"{at}.{name}", f"{to}.{clean(name)}")
        return made
    many = isinstance(tree, list) and any(str(one).count(",") > 1 for one in tree)
    outlines = [corners(one) for one in tree] if isinstance(tree, list) and many else [corners(tree)]
    for i, outline in enumerate((one for one in outlines if one), 1):
        made[f"mask-{i}"] = outline
    if made:
        report.mapped(at, to, "motion is ignored there, objects are still seen")
    return made


def corners(tree: Tree) -> str:
    """`x,y,x,y,…` of a text or a list of texts; empty when there is none."""
    text = tree if isinstance(tree, Text) else ",".join(words(tree)) if isinstance(tree, list) else ""
    return re.sub(r"\s+", "", str(text)).strip(",")


def zones(tree: Mapping[str, Tree], at: str, to: str, report: Report) -> Section:
    """As `detect`."""
    made: Section = {}
    for name, one in tree.items():
        key, place = f"{at}.{name}", f"{to}.{clean(name)}"
        if not isinstance(one, Mapping) or not corners(one.get("coordinates")):
            report.unsupported(key, "it has no coordinates")
            continue
        if typed(one.get("enabled")) is False:
            report.unsupported(key, "it is switched off")
            continue
        zone: Section = {"coordinates": corners(one["coordinates"])}
        report.mapped(f"{key}.coordinates", f"{place}.coordinates")
        if known := [label for label in words(one.get("objects")) if label in COCO]:
            zone["objects"] = list[Value](known)
            report.mapped(f"{key}.objects", f"{place}.objects")
        for other in (other for other in ("inertia", "loitering_time") if other in one):
            zone[other] = typed(one[other])
            report.mapped(f"{key}.{other}", f"{place}.{other}")
        made[clean(name)] = zone
    return made


def record(tree: Mapping[str, Tree], at: str, to: str, report: Report) -> Section:
    """As `detect`. Only what the section says: defaults are put in for the whole site by `convert`."""
    made: Section = {}
    if "enabled" in tree:
        made["enabled"] = typed(tree["enabled"])
        report.mapped(f"{at}.enabled", f"{to}.enabled")
    retain = inside(tree, "retain")
    if "days" in retain:
        days, mode = typed(retain["days"]), str(retain.get("mode") or "all")
        made["continuous"] = days if mode == "all" else 0
        made["motion"] = days if mode in ("all", "motion") else 0
        kept = {
            "all": "everything",
            "motion": "what moved",
            "active_objects": "what had an object, as long as detections",
        }
        report.changed(
            f"{at}.retain",
            f"{to}.continuous",
            f"continuous and motion have days of their own here: {kept.get(mode, mode[:20])}",
        )
    for key in ("continuous", "motion"):
        if "days" in inside(tree, key):
            made[key] = typed(inside(tree, key)["days"])
            report.mapped(f"{at}.{key}.days", f"{to}.{key}")
    for key, old in (("alerts", inside(tree, "alerts")), ("detections", inside(tree, "detections"))):
        _kept(made, old, f"{at}.{key}", f"{to}.{key}", report)
    events = inside(tree, "events")
    if "default" in inside(events, "retain"):
        made.setdefault("alerts", typed(inside(events, "retain")["default"]))
        made.setdefault("detections", made["alerts"])
        report.changed(f"{at}.events.retain.default", f"{to}.alerts", "of alerts and of detections")
    _around(made, events, f"{at}.events", to, report)
    return made


def _kept(made: Section, tree: Mapping[str, Tree], at: str, to: str, report: Report) -> None:
    """`alerts` or `detections`."""
    retain = inside(tree, "retain")
    if "days" in retain:
        made[to.rpartition(".")[2]] = typed(retain["days"])
        report.mapped(f"{at}.retain.days", to)
    if "mode" in retain:
        report.unsupported(f"{at}.retain.mode", "everything of that time is kept")
    _around(made, tree, at, to.rpartition(".")[0], report)


def _around(made: Section, tree: Mapping[str, Tree], at: str, to: str, report: Report) -> None:
    """Seconds before and after: one pair for all, the longest one counts."""
    for key in (key for key in ("pre_capture", "post_capture") if key in tree):
        seconds = typed(tree[key])
        before = made.get(key)
        if isinstance(seconds, int | float) and (not isinstance(before, int | float) or seconds > before):
            made[key] = seconds
        report.changed(f"{at}.{key}", f"{to}.{key}", "one value for alerts and detections: the longest")


def clean(name: str) -> str:
    """A name that may stand here."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", str(name))[:64] or "_"
