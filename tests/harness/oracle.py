"""The judge of a run: what the camera's journal says was sent, against what arrived.

Frames are known by (round, number) of their stamp. Only what was sent while somebody watched counts as owed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from tests.harness.fake_camera import Sent
from tests.harness.stamp import Stamp, read_sei

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    sent: int
    """Frames owed."""
    seen: int
    """Different frames that arrived."""
    lost: tuple[Key, ...]
    """Owed but not seen, in order of sending."""
    duplicated: tuple[Key, ...]
    out_of_order: tuple[Key, ...]
    """Seen after a frame that was sent later."""
    unknown: tuple[Key, ...]
    """Seen but never sent."""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.out_of_order or self.unknown)

    def __str__(self) -> str:
        bad = f"{len(self.lost)} lost, {len(self.duplicated)} duplicated, {len(self.out_of_order)} out of order"
        return f"{self.seen} of {self.sent} frames seen: {bad}, {len(self.unknown)} unknown"


def key(stamp: Stamp) -> Key:
    return stamp.round, stamp.number


def judge(journal: Sequence[Sent], seen: Iterable[Stamp]) -> Verdict:
    """Everything in the journal that had a viewer is owed. Cut the journal to the span of interest first (`between`)."""
    place = {key(entry.stamp): index for index, entry in enumerate(journal)}
    arrived = [key(stamp) for stamp in seen]
    counts = Counter(arrived)
    latest, late = -1, []
    for one in arrived:
        at = place.get(one, latest)
        if at < latest:
            late.append(one)
        latest = max(latest, at)
    owed = [key(entry.stamp) for entry in journal if entry.viewers]
    return Verdict(
        sent=len(owed),
        seen=len(counts),
        lost=tuple(one for one in owed if one not in counts),
        duplicated=tuple(one for one, count in counts.items() if count > 1),
        out_of_order=tuple(late),
        unknown=tuple(one for one in counts if one not in place),
    )


def between(journal: Sequence[Sent], first: Stamp, last: Stamp) -> list[Sent]:
    """The journal from `first` to `last`, both included: what one connection owed, from its first frame to its last."""
    keys = [key(entry.stamp) for entry in journal]
    return list(journal[keys.index(key(first)) : keys.index(key(last)) + 1])


def stamps_of(path: Path) -> list[Stamp]:
    """Stamps of a recorded file's frames in decode order. Raises av.FFmpegError when it cannot be read."""
    with av.open(str(path)) as recorded:
        found = [read_sei(bytes(packet)) for packet in recorded.demux(video=0) if packet.size]
    return [stamp for stamp in found if stamp is not None]
