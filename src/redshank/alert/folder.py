"""The folder channel: one JSON line per message in `alerts.jsonl`, and its annotated picture beside it.

For scripts, for a look with a file manager, and for trying Redshank out. A line is the body of a webhook (docs/guide/webhooks.md)
without the picture inside; `file` names it. At least once: after a crash a line may be there twice, with the same `id`.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path

from redshank.alert.base import Message
from redshank.alert.webhook import payload
from redshank.errors import ChannelError

LINES = "alerts.jsonl"


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """`path` is made when it is missing."""

    name: str
    path: Path


class FolderChannel:
    """Writes in the thread pool, one message at a time."""

    can_update = True

    def __init__(self, settings: FolderSettings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()

    @property
    def name(self) -> str:
        return self._settings.name

    async def send(self, message: Message, previous: str) -> str:
        async with self._turn:
            try:
                return await asyncio.to_thread(self._write, message, previous)
            except OSError as error:
                raise ChannelError(
                    f"{self._settings.path}: {error.strerror}: make room or give it another path"
                ) from error

    def _write(self, message: Message, previous: str) -> str:
        """The picture first, so that a line never names a file that is not there. The result is the picture's name."""
        folder = self._settings.path
        folder.mkdir(parents=True, exist_ok=True)
        picture = previous
        if message.picture is not None and not previous:
            # Two people may come in the same second: the alert's id keeps their pictures apart.
            stem, dot, ending = message.picture.name.rpartition(".")
            picture = f"{stem}-{message.alert.id[-6:]}{dot}{ending}"
            _place(folder / picture, message.picture.jpeg)
        told = {"id": message.id, **json.loads(payload(message, picture=False)), "file": picture}
        line = json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n"
        fd = os.open(folder / LINES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(fd, line.encode())
            os.fdatasync(fd)
        finally:
            os.close(fd)
        return picture

    async def close(self) -> None:
        """Nothing is kept open."""


def _place(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
