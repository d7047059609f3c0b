"""What a recorder is told: plain values, importing nothing heavy, since the hub makes them and the capture process reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from redshank.model import SITE

SEQ_BITS = 31
"""A file's number is its epoch and a counter of so many bits, shared by all streams of a process: 32 files a second for two years. The
epoch is below 2**32 (a database that was put back counts on from the seconds since 1970), so both fit into 63 bits."""
Mode = Literal["continuous", "motion", "alert", "off"]
"""continuous: everything · motion: around whatever moves · alert: around alerts · off: nothing."""


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """How one stream of a camera is recorded."""

    camera: str
    stream: str
    volume: str
    """Id of the volume its files go to."""
    mode: Mode = "continuous"
    private: bool = False
    """Neither sound nor picture is kept, whatever the mode."""
    segment_s: float = 30.0
    """A file ends at the first keyframe after so long."""
    pre_s: float = 5.0
    """Modes motion and alert: so much before what is kept …"""
    post_s: float = 5.0
    """… and so much after."""
    sound: bool = True
    boot: str = ""
    """The kernel's boot id."""


@dataclass(frozen=True, slots=True)
class VolumeSettings:
    """One folder that footage goes to."""

    id: str
    path: str
    """Its root, opened and accepted by the hub."""
    site: str = SITE
    spool_bytes: int = 120_000_000
    """Packets that may wait in memory while it is slow or fails; then the oldest go, counted."""
