"""`redshank check` and `redshank init`. The configuration's libraries are loaded only when a command runs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from redshank.config.document import Problem
    from redshank.config.load import Loaded

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The configuration file.", show_default="search")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say whether the configuration is right, and where not. Exit code: 0 right, 1 problems, 2 unreadable."""
    from redshank.config.load import check_labels, find, load
    from redshank.errors import ConfigError

    path = find(config, os.environ)
    try:
        loaded = load(path, os.environ)
    except ConfigError as error:
        _tell_unreadable(str(error), as_json)
        raise typer.Exit(2) from None
    model = loaded.config.detector.model
    labels, unusable = _labels_of(model)
    loaded = replace(loaded, problems=(*loaded.problems, *unusable, *(check_labels(loaded, labels) if labels else ())))
    if as_json:
        _tell_json(loaded)
    else:
        _tell(loaded)
    raise typer.Exit(1 if loaded.problems else 0)


def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("redshank.yaml"),
) -> None:
    """Write a commented configuration to start from. Never overwrites."""
    from redshank.config.template import TEMPLATE

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        typer.echo(f"{path}: exists already and is left as it is: choose another name", err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"{path}: cannot be written ({error.strerror})", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"wrote {path}: put your cameras in, then: redshank check --config {path}")


def _labels_of(model: str) -> tuple[tuple[str, ...], list[Problem]]:
    """What the model knows; nothing when that is only known once it runs (an .onnx file)."""
    from redshank.config.document import Place, Problem
    from redshank.errors import ModelError
    from redshank.vision.labels import COCO
    from redshank.vision.models import DEFAULT, default_store, find

    if model.endswith(".onnx"):
        missing = Problem(Place("", 0, "detector.model"), repr(model), "expected a file that exists")
        return (), [] if Path(model).is_file() else [missing]
    try:
        return find(model, default_store(os.environ)).recipe.labels, []
    except ModelError as error:
        if model == DEFAULT:
            return COCO, []  # fetched at the first run
        return (), [Problem(Place("", 0, "detector.model"), repr(model), str(error))]


def _tell(loaded: Loaded) -> None:
    for problem in loaded.problems:
        typer.echo(str(problem), err=True)
    config, name = loaded.config, loaded.path or "no file found (`redshank init` makes one)"
    if loaded.locked:
        typer.echo(f"set by the environment: {', '.join(loaded.locked)}")
    counts = f"{len(config.cameras)} cameras, {len(config.rules)} rules, {len(config.channels)} channels"
    verdict = f"{len(loaded.problems)} problems, the rest works" if loaded.problems else "right"
    typer.echo(f"{name}: {verdict}: {counts}")
    for volume in _planned(loaded):
        typer.echo(f"storage {volume['volume']} ({volume['path']}): {volume['sentence']}")


def _planned(loaded: Loaded) -> list[dict[str, Any]]:
    """As a running Redshank measured it, else assumed from the configuration."""
    from redshank.planned import planned
    from redshank.status import read

    running = (read(loaded.config.data.expanduser()) or {}).get("storage", {}).get("volumes", ())
    measured = {one["volume"]: one["forecast"] for one in running if one.get("forecast")}
    return [{**one, **measured.get(one["volume"], {})} for one in planned(loaded.config)]


def _tell_json(loaded: Loaded) -> None:
    import json

    problems = [
        {"file": p.where.file, "line": p.where.line, "key": p.where.key, "value": p.value, "expected": p.expected}
        for p in loaded.problems
    ]
    answer = {
        "path": str(loaded.path) if loaded.path else None,
        "ok": not problems,
        "problems": problems,
        "locked": list(loaded.locked),
        "cameras": sorted(loaded.config.cameras),
        "rules": sorted(loaded.config.rules),
        "channels": sorted(loaded.config.channels),
        "storage": _planned(loaded),
    }
    typer.echo(json.dumps(answer, indent=2))


def _tell_unreadable(message: str, as_json: bool) -> None:
    import json

    typer.echo(json.dumps({"ok": False, "error": message}) if as_json else message, err=not as_json)
