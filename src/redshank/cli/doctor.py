"""`redshank doctor`: what is wrong with a camera, or with this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

if TYPE_CHECKING:
    from redshank.doctor import Check

WIDTH = 22
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
    watch: Annotated[float, typer.Option("--watch", help="Seconds to watch each stream.", min=1, max=120)] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Try a camera step by step (reachable, login, codec, keyframes, clock), or this machine. Ends with 1 when something is bad."""
    checks: list[Check] = []
    for check in _camera(camera, (user, password), config, watch) if camera else _machine(config, data):
        checks.append(check)
        if not as_json:
            _show(check)
    if as_json:
        from dataclasses import asdict

        from redshank.cli.output import print_json

        print_json({"ok": all(c.verdict != "bad" for c in checks), "checks": [asdict(c) for c in checks]})
    raise typer.Exit(1 if any(c.verdict == "bad" for c in checks) else 0)


def _show(check: Check) -> None:
    """At once: some steps take seconds."""
    print(f"{MARKS[check.verdict]}  {check.name:<{WIDTH}} {check.found}", flush=True)
    if check.verdict != "ok" and check.advice:
        print(f"{'':{WIDTH + 7}}→ {check.advice}", flush=True)


def _camera(camera: str, login: tuple[str, str], config: Path | None, watch_s: float) -> Iterable[Check]:
    from redshank.app import camera_sources
    from redshank.cli.output import progress
    from redshank.clock import SystemClock
    from redshank.config.fields import split_login
    from redshank.doctor import camera_checks
    from redshank.errors import ConfigError

    url, url_user, url_password = split_login(camera)
    if "@" in url and "://" in url:
        raise ConfigError("the login inside the address holds / ? or #: give it with --user and --password instead")
    if not _is_address(url):
        raise ConfigError(f"{url}: expected an address like rtsp://192.168.1.21:554/main, with a port from 1 to 65535")
    user, password = login[0] or unquote(url_user), login[1] or unquote(url_password)
    settings, targets = camera_sources(url, user, password, config)
    with progress() as bars:
        for name, source in settings.items():
            bar = bars.add_task(f"watching {name or 'the camera'} for some seconds", total=None)
            yield from camera_checks(name, source, targets, SystemClock(), watch_s)
            bars.remove_task(bar)


def _is_address(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _machine(config: Path | None, data: Path | None) -> Iterable[Check]:
    from redshank.app import data_folder, open_detector, read_config
    from redshank.cli.output import progress
    from redshank.clock import SystemClock
    from redshank.doctor import capacity, machine, ms_per_picture

    clock = SystemClock()
    loaded, _problem = read_config(config)
    model, device = (loaded.config.detector.model, loaded.config.detector.device) if loaded else ("yolov4-tiny", "auto")
    with progress() as bars:
        bar = bars.add_task("looking at this machine", total=None)
        yield from machine(data_folder(config, data), clock)
        yield capacity(lambda: ms_per_picture(open_detector(model, bars, device), clock))
        bars.remove_task(bar)
