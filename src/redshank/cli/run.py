"""`redshank run`: the system, until SIGTERM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    config: Annotated[
        Path | None, typer.Option("--config", help="Configuration file; default: where `redshank init` puts it.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data folder; default: the configuration's.")] = None,
    workers: Annotated[
        int,
        typer.Option("--workers", help="Pairs of processes that share the cameras.", min=1, max=64),
    ] = 1,
    view: Annotated[
        bool | None, typer.Option("--view/--no-view", help="Live view; default: when this is a terminal.")
    ] = None,
) -> None:
    """Watch the cameras until Ctrl-C or SIGTERM. Without a configuration it waits for one and says what to do."""
    import sys

    from redshank.app import launch
    from redshank.cli.live import LiveView

    show = sys.stdout.isatty() if view is None else view
    launch(config, data, LiveView() if show else None, workers)
