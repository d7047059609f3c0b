"""Why somebody is not let in, or may not change something: one error, for people to read, with what the web makes of it."""

from __future__ import annotations

from typing import Literal

from redshank.errors import RedshankError

Why = Literal["invalid", "unknown", "forbidden", "missing", "conflict", "often", "busy"]


class Refusal(RedshankError):
    """unknown: not who they say they are · missing: there is no such thing (or not for them) · often, busy: again after `wait_s`."""

    def __init__(self, why: Why, message: str, wait_s: int = 0) -> None:
        super().__init__(message)
        self.why = why
        self.wait_s = wait_s
