"""A process to be killed: empties the outbox of DATABASE to a webhook on PORT. Run as `python -m tests.alert.sender DATABASE PORT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from redshank.alert.base import Picture
from redshank.alert.compose import Composer, Site
from redshank.alert.webhook import WebhookChannel, WebhookSettings
from redshank.blobs.disk import DiskBlobs
from redshank.clock import SystemClock
from redshank.model import Alert
from redshank.notify import Notifier
from redshank.notify_lane import Route
from redshank.store.base import Store
from tests.alert import sample
from tests.alert.servers import local


async def picture(alert: Alert) -> Picture | None:
    return sample.PICTURE


async def main(database: Path, port: int) -> None:
    clock = SystemClock()
    hook = WebhookChannel(WebhookSettings("hook", f"http://127.0.0.1:{port}/"), local, clock)
    composer = Composer(Site(sample.BERLIN, {}), DiskBlobs(database.parent / "pictures"), picture)
    await Notifier(Store(f"sqlite:////{database}", clock), [Route(hook)], clock, composer).run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
