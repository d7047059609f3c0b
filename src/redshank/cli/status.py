"""`redshank status`: how the running system is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def status(
    config: Annotated[Path | None, typer.Option("--config", help="Configuration file.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data folder; default: the configuration's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
    running: Annotated[bool, typer.Option("--running", help="Only whether it runs, however its cameras are.")] = False,
) -> None:
    """Show cameras, detector, alerts and channels of the running Redshank. Ends with 1 when none is running or something is wrong."""
    from redshank.app import data_folder
    from redshank.cli.output import err, print_json
    from redshank.status import read

    folder = data_folder(config, data)
    found = read(folder)
    if running:
        print("running" if found is not None else "stopped")
        raise typer.Exit(0 if found is not None else 1)
    if found is None:
        if as_json:
            print_json({"running": False, "data": str(folder)})
        else:
            err.print(f"No Redshank is running on {folder}. Start one with: redshank run", highlight=False)
        raise typer.Exit(1)
    if as_json:
        print_json({"running": True, **found})
    else:
        _show(found)
    raise typer.Exit(0 if found.get("ok") else 1)


def _local(rfc3339: str) -> str:
    from datetime import datetime

    return f"{datetime.fromisoformat(rfc3339).astimezone():%m-%d %H:%M:%S}"


def _channel(health: dict[str, Any]) -> str:
    words = f"{health['state']}, {health['sent']} sent, {health['queued']} waiting, {health['dead']} given up"
    words += ", dry run" if health["dry_run"] else ""
    return f"{words}: {health['last_error']}" if health["state"] != "ok" else words


def _recorded(state: dict[str, Any] | None) -> str:
    if state is None:
        return "no"
    if state["private"]:
        return "private"
    return f"yes, until {_local(state['until'])}" if state["recording"] else f"not now ({state['mode']})"


def _show(found: dict[str, Any]) -> None:
    from redshank.cli.output import print_table

    rows = [
        (
            c["camera"],
            c["stream"],
            c["status"],
            _recorded(c.get("recording")),
            _local(c["since"]),
            f"{c['fps']:.1f}",
            f"{c['bitrate'] / 1e6:.2f}",
            c["reason"],
        )
        for c in found["cameras"]
    ]
    print_table(("camera", "stream", "status", "recorded", "since", "fps", "Mbit/s", "reason"), rows)
    detector = found["detector"]
    print(f"\ndetector: {detector.get('model', '-')} {detector.get('reason', '')}".rstrip())
    print(f"alerts: {found['alerts']['open']} open, {found['alerts']['total']} since start")
    for name, channel in found["channels"].items():
        print(f"channel {name}: {_channel(channel)}")
    for volume in found.get("storage", {}).get("volumes", ()):
        forecast = volume["forecast"]["sentence"] if volume["forecast"] else "nothing measured yet"
        print(f"storage {volume['volume']}: {volume['percent']:.0f} % used, {forecast}")
    if found.get("pending"):
        print(f"waits for a restart: {', '.join(found['pending'])}")
    for problem in found["problems"]:
        print(f"problem: {problem}")
