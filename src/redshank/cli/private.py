"""`redshank private`: nothing of a camera is kept until it is switched off again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    from functools import partial

    from redshank.app import data_folder, read_config
    from redshank.clock import US_PER_S, SystemClock
    from redshank.config.fields import seconds
    from redshank.errors import ConfigError
    from redshank.status import read
    from redshank.store import ledger
    from redshank.store.base import Store

    folder = data_folder(config, data)
    loaded, _problem = read_config(config)
    known = set(loaded.config.cameras) if loaded else set()
    known |= {one["camera"] for one in (read(folder) or {}).get("cameras", ())}
    if camera != "all" and camera not in known:
        raise ConfigError(f"there is no camera {camera!r}; configured: {', '.join(sorted(known)) or 'none'}")
    if not (folder / "redshank.db").exists():
        raise ConfigError(f"{folder}: there is no database of Redshank; choose its folder with --data")
    try:
        length_s = seconds(for_) if for_ else None
    except ValueError as error:
        raise ConfigError(f"--for {for_}: {error}") from None
    clock = SystemClock()
    until = clock.now() + round(length_s * US_PER_S) if length_s else None
    store = Store(f"sqlite:///{folder / 'redshank.db'}", clock)
    try:
        name = "" if camera == "all" else camera
        store.write(partial(ledger.set_private, camera=name, on=not off, until=until)).result()
    finally:
        store.close()
    what = "every camera" if camera == "all" else camera
    typer.echo(
        f"{what}: recorded again" if off else f"{what}: private{f' for {for_}' if for_ else ' until switched off'}"
    )
