"""Footage recorded under a wrong clock is moved to where it belongs once the clock is right (rel:T30)."""

from __future__ import annotations

from sqlalchemy import Connection

from redshank.model import SITE


def remap(conn: Connection, boot: str, before_mono_ns: int, shift_us: int, site: str = SITE) -> int:
    """Move every segment of this boot that began before `before_mono_ns` (monotonic) by `shift_us`, and the gaps between
    them; how many segments. Their keys, files and order by `seq` stay, retention has to look at them again, nothing is
    deleted. Not idempotent: once per step of the clock. Write."""
    raise NotImplementedError
