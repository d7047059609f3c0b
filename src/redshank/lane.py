"""A thread for calls that may hang for ever: those on a disk or a network share that has stopped to answer.

Such a call keeps nobody but its lane: not the pool others share, not the end of the program (the thread is a daemon).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class Lane:
    """Calls one after another, in the order they were asked for. `run` on the event loop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """What the call returns or raises. Cancelling the future does not end the call."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def answer(set_it: Callable[[], None]) -> None:
            # A loop that has ended wants no answers any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(lambda: None if future.done() else set_it())

        def work() -> None:
            try:
                result = call()
            except BaseException as error:
                failure = error
                answer(lambda: future.set_exception(failure))
                if not isinstance(error, Exception):
                    raise
            else:
                answer(lambda: future.set_result(result))

        self._calls.put(work)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        return future

    def _serve(self) -> None:
        while True:
            self._calls.get()()
