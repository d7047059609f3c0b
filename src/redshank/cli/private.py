"""`redshank private`: nothing of a camera is kept until it is switched off again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ALL = "all"


def private(
    camera: Annotated[str, typer.Argument(help="Its name in the configuration; all: every camera.")],
    off: Annotated[bool, typer.Option("--off", help="Record again.")] = False,
    for_: Annotated[
        str | None, typer.Option("--for", help="How long, such as 30m, 2h, 1d; default: until --off.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="Configuration file.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data folder; default: the configuration's.")] = None,
) -> None:
    """Keep neither picture nor sound of a camera from now on, also over restarts. The time shows as a gap with the reason private."""
    from redshank.app import data_folder
    from redshank.config.fields import seconds
    from redshank.errors import ConfigError

    folder = data_folder(config, data)
    _known(camera, config, folder)
    try:
        length_s = seconds(for_) if for_ else None
    except ValueError as error:
        raise ConfigError(f"--for {for_}: {error}") from None
    still_all = _switch(folder, "" if camera == ALL else camera, not off, length_s)
    what = "every camera" if camera == ALL else camera
    if off and camera != ALL and still_all:
        typer.echo("every camera is private: redshank private all --off")
        raise typer.Exit(1)
    until = f"for {for_}" if for_ else "until switched off"
    typer.echo(f"{what}: recorded again" if off else f"{what}: private {until}")


def _known(camera: str, config: Path | None, folder: Path) -> None:
    """Raises ConfigError for a camera nobody knows."""
    from redshank.app import read_config
    from redshank.errors import ConfigError
    from redshank.status import read

    loaded, _problem = read_config(config)
    known = set(loaded.config.cameras) if loaded else set()
    known |= {one["camera"] for one in (read(folder) or {}).get("cameras", ())}
    if camera != ALL and camera not in known:
        raise ConfigError(f"there is no camera {camera!r}; configured: {', '.join(sorted(known)) or 'none'}")


def _switch(folder: Path, camera: str, on: bool, length_s: float | None) -> bool:
    """Write it down; the answer is whether every camera is private. Raises ConfigError for a folder without a database."""
    from functools import partial

    from redshank.check import places
    from redshank.clock import US_PER_S, SystemClock
    from redshank.store import ledger

    clock = SystemClock()
    until = clock.now() + round(length_s * US_PER_S) if length_s else None
    with places.database(folder, clock) as store:
        store.write(partial(ledger.set_private, camera=camera, on=on, until=until)).result()
        return "" in store.read(partial(ledger.private, now=clock.now()))
