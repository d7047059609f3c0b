"""`python -m redshank.process NAME PIPE_FD HAND_FD`: started by the supervisor, never by hand."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from redshank import logs
from redshank.process.worker import run_body


def main() -> None:
    name, pipe_fd, hand_fd = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    logs.to_stderr()
    logs.redact_uncaught()
    if name.startswith("capture"):
        from redshank.process.capture import capture as body
    elif name.startswith("rtc"):
        from redshank.process.sandbox import RTC_BYTES, RTC_FILES, limit

        limit(RTC_BYTES, RTC_FILES)
        from redshank.process.rtc import rtc as body
    elif name.startswith("probe"):
        from redshank.process.probe import probe as body
    else:
        from redshank.process.sandbox import STUDIO_BYTES, VISION_BYTES, confine

        # Before the body is imported: numpy starts threads, and a user namespace is refused to who has them.
        is_studio = name.startswith("studio")
        confine(STUDIO_BYTES if is_studio else VISION_BYTES)
        if is_studio:
            from redshank.process.studio import studio as body
        else:
            from redshank.process.vision import vision as body
    asyncio.run(run_body(body, pipe_fd, hand_fd))
    logging.shutdown()
    # A reader stuck in a camera's socket or a model in native code must not keep a stopped process alive.
    os._exit(0)


main()
