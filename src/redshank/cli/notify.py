"""`redshank notify`: does a channel work?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from redshank.alert.base import Channel

app = typer.Typer(help="Try the channels that tell people.", no_args_is_help=True)


@app.callback()
def notify() -> None:
    """Try the channels that tell people."""


@app.command("test")
def try_channel(
    channel: Annotated[str, typer.Argument(help="Its name under `channels:`.")],
    config: Annotated[Path | None, typer.Option("--config", help="Configuration file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Send a real message with a real picture, also through a channel on dry_run. Ends with 1 when it was not delivered."""
    from redshank.app import open_channel, read_config
    from redshank.cli.output import err, print_json

    loaded, _ = read_config(config)
    zone, url = (loaded.config.timezone, loaded.config.public_url) if loaded else ("UTC", "")
    found = asyncio.run(send_test(open_channel(config, channel), zone, url))
    if as_json:
        print_json(found)
    elif found["delivered"]:
        typer.echo(
            f"{channel}: delivered in {found['seconds']:.2f} s, with a picture of {found['picture_bytes']} bytes"
        )
    else:
        err.print(f"{channel}: not delivered: {found['error']}", highlight=False, markup=False)
    raise typer.Exit(0 if found["delivered"] else 1)


async def send_test(channel: Channel, zone: str, public_url: str) -> dict[str, Any]:
    """One try. What happened, as `--json` prints it; `seconds` is how long the channel took."""
    from redshank import sample
    from redshank.alert.message import Wording, time_zone
    from redshank.clock import SystemClock
    from redshank.vision.card import draw

    clock = SystemClock()
    now, wording = clock.now(), Wording(time_zone(zone), public_url)
    jpeg = draw(sample.caption(now, wording))
    message = sample.message(now, wording, jpeg)
    tried = await sample.send(channel, message, clock)
    return {
        "channel": channel.name,
        "delivered": not tried.error,
        "seconds": tried.seconds,
        "error": tried.error,
        "reference": tried.reference,
        "id": message.id,
        "picture_bytes": len(jpeg),
    }
