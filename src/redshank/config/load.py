"""One load: file + environment → frozen sections, with every mistake listed and the rest kept.

    loaded = load(find(given, environ), environ)
    for problem in loaded.problems: ...        # one line each: file, line, key, value, expectation
    loaded.config.cameras["front-door"].streams["main"].url

A broken camera, rule or channel is left out and the others go on; a broken global value falls back to its default. Only a file
that cannot be read at all raises. Called at the edge, once; no threads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from redshank.config.build import did_you_mean, lenient, place_of, shown, strict
from redshank.config.channel import CHANNELS, Channel
from redshank.config.document import MAX_CHARS, Place, Problem, Text, Tree, parse, parse_value, text, walk
from redshank.config.fields import CAMERA_SLUG, NAME
from redshank.config.record import DEFAULT_VOLUME
from redshank.config.references import check_rule, check_volume, check_zones, label_places
from redshank.config.rescue import fallen
from redshank.config.schema import MOTION, Camera, Config, Rule
from redshank.config.secret import fill
from redshank.config.source import SECTIONS, normal, size_of
from redshank.errors import ConfigError

PREFIX = "REDSHANK__"
NAMED = ("cameras", "rules", "channels")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be run, and what is wrong with the file it came from."""

    config: Config
    problems: tuple[Problem, ...]
    """Empty: the file is right. Each is one line; none holds a secret."""
    locked: tuple[str, ...]
    """Dotted keys that come from `REDSHANK__…` and so cannot be changed in the file."""
    path: Path | None
    labels: tuple[tuple[str, Place], ...] = ()
    """Labels named anywhere, for `check_labels`."""
    fallen: frozenset[str] = frozenset()
    """Cameras the file speaks of but does not give, for `redshank.config.rescue`."""


def find(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to load: `--config`, `$REDSHANK_CONFIG`, or the first that exists of the usual places. None: there is none."""
    if given is not None:
        return given
    if environ.get("REDSHANK_CONFIG"):
        return Path(environ["REDSHANK_CONFIG"])
    places = [Path("redshank.yaml"), own_place(environ), Path("/etc/redshank/redshank.yaml")]
    return next((place for place in places if place.is_file()), None)


def own_place(environ: Mapping[str, str]) -> Path:
    """The user's own file, where the page makes one when there is none."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".config")
    return home / "redshank/redshank.yaml"


def load(path: Path | None, environ: Mapping[str, str], folder: Path | None = None) -> Loaded:
    """Raises ConfigError, one line, when the file cannot be read at all. Without a path: defaults and the environment.

    `folder`: what paths are relative to, and where secrets.yaml lies; default: where the file is.
    """
    source, unreadable = _read(path) if path else ("", [])
    folder = folder or (path.absolute().parent if path else Path.cwd())
    return load_text(source, path, environ, folder, unreadable)


def load_text(
    source: str,
    path: Path | None,
    environ: Mapping[str, str],
    folder: Path,
    told: Sequence[Problem] = (),
    secrets: Mapping[str, str] | None = None,
) -> Loaded:
    """As `load`, of a text that is not in the file (yet). told: what is known to be wrong with it; secrets: over secrets.yaml."""
    tree, problems = parse(source, str(path) if path else "(no file)")
    problems += told
    for key in [key for key in tree if key == "bus" and isinstance(tree[key], Text)]:
        tree[key] = {"url": tree[key]}
    tree, locked = _override(tree, environ, problems)
    raw = fill(tree, environ, _secrets(folder, tree, secrets or {}))
    assert isinstance(raw, dict)
    raw.setdefault("data", text(str(_data_dir(environ)), Place("default", 0, "data")))
    raw.setdefault("timezone", text(local_zone(environ), Place("default", 0, "timezone")))
    config = _build(raw, folder, problems)
    problems.sort(key=lambda problem: (problem.where.line, problem.where.key))
    return Loaded(config, tuple(problems), locked, path, label_places(raw), fallen(raw, config, problems))


def check_labels(loaded: Loaded, labels: Sequence[str]) -> tuple[Problem, ...]:
    """Labels in the file that the model does not know."""
    return tuple(
        Problem(where, repr(label), f"expected a label of the model{did_you_mean(label, labels)}")
        for label, where in loaded.labels
        if label not in labels and not (label == MOTION and where.key.startswith("rules."))
    )


def local_zone(environ: Mapping[str, str]) -> str:
    """The machine's time zone: `$TZ`, what /etc/localtime points at, or UTC."""
    linked = str(Path("/etc/localtime").resolve()).rpartition("zoneinfo/")[2]
    for name in (environ.get("TZ", "").removeprefix(":"), linked):
        try:
            if name and not name.startswith("/"):
                return ZoneInfo(name).key
        except (ValueError, OSError, KeyError):
            continue
    return "UTC"


def _read(path: Path) -> tuple[str, list[Problem]]:
    """The text. Bytes that are not UTF-8 (an umlaut from another editor) are replaced and told: no reason to watch nothing."""
    try:
        with path.open("rb") as file:
            content = file.read(4 * MAX_CHARS + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        where = Place(str(path), content.count(b"\n", 0, error.start) + 1, "")
        return content.decode("utf-8-sig", "replace"), [
            Problem(where, "", "not UTF-8 text here: save the file as UTF-8")
        ]


def _data_dir(environ: Mapping[str, str]) -> Path:
    if environ.get("REDSHANK_DATA_DIR"):
        return Path(environ["REDSHANK_DATA_DIR"])
    share = environ.get("XDG_DATA_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".local/share"
    return Path(share) / "redshank"


def _secrets(folder: Path, tree: Tree, new: Mapping[str, str]) -> Mapping[str, str] | str:
    """secrets.yaml beside the configuration, read only when something wants it; or why it cannot be used. new: not in it yet."""
    if all(value in new for value in walk(tree) if value.secret_name):
        return new
    path = folder / "secrets.yaml"
    try:
        found, problems = parse(_read(path)[0], str(path))
    except ConfigError as error:
        return f"expected a secrets.yaml beside the configuration ({error})"
    if problems:
        return f"expected a correct secrets.yaml ({problems[0]})"
    return {**{str(name): str(value) for name, value in found.items() if isinstance(value, Text)}, **new}


def _override(
    tree: dict[str, Tree], environ: Mapping[str, str], problems: list[Problem]
) -> tuple[dict[str, Tree], tuple[str, ...]]:
    """`REDSHANK__DETECT__FPS=3` → detect.fps; names match without case, `_` also stands for `-`."""
    locked = []
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        parts = [part.lower() for part in variable.removeprefix(PREFIX).split("__")]
        if not all(parts):
            problems.append(Problem(Place(f"${variable}", 0, variable), "", "expected REDSHANK__SECTION__KEY"))
            continue
        if parts == ["bus"]:
            parts = ["bus", "url"]
        path: list[str] = []
        at = tree
        for part in parts[:-1]:
            path.append(_key(at, part))
            inner = at.get(path[-1])
            at[path[-1]] = at = dict(inner) if isinstance(inner, dict) else {}
        path.append(_key(at, parts[-1]))
        where = Place(f"${variable}", 0, ".".join(path))
        at.pop(path[-1], None)
        at[text(path[-1], where)] = parse_value(environ[variable], where)
        locked.append(where.key)
    return tree, tuple(locked)


def _key(tree: Mapping[str, Tree], part: str) -> str:
    return next((key for key in tree if key.lower().replace("-", "_") == part.replace("-", "_")), part)


def _build(raw: dict[str, Tree], folder: Path, problems: list[Problem]) -> Config:
    context: dict[str, Any] = {"folder": folder, "size": size_of(raw)}
    common = lenient(Config, {k: v for k, v in raw.items() if k not in NAMED}, context, problems)
    wrong = {problem.where for problem in problems}
    named = {section: _names(raw, section, problems) for section in NAMED}
    inherited = {k: v for k, v in _right(raw, wrong).items() if k in SECTIONS}
    cameras = {
        slug: _camera(tree, where, inherited, context, problems) for slug, (where, tree) in named["cameras"].items()
    }
    volumes = {DEFAULT_VOLUME, *common.storage.volumes}
    kept = {
        slug: check_volume(camera, named["cameras"][slug][1], named["cameras"][slug][0], sorted(volumes), problems)
        for slug, camera in cameras.items()
        if camera is not None
    }
    channels = {name: _channel(tree, where, context, problems) for name, (where, tree) in named["channels"].items()}
    known = {
        "cameras": tuple(named["cameras"]),
        "channels": tuple(named["channels"]),
        "zones": _zone_names(tree for _, tree in named["cameras"].values()),
    }
    rules: dict[str, Rule] = {}
    for name, (where, tree) in named["rules"].items():
        rule = strict(Rule, tree, where, context, problems)
        checked = check_rule(name, rule, raw, known, problems) if rule else None
        if checked:
            check_zones(name, checked, kept, raw, problems)
            rules[name] = checked
    found = {name: channel for name, channel in channels.items() if channel is not None}
    data = folder / common.data.expanduser()
    return common.model_copy(update={"cameras": kept, "rules": rules, "channels": found, "data": data})


def _names(raw: Mapping[str, Tree], section: str, problems: list[Problem]) -> dict[str, tuple[Place, Tree]]:
    """Entries of a section by name, those with an impossible name reported and left out."""
    tree = raw.get(section) or {}
    if not isinstance(tree, dict):
        where = place_of(dict(raw), (section,), Place("", 0, section))
        problems.append(Problem(where, shown(tree, section), "expected a mapping (name: value lines below it)"))
        return {}
    found: dict[str, tuple[Place, Tree]] = {}
    for name, value in tree.items():
        where = name.where if isinstance(name, Text) else Place("environment", 0, f"{section}.{name}")
        if re.fullmatch(CAMERA_SLUG if section == "cameras" else NAME, name):
            found[str(name)] = where, {} if value is None else value
        else:
            letters = "small letters" if section == "cameras" else "letters"
            problems.append(Problem(where, "", f"expected a name of 1 to 64 {letters}, digits, _ and -"))
    return found


def _camera(
    tree: Tree, where: Place, inherited: Mapping[str, Tree], context: Mapping[str, Any], problems: list[Problem]
) -> Camera | None:
    if not isinstance(tree, dict):
        problems.append(Problem(where, shown(tree, where.key), "expected a mapping (key: value lines below it)"))
        return None
    try:
        camera = normal(tree, inherited)
    except ValueError as error:
        problems.append(Problem(where, "", str(error)))
        return None
    return strict(Camera, camera, where, {**context, "size": size_of(camera)}, problems)


def _channel(tree: Tree, where: Place, context: Mapping[str, Any], problems: list[Problem]) -> Channel | None:
    kind = tree.get("type") if isinstance(tree, dict) else None
    if not isinstance(kind, str) or kind not in CHANNELS:
        place = place_of(tree, ("type",), where)
        wrong = f"expected one of {', '.join(CHANNELS)}{did_you_mean(kind, list(CHANNELS)) if isinstance(kind, str) else ''}"
        problems.append(Problem(place, shown(kind, "type"), wrong))
        return None
    return strict(CHANNELS[kind], tree, where, context, problems)


def _zone_names(cameras: Any) -> tuple[str, ...]:
    zones = [camera.get("zones") for camera in cameras if isinstance(camera, dict)]
    return tuple(str(name) for names in zones if isinstance(names, dict) for name in names)


def _right(tree: Mapping[str, Tree], wrong: set[Place]) -> dict[str, Tree]:
    """Global values without those already reported, so that each camera does not report them again."""
    return {
        key: _right(value, wrong) if isinstance(value, dict) else value
        for key, value in tree.items()
        if not (isinstance(key, Text) and key.where in wrong) and not (isinstance(value, Text) and value.where in wrong)
    }
