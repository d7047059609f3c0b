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
    lan: Annotated[
        bool, typer.Option("--lan", help="Open the page by HTTPS to your network, with a QR code for phones.")
    ] = False,
    view: Annotated[
        bool | None, typer.Option("--view/--no-view", help="Live view; default: when this is a terminal.")
    ] = None,
) -> None:
    """Watch the cameras until Ctrl-C or SIGTERM. Without a configuration it waits for one and says what to do."""
    import os
    import sys

    from redshank.app import Start, launch
    from redshank.cli.live import LiveView

    show = sys.stdout.isatty() if view is None else view
    if lan:
        # As if it stood in the configuration, and shown as locked in the page.
        os.environ["REDSHANK__WEB__LAN"] = "true"
    launch(Start(config, data, LiveView() if show else None, workers))
