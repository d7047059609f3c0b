"""What the tests of segments and gaps share: rows to put in, and the ledger told instant by instant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from redshank.model import Gap, GapReason, Segment
from redshank.store.gaps import EVER
from redshank.store.recordings import Key

Row = tuple[int, int | None, GapReason]


def segment(
    seq: int,
    start: int,
    end: int,
    camera: str = "door",
    stream: str = "main",
    volume: str = "disk",
    boot: str = "boot",
    mono_ns: int = 0,
    motion: float | None = 0.0,
) -> Segment:
    """A row as a recorder makes it; `seq` also is its size in bytes."""
    path = f"{camera}/{stream}/2026-11-21/08/00.00-{seq}.mp4"
    return Segment(
        camera, stream, seq, volume, path, start, end, size=seq, media_from=700, media_to=9000, frames=450,
        video="h264", width=1280, height=720, epoch=3, setup="0123456789abcdef", index=bytes(range(16)),
        boot=boot, mono_ns=mono_ns, sha256="ab" * 32, motion=motion,
    )  # fmt: skip


@dataclass
class Ledger:
    """The reference: what is known of each instant of one stream. Simple, slow, and independent of the database."""

    segments: dict[int, tuple[int, int]] = field(default_factory=dict)
    gaps: dict[int, GapReason] = field(default_factory=dict)
    open: tuple[int, GapReason] | None = None

    def covered(self) -> set[int]:
        return {time for start, end in self.segments.values() for time in range(start, end)}

    def bounds(self) -> tuple[int, int] | None:
        known = self.covered() | set(self.gaps)
        firsts, lasts = ([min(known)], [max(known) + 1]) if known else ([], [])
        if self.open is not None:
            firsts, lasts = [*firsts, self.open[0]], [*lasts, self.open[0]]
        return (min(firsts), max(lasts)) if firsts else None

    def fill(self, times: Iterable[int], reason: GapReason) -> None:
        free = set(times) - self.covered() - set(self.gaps)
        if self.open is not None:
            free = {time for time in free if time < self.open[0]}
        self.gaps |= dict.fromkeys(free, reason)

    def tell(self, times: Iterable[int], reason: GapReason) -> None:
        self.gaps |= dict.fromkeys(set(times) - self.covered(), reason)

    def add(self, seq: int, start: int, end: int, reason: GapReason) -> None:
        known, old = self.bounds(), self.segments.get(seq, (0, 0))
        if self.open is not None and self.open[0] < start:
            self.close(start)
        self.segments[seq] = (start, end)
        self.gaps = {time: why for time, why in self.gaps.items() if not start <= time < end}
        if self.open is not None and self.open[0] < end:
            self.open = (end, self.open[1])
        self.fill(range(*old), reason)
        if known is not None:
            self.fill(range(known[1], start), reason)
            self.fill(range(end, known[0]), reason)

    def remove(self, seqs: Iterable[int], reason: GapReason) -> None:
        gone = [self.segments.pop(seq) for seq in seqs if seq in self.segments]
        for span in gone:
            self.fill(range(*span), reason)

    def close(self, end: int) -> None:
        if self.open is not None:
            start, reason = self.open
            self.open = None
            self.tell(range(start, end), reason)

    def open_(self, start: int, reason: GapReason) -> None:
        known = self.bounds()
        self.close(start)
        if known is not None:
            self.fill(range(known[1], start), GapReason.UNKNOWN)
            self.tell(range(start, known[1]), reason)
            start = max(start, known[1])
        self.open = (start, reason)

    def tell_gap(self, start: int, end: int, reason: GapReason) -> None:
        if self.open is not None and self.open[0] < end:
            self.close(start)
        known = self.bounds()
        self.tell(range(start, end), reason)
        if known is not None:
            self.fill(range(known[1], start), GapReason.UNKNOWN)
            self.fill(range(end, known[0]), GapReason.UNKNOWN)

    def rows(self) -> list[Row]:
        """The gaps as rows: runs of one reason, the open one last. What of its reason lies before the open one is part of it."""
        while self.open is not None and self.gaps.get(self.open[0] - 1) is self.open[1]:
            self.open = (self.open[0] - 1, self.open[1])
            del self.gaps[self.open[0]]
        found: list[Row] = []
        for time in sorted(self.gaps):
            if found and found[-1][1] == time and found[-1][2] is self.gaps[time]:
                found[-1] = (found[-1][0], time + 1, found[-1][2])
            else:
                found.append((time, time + 1, self.gaps[time]))
        return found if self.open is None else [*found, (self.open[0], None, self.open[1])]


def as_rows(found: Iterable[Gap]) -> list[Row]:
    return [(gap.start, gap.end, gap.reason) for gap in found]


def check(segments: Iterable[Segment], gaps: Iterable[Gap]) -> None:
    """The promise: from the first to the last instant known, every instant is in footage or in exactly one gap, and no two
    neighbours could be one. Works on spans, so it may be used with real times."""
    rows = sorted(as_rows(gaps))
    shot = sorted((one.start, one.end) for one in segments)
    assert all(end is not None for _, end, _ in rows[:-1]), "an open gap is not the last"
    spans = [(start, EVER if end is None else end, True) for start, end, _ in rows] + [(*span, False) for span in shot]
    reached, gap_reached = min(spans, default=(0,))[0], -EVER
    for start, end, gap in sorted(spans):
        assert start <= reached, f"nothing is known of {reached} … {start}"
        assert start >= (reached if gap else gap_reached), f"a gap and something else are both at {start}"
        reached, gap_reached = max(reached, end), end if gap else gap_reached
    for one, other in pairwise(rows):
        assert one[1:] != (other[0], other[2]), f"two gaps at {other[0]} are one"


def keys(*seqs: int, camera: str = "door", stream: str = "main") -> list[Key]:
    return [(camera, stream, seq) for seq in seqs]
