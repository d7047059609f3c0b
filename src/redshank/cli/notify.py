"""`redshank notify`: does a channel work?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from redshank.alert.base import Channel, Message, Picture
    from redshank.alert.message import Wording

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
    from redshank.alert.message import Wording, time_zone
    from redshank.clock import NS_PER_S, SystemClock
    from redshank.errors import ChannelError

    clock = SystemClock()
    message = card_message(clock.now(), Wording(time_zone(zone), public_url))
    started, error, reference = clock.mono_ns(), "", ""
    try:
        reference = await channel.send(message, "")
    except ChannelError as failure:
        error = str(failure)
    seconds = (clock.mono_ns() - started) / NS_PER_S
    await channel.close()
    return {
        "channel": channel.name,
        "delivered": not error,
        "seconds": round(seconds, 3),
        "error": error,
        "reference": reference,
        "id": message.id,
        "picture_bytes": len(message.picture.jpeg) if message.picture else 0,
    }


def card_message(now: int, wording: Wording) -> Message:
    """What is sent: an alert that never happened, with everything a real one has."""
    from redshank.alert.message import Place, build, example, local_time, with_evidence
    from redshank.clock import new_id

    notification, alert = example(new_id(now), "test", now)
    message = build(notification, alert, Place("Test camera", "nowhere"), wording)
    return with_evidence(message, draw_card(now, local_time(now, wording.zone)))


def draw_card(now: int, caption: str) -> Picture:
    """A picture drawn by code: colour bars, a box with a label, the time."""
    import numpy as np

    from redshank.alert.base import Picture
    from redshank.alert.message import picture_name
    from redshank.model import Box, Detection
    from redshank.vision.picture import annotate, jpeg

    width, height = 1280, 720
    bars = np.array([(b, g, r) for g in (0, 180) for r in (0, 180) for b in (0, 180)], np.uint8)[::-1]
    card = np.repeat(np.repeat(bars[None], width // len(bars), axis=1), height, axis=0)
    found = [Detection("person", 0.873, Box(0.35, 0.3, 0.55, 0.9))]
    return Picture(
        picture_name("test", now), jpeg(annotate(card, found, caption=f"Redshank test {caption}")), width, height
    )
