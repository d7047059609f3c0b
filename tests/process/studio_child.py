"""The studio as a process of its own, in its sandbox: `python -m tests.process.studio_child NAME PIPE_FD HAND_FD`."""

from __future__ import annotations

import asyncio
import os
import sys

from redshank.process.sandbox import STUDIO_BYTES, confine
from redshank.process.worker import run_body


def main() -> None:
    confine(STUDIO_BYTES)
    from redshank.process.studio import studio

    asyncio.run(run_body(studio, int(sys.argv[2]), int(sys.argv[3])))
    os._exit(0)


main()
