"""`python -m redshank.web.openapi`: the description of the API, from which the types of the page are made (ui/src/lib/schema.d.ts)."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from redshank.clock import SystemClock
from redshank.playback.footage import Footage
from redshank.store.base import Store
from redshank.web.app import make_app
from redshank.web.rooms import Rooms
from redshank.web.site import WebSite


def described() -> str:
    """Of every route there is; nothing is opened for it."""
    nothing: Mapping[str, object] = {}
    site = WebSite(
        Store("sqlite:////nowhere/redshank.db", SystemClock()),
        Footage(lambda: {}, lambda _segment, _why: None),
        lambda _camera, _stream: [],
        lambda: {},
        SystemClock(),
        status=lambda: nothing,
    )
    return json.dumps(make_app(site, Rooms()).openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(described())
