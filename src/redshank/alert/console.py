"""The console channel: one line per message to a writer (usually standard output). A terminal that takes no output blocks nobody."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TextIO

from redshank.alert.base import Message
from redshank.errors import ChannelError


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """`timeout_s`: how long a stuck terminal is waited for."""

    name: str = "console"
    timeout_s: float = 10.0


class ConsoleChannel:
    """Writes in the thread pool; while one line is stuck (Ctrl-S, full pipe) further ones are refused, not piled up."""

    can_update = False

    def __init__(self, settings: ConsoleSettings, writer: TextIO) -> None:
        self._settings = settings
        self._writer = writer
        self._writing: asyncio.Future[None] | None = None

    @property
    def name(self) -> str:
        return self._settings.name

    async def send(self, message: Message, previous: str) -> str:
        if self._writing is not None and not self._writing.done():
            raise ChannelError("the terminal takes no output: continue it with Ctrl-Q or read the pipe")
        self._writing = asyncio.ensure_future(asyncio.to_thread(self._write, line(message)))
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await asyncio.shield(self._writing)
        except TimeoutError as error:
            raise ChannelError("the terminal takes no output: continue it with Ctrl-Q or read the pipe") from error
        except (OSError, ValueError) as error:
            raise ChannelError("standard output is closed") from error
        return ""

    def _write(self, text: str) -> None:
        self._writer.write(text + "\n")
        self._writer.flush()

    async def close(self) -> None:
        """The writer belongs to whoever opened it."""


def line(message: Message) -> str:
    """`2026-11-21 08:03:12 CET  OPEN  Person at Front door  person 87.3 %  https://…`"""
    seen = ", ".join(f"{d.label} {d.score * 100:.1f} %" for d in message.detections[:5])
    parts = (message.time_text, message.kind.upper(), message.title, seen, message.link)
    return "  ".join(part for part in parts if part)
