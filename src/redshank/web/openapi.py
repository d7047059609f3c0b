"""`python -m redshank.web.openapi`: the description of the API, from which the types of the page are made (ui/src/lib/schema.d.ts)."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from tempfile import TemporaryDirectory

from redshank.clock import SystemClock
from redshank.playback.footage import Footage
from redshank.store.base import Store
from redshank.web.app import make_app
from redshank.web.rooms import Rooms
from redshank.web.site import WebSite


def described() -> str:
    """Of every route there is."""
    clock = SystemClock()
    with TemporaryDirectory() as folder, closing(Store(f"sqlite:///{folder}/redshank.db", clock)) as store:
        footage = Footage(lambda: {}, lambda _segment, _why: None)
        site = WebSite(store, footage, lambda _camera, _stream: [], lambda: {}, clock)
        said = make_app(site, Rooms()).openapi()
    return json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(described())
