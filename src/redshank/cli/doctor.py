"""`redshank doctor`: what is wrong with a camera, or with this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from redshank.doctor import Check

MARKS = {"ok": "ok  ", "warn": "warn", "bad": "BAD "}


def doctor(
    camera: Annotated[
        str, typer.Argument(help="A camera's URL, or its name in the configuration; nothing: this machine.")
    ] = "",
    user: Annotated[str, typer.Option("--user", help="User name for the URL.")] = "",
    password: Annotated[
        str, typer.Option("--password", help="Its password.", envvar="REDSHANK_PASSWORD", show_envvar=True)
    ] = "",
    config: Annotated[Path | None, typer.Option("--config", help="Configuration file.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data folder to try the disk of.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Try a camera step by step (reachable, login, codec, keyframes, clock), or this machine. Ends with 1 when something is bad."""
    checks = list(_camera(camera, user, password, config) if camera else _machine(config, data))
    if as_json:
        from dataclasses import asdict

        from redshank.cli.output import print_json

        print_json({"ok": all(c.verdict != "bad" for c in checks), "checks": [asdict(c) for c in checks]})
    else:
        for check in checks:
            print(f"{MARKS[check.verdict]}  {check.name:<14}{check.found}")
            if check.verdict != "ok" and check.advice:
                print(f"{'':20}→ {check.advice}")
    raise typer.Exit(1 if any(c.verdict == "bad" for c in checks) else 0)


def _camera(camera: str, user: str, password: str, config: Path | None) -> Iterable[Check]:
    from redshank.app import camera_sources
    from redshank.clock import SystemClock
    from redshank.doctor import camera_checks

    settings, targets = camera_sources(camera, user, password, config)
    for name, source in settings.items():
        yield from camera_checks(name, source, targets, SystemClock())


def _machine(config: Path | None, data: Path | None) -> Iterable[Check]:
    from redshank.app import data_folder, open_detector
    from redshank.cli.output import progress
    from redshank.clock import SystemClock
    from redshank.doctor import capacity, machine, ms_per_picture

    clock = SystemClock()
    with progress() as bars:
        bar = bars.add_task("looking at this machine", total=None)
        yield from machine(data_folder(config, data), clock)
        yield capacity(lambda: ms_per_picture(open_detector("yolov4-tiny", bars), clock))
        bars.remove_task(bar)
