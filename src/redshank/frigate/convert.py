"""The whole way: text of Frigate's file → text of ours that loads without a problem, and the report. Pure.

What would not load (an outline that crosses itself, a port nobody has) is left out, and the report says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from redshank.config.document import Problem, Tree, parse
from redshank.config.load import load_text
from redshank.config.yaml_text import Value, block
from redshank.errors import ConfigError
from redshank.frigate import section
from redshank.frigate.report import Line, Report
from redshank.frigate.rule import rules
from redshank.frigate.section import Section, inside, typed
from redshank.frigate.source import Streams, is_host, sources, used_names

HEAD = """\
# Made from a configuration of Frigate by `redshank import-frigate`.
# Every key: docs/reference/config.md · is this file right?  redshank check
"""
MOST_REPAIRS = 1000
STEP = 2
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_LOOPBACK = ("127.", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Imported:
    """text: passwords that stood in Frigate's file stand in it. report: none does."""

    text: str
    report: tuple[Line, ...]


def convert(text: str, restream: str = "") -> Imported:
    """restream: `host:port` of Frigate's own RTSP server, to be read instead of the cameras. Raises ConfigError, one line."""
    if restream and not is_host(restream):
        raise ConfigError("the restream: expected host:port, such as 192.168.1.5:8554")
    tree, doubled = parse(text, "Frigate's file")
    report = Report()
    for problem in doubled:
        report.unsupported(problem.where.key, f"line {problem.where.line}: {problem.expected}")
    made, names = _whole(tree, restream, report)
    _repaired(made, report)
    cameras = made.get("cameras")
    there = cameras if isinstance(cameras, dict) else {}
    made["rules"] = rules(tree, {name: slug for name, slug in names.items() if slug in there}, there, report)
    _repaired(made, report)
    if not made.get("cameras"):
        report.unsupported("cameras", "no camera could be taken over")
    return Imported(HEAD + "\n" + "\n".join(block(made, 0, STEP)) + "\n", report.lines(tree))


def _whole(tree: Mapping[str, Tree], restream: str, report: Report) -> tuple[Section, dict[str, str]]:
    """All but the rules, and what each camera is called here."""
    made: Section = {}
    if "timezone" in inside(tree, "ui"):
        made["timezone"] = typed(inside(tree, "ui")["timezone"])
        report.mapped("ui.timezone", "timezone")
    for name, read in (("detect", section.detect), ("objects", section.objects), ("motion", section.motion)):
        made[name] = read(inside(tree, name), name, name, report)
    made["record"] = _record(inside(tree, "record"), report)
    streams = Streams(inside(inside(tree, "go2rtc"), "streams"), restream)
    cameras: Section = {}
    names: dict[str, str] = {}
    used: set[str] = set()
    for name, one in inside(tree, "cameras").items():
        slug = _slug(str(name), cameras)
        camera = _camera(str(name), slug, one if isinstance(one, Mapping) else {}, streams, report)
        if camera:
            cameras[slug], names[str(name)] = camera, slug
            used |= used_names(one) if isinstance(one, Mapping) else set()
    for name in (name for name in streams.known if name in used):
        report.mapped(f"go2rtc.streams.{name}", "cameras", "the camera reads its source itself" if not restream else "")
    made["cameras"] = cameras
    if restream.startswith(_LOOPBACK):
        made["security"] = {"allow_targets": [restream]}
    return {key: value for key, value in made.items() if value not in ({}, None)}, names


def _record(tree: Mapping[str, Tree], report: Report) -> Section:
    """With what Frigate does where its file is silent."""
    made = section.record(tree, "record", "record", report)
    if "enabled" not in made:
        made["enabled"] = False
        report.changed(
            "record.enabled", "record.enabled", "not in the file, and then Frigate records nothing: nor does this"
        )
    days: Section = {"continuous": 0, "motion": 0, "alerts": section.KEPT_DAYS, "detections": section.KEPT_DAYS}
    return {**made, **{key: value for key, value in days.items() if key not in made and made["enabled"] is not False}}


def _camera(name: str, slug: str, tree: Mapping[str, Tree], streams: Streams, report: Report) -> Section:
    """Empty when there is nothing to see."""
    at, to = f"cameras.{name}", f"cameras.{slug}"
    found, why = sources(name, slug, tree, streams, report)
    if not found:
        report.unsupported(at, f"left out: {why}")
        return {}
    made: Section = {}
    if "enabled" in tree:
        made["enabled"] = typed(tree["enabled"])
        report.mapped(f"{at}.enabled", f"{to}.enabled")
    if "friendly_name" in tree or slug != name:
        made["friendly_name"] = str(tree.get("friendly_name") or name)
        report.mapped(f"{at}.friendly_name", f"{to}.friendly_name", "" if slug == name else f"called {slug} here")
    if "order" in inside(tree, "ui"):
        made["order"] = typed(inside(tree, "ui")["order"])
        report.mapped(f"{at}.ui.order", f"{to}.order")
    made["streams"] = found
    for key, read in (
        ("detect", section.detect),
        ("objects", section.objects),
        ("motion", section.motion),
        ("record", section.record),
        ("zones", section.zones),
    ):
        made[key] = read(inside(tree, key), f"{at}.{key}", f"{to}.{key}", report)
    return {key: value for key, value in made.items() if value not in ({}, None)}


def _slug(name: str, taken: Mapping[str, Value]) -> str:
    slug = base = re.sub(r"[^a-z0-9_-]", "_", name.lower())[:60] or "camera"
    number = 1
    while slug in taken:
        number += 1
        slug = f"{base}_{number}"
    return slug


def _repaired(made: Section, report: Report) -> None:
    """Leave out what would not load, until nothing is left to say."""
    for _ in range(MOST_REPAIRS):
        text = "\n".join(block(made, 0, STEP)) + "\n"
        environ = {name: "x" for name in _VARIABLE.findall(text)}
        found = load_text(text, None, {**environ, "TZ": "UTC"}, Path("/"))
        if not found.problems:
            return
        for problem in found.problems:
            _leave_out(made, problem, report)
    raise ConfigError("Frigate's file: too much of it could not be understood")


def _leave_out(made: Section, problem: Problem, report: Report) -> None:
    """The value of a problem, or the nearest thing around it."""
    at, key, trail = made, problem.where.key, []
    while isinstance(at, dict):
        part = next(
            (
                one
                for one in sorted(at, key=len, reverse=True)
                if key == one or re.match(rf"{re.escape(one)}[.\[]", key)
            ),
            None,
        )
        if part is None:
            break
        trail.append((at, part))
        key = key[len(part) :].lstrip(".")
        at = at[part]  # type: ignore[assignment]
    if not trail:
        made.clear()
        return
    holder, part = trail[-1]
    del holder[part]
    report.refused(".".join(one for _, one in trail), problem.expected)
