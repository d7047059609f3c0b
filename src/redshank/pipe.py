"""Messages over a socket pair between our own processes.

A message is a kind, a small JSON header and raw bytes:

    4 bytes big-endian  length of what follows
    4 bytes             length of the JSON part
    JSON                {"k": kind, …header}
    rest                body (packet or JPEG bytes)

One process trusts the other only as far as sizes: a message above MAX_BYTES or with broken JSON raises
`PipeBroken`, and the supervisor replaces the process that sent it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_BYTES = 32 * 1024 * 1024
_HEAD = struct.Struct(">II")
_SIZE = struct.Struct(">I")


class PipeBroken(ConnectionError):
    """The other process is gone or sent nonsense."""


@dataclass(frozen=True, slots=True)
class Note:
    """One message."""

    kind: str
    header: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""


def pack(note: Note) -> bytes:
    head = json.dumps({"k": note.kind, **note.header}, separators=(",", ":")).encode()
    return _HEAD.pack(4 + len(head) + len(note.body), len(head)) + head + note.body


def unpack(payload: bytes) -> Note:
    """The inverse, without the leading length. Raises PipeBroken."""
    (size,) = _SIZE.unpack_from(payload)
    try:
        header = json.loads(payload[4 : 4 + size])
    except (ValueError, RecursionError) as error:
        raise PipeBroken("malformed message between processes") from error
    if not isinstance(header, dict) or not isinstance(kind := header.pop("k", None), str):
        raise PipeBroken("malformed message between processes")
    return Note(kind, header, payload[4 + size :])


class Pipe:
    """The event-loop end. One task reads, any task writes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, sock: socket.socket) -> Pipe:
        sock.setblocking(False)
        return cls(*await asyncio.open_connection(sock=sock, limit=1 << 20))

    async def read(self) -> Note:
        """Raises PipeBroken at the end of the other process, and for nonsense."""
        (size,) = _SIZE.unpack(await self._exactly(4))
        if not 4 <= size <= MAX_BYTES:
            raise PipeBroken(f"message of {size} bytes between processes")
        return unpack(await self._exactly(size))

    async def _exactly(self, count: int) -> bytes:
        try:
            return await self._reader.readexactly(count)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise PipeBroken("the other process is gone") from error

    @property
    def waiting(self) -> int:
        """Bytes written but not yet taken by the other process."""
        return self._writer.transport.get_write_buffer_size()

    def write(self, note: Note) -> None:
        """Never blocks; look at `waiting` first where the sender must bound itself."""
        if not self._writer.is_closing():
            self._writer.write(pack(note))

    async def drain(self) -> None:
        try:
            await self._writer.drain()
        except OSError as error:
            raise PipeBroken("the other process is gone") from error

    def close(self) -> None:
        self._writer.close()
