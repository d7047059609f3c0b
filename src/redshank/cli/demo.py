"""`redshank demo`: see it work on two cameras before you have one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where alerts, pictures and the configuration go.")] = Path(
        "demo"
    ),
    view: Annotated[
        bool | None, typer.Option("--view/--no-view", help="Live view; default: when this is a terminal.")
    ] = None,
) -> None:
    """Watch two looping demo cameras until Ctrl-C; alerts and annotated pictures appear in a folder."""
    import sys

    from redshank import demo as scene
    from redshank.app import Start, fetching, launch, open_detector
    from redshank.cli.live import LiveView
    from redshank.cli.output import err, progress

    with progress(bytes_=True) as bars:
        with fetching(bars, "fetching the demo film") as done:
            street = scene.film(done)
        open_detector("yolov4-tiny", bars).close()
    with progress() as bars, fetching(bars, "encoding the second camera") as done:
        clips = {"street": street, "corner": scene.corner(street, done)}
    config = scene.write_config(folder, scene.serve(clips))
    alerts = folder.absolute() / "alerts.jsonl"
    err.print(
        f"Configuration: {config.absolute()}\nAlerts: {alerts}\nPictures: {folder.absolute()}",
        highlight=False,
        soft_wrap=True,
    )
    show = sys.stdout.isatty() if view is None else view
    footer = LiveView(f"Alerts: {alerts}  Ctrl-C ends it.") if show else None
    launch(Start(config, view=footer, demo=True, opened=_open if show else lambda _link: None))


def _open(link: str) -> None:
    """In the user's browser, where there is a screen to show it on."""
    import os
    import sys
    import webbrowser

    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(link)
