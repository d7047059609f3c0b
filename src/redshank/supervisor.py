"""Starts our processes, watches them, and starts them again.

A worker is a child process with a pipe to us. It says `beat` once a second; silence for SILENT_S, or a beat that admits it is
stuck, means it is killed and replaced (rel:T43). Replacing waits 1 s first, growing to 10 s while it keeps dying, and resets
after a minute of health. Everything here runs on the event loop of the hub.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redshank import logs
from redshank.clock import NS_PER_S, Clock
from redshank.errors import RedshankError
from redshank.pipe import Note, Pipe, PipeBroken
from redshank.process.wire import hand_over

log = logging.getLogger(__name__)

SILENT_S = 4.0
STARTING_S = 60.0
"""Loading a model for the first time on a slow board takes a while; beats begin before that."""
STOP_S = 4.0
LAST_WORDS_S = 0.5
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 10.0
HEALTHY_S = 60.0


@dataclass(slots=True)
class Worker:
    """One process to keep alive, and what to do with what it says."""

    name: str
    """capture-0, vision-0 …; the part before the dash is the body to run."""
    settings: Callable[[], Awaitable[bytes]]
    """Its settings as JSON, asked for at every start."""
    on_note: Callable[[Note], Awaitable[None]]
    on_change: Callable[[bool], None] = lambda _alive: None
    """True after each start, False after each end."""
    module: str = "redshank.process"
    """What is run, with the name and two file descriptors as arguments; tests give their own."""
    longest_wait_s: float = LONGEST_WAIT_S
    """Between two starts, when it keeps dying."""
    starts: int = 0
    pid: int | None = None
    failing: str = ""
    """Why it ended last; empty while it is healthy."""
    blamed: str = ""
    """The camera whose analysis brought it down last; taken by whoever makes its settings."""
    stats: Mapping[str, Any] = field(default_factory=dict)
    """Of its last beat."""
    pipe: Pipe | None = None
    hand: socket.socket | None = None
    """Through which it takes sockets."""

    def tell(self, note: Note) -> bool:
        """Say something to it; False when it is not there."""
        if self.pipe is None:
            return False
        self.pipe.write(note)
        return True


class Supervisor:
    """Keeps workers alive until it is cancelled."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def keep(self, worker: Worker) -> None:
        """Run-forever around run-once. Cancelling it stops the worker in at most STOP_S."""
        wait = FIRST_WAIT_S
        while True:
            started = self._clock.mono_ns()
            try:
                worker.failing = await self._run_once(worker)
            except (RedshankError, OSError) as error:
                # A full disk or too many open files: capture and hub go on, this one is tried again.
                worker.failing = str(error)
            log.error("process ended, starting it again", extra={"worker": worker.name, "reason": worker.failing})
            if self._clock.mono_ns() - started > HEALTHY_S * NS_PER_S:
                wait = FIRST_WAIT_S
            await self._clock.sleep(wait)
            wait = min(wait * 2, worker.longest_wait_s)

    async def _run_once(self, worker: Worker) -> str:
        """Start it, serve it, and make sure that it is gone; the answer is why it ended."""
        settings = await worker.settings()
        ours, theirs = socket.socketpair()
        hand, their_hand = socket.socketpair()
        process = await _spawn(worker, theirs, their_hand)
        told = asyncio.ensure_future(_repeat(worker.name, process.stderr))
        theirs.close()
        their_hand.close()
        pipe = await Pipe.over(ours)
        worker.pipe, worker.hand, worker.pid = pipe, hand, process.pid
        worker.starts += 1
        try:
            pipe.write(Note("settings", {}, settings))
            worker.on_change(True)
            return await self._serve(worker, pipe)
        finally:
            worker.pipe = worker.hand = worker.pid = None
            await _end(process, worker, pipe)
            pipe.close()
            hand.close()
            worker.on_change(False)
            # What it wrote last; not for ever, since a child of its own may hold the other end.
            await asyncio.wait({told}, timeout=LAST_WORDS_S)
            told.cancel()

    async def _serve(self, worker: Worker, pipe: Pipe) -> str:
        """Only the time it says nothing counts: how long its owner takes to hear is not its fault."""
        limit = STARTING_S
        while True:
            try:
                async with asyncio.timeout(limit):
                    note = await pipe.read()
            except TimeoutError:
                return f"silent for {limit:.0f} s"
            except PipeBroken:
                return "it ended by itself"
            if note.kind != "beat":
                if not await _heard(worker, note):
                    return f"its note {note.kind!r} could not be handled, see the log"
                continue
            if note.header.get("stuck_s", 0) > SILENT_S:
                worker.blamed = str(note.header.get("blamed", ""))
                return f"{note.header.get('stuck_in', 'a thread of it')} does not answer"
            worker.stats, worker.failing = note.header, ""
            limit = STARTING_S if note.header.get("loading") else SILENT_S


async def guard(name: str, run: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Keep a part of the hub going: what it did not expect is logged and costs it a second, never the other parts.

    Returns when `run` does.
    """
    while True:
        try:
            await run()
            return
        except Exception:
            log.exception("a part of the hub failed and is started again", extra={"part": name})
            await clock.sleep(FIRST_WAIT_S)


def connect(a: Worker, b: Worker) -> None:
    """Give both a fresh socket to each other; called when either has started anew."""
    if a.hand is None or b.hand is None:
        return
    left, right = socket.socketpair()
    try:
        # Whichever is gone already will be started again, and connect is called again then.
        with contextlib.suppress(OSError):
            hand_over(a.hand, left)
            hand_over(b.hand, right)
    finally:
        left.close()
        right.close()


INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "XDG_CACHE_HOME",
    "REDSHANK_MODELS",
    "SSL_CERT_FILE",
)
INHERITED_PREFIXES = ("PYTHON", "LC_", "LD_", "OMP_", "CUDA", "NVIDIA", "ORT_", "OPENVINO")


async def _spawn(worker: Worker, *sockets: socket.socket) -> asyncio.subprocess.Process:
    """A fresh interpreter that inherits two sockets and the way to our log; no secret is on its command line or in its environment."""
    fds = [s.fileno() for s in sockets]
    argv = [sys.executable, "-m", worker.module, worker.name, *map(str, fds)]
    kept = {k: v for k, v in os.environ.items() if k in INHERITED or k.startswith(INHERITED_PREFIXES)}
    # glibc keeps a heap for each of many short-lived threads otherwise: 16 MB more in vision (benchmarks.memory).
    kept.setdefault("MALLOC_ARENA_MAX", "2")
    return await asyncio.create_subprocess_exec(*argv, pass_fds=fds, env=kept, stdin=DEVNULL, stderr=PIPE)


async def _repeat(worker: str, stderr: asyncio.StreamReader | None) -> None:
    """What a process writes for people goes into our log: a file it inherited it may not write (`process.sandbox`)."""
    before = (logging.ERROR, __name__)
    while stderr is not None:
        try:
            line = await stderr.readuntil()
        except asyncio.IncompleteReadError as end:
            line, stderr = end.partial, None
        except asyncio.LimitOverrunError as long:
            line = await stderr.readexactly(long.consumed)
        if words := line.decode(errors="replace").strip("\n"):
            before = logs.repeat(worker, words, before)


async def _end(process: asyncio.subprocess.Process, worker: Worker, pipe: Pipe) -> None:
    """SIGTERM, then SIGKILL; a stopped process only answers to the latter. What it says while it ends is still heard."""
    heard = asyncio.ensure_future(_hear_out(worker, pipe))
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            await process.wait()
    await asyncio.wait({heard}, timeout=LAST_WORDS_S)
    heard.cancel()


async def _hear_out(worker: Worker, pipe: Pipe) -> None:
    with contextlib.suppress(PipeBroken):
        while True:
            note = await pipe.read()
            if note.kind != "beat":
                await _heard(worker, note)


async def _heard(worker: Worker, note: Note) -> bool:
    """The one place that may catch everything: a note that cannot be handled costs its sender, never the hub."""
    try:
        await worker.on_note(note)
    except Exception:
        log.exception("a note could not be handled", extra={"worker": worker.name, "note": note.kind})
        return False
    return True
