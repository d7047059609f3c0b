"""Passwords: Argon2id (RFC 9106), at most two at once, on threads, so that neither the event loop nor the recorder waits for them.

The hash holds its own parameters: after they were changed here, a password is hashed anew at the next log-in.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from redshank.access.refusal import Refusal
from redshank.access.secret import new_secret

T = TypeVar("T")

SHORTEST, LONGEST = 12, 200
AT_ONCE = 2
WAITING = 16
"""Log-ins that wait for their turn; one more is told to come back."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one hash. The default takes 0.18 s on one core of a 2-core AMD EPYC VM."""

    passes: int = 4
    memory_kib: int = 65_536
    lanes: int = 1


class Passwords:
    """On the event loop."""

    def __init__(self, cost: Cost | None = None) -> None:
        cost = cost or Cost()
        self._hasher = PasswordHasher(cost.passes, cost.memory_kib, cost.lanes)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """Raises Refusal for one that is too short or too long, and when too many log in at once."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise Refusal("invalid", f"a password has {SHORTEST} to {LONGEST} characters")
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, kept: str, password: str) -> bool:
        """kept: empty when there is no such account; that takes as long. Raises Refusal when too many log in at once."""
        if not kept and not self._nobody:
            self._nobody = await self._run(lambda: self._hasher.hash(new_secret()))
        return await self._run(lambda: self._verify(kept or self._nobody, password)) and bool(kept)

    def outdated(self, kept: str) -> bool:
        """Whether it was made with other parameters."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, _bytes(password[:LONGEST])) and len(password) <= LONGEST
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING:
            raise Refusal("busy", "too many people log in at this moment: try again", 5)
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _bytes(password: str) -> bytes:
    """The same however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")
