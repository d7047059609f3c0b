"""A worker for the tests of the supervisor: `python -m tests.process.child NAME PIPE_FD HAND_FD`; NAME says how it behaves.

good     beats ten times a second, tells its settings back
parting  as good; asked to end, it still says `bye`
silent   beats once and never again, deaf to SIGTERM
stuck    says that a thread of it has not moved for a minute
crash    ends at once
garbage  sends bytes that are no message
talker   writes to standard error: lines of ours, a traceback, one very long line
"""

from __future__ import annotations

import signal
import socket
import sys

from redshank.clock import SystemClock
from redshank.pipe import Note, pack, unpack

CLOCK = SystemClock()


def main() -> None:
    kind = sys.argv[1].partition("-")[0]
    pipe = socket.socket(fileno=int(sys.argv[2]))
    settings = _settings(pipe)
    match kind:
        case "crash":
            return
        case "garbage":
            pipe.sendall(b"\xff" * 64)
        case "stuck":
            pipe.sendall(pack(Note("beat", {"stuck_s": 60.0, "stuck_in": "the detector", "blamed": "yard"})))
        case "parting":
            signal.signal(signal.SIGTERM, lambda *_: _part(pipe))
        case "silent":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            pipe.sendall(pack(Note("beat", {})))
        case "talker":
            print("WARNING redshank.vision: something odd\nTraceback\n" + "x" * 200_000, file=sys.stderr, flush=True)
    pipe.sendall(pack(Note("hello", {"settings": settings.decode()})) if kind != "garbage" else b"")
    while kind in ("good", "talker", "parting"):
        pipe.sendall(pack(Note("beat", {"well": True})))
        CLOCK.wait(0.1)
    CLOCK.wait(60)


def _part(pipe: socket.socket) -> None:
    pipe.sendall(pack(Note("bye")))
    sys.exit(0)


def _settings(pipe: socket.socket) -> bytes:
    with pipe.makefile("rb") as file:
        return unpack(file.read(int.from_bytes(file.read(4), "big"))).body


if __name__ == "__main__":
    main()
