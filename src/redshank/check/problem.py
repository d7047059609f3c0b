"""What can be wrong between database and files. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from redshank.model import Segment


class Kind(StrEnum):
    """missing: a row without its file · short, longer: than its row says · damaged: its bytes are not those that were written ·
    unreadable: the disk cannot read it, or it is no footage · orphan: finished footage without a row · leftover: footage a crash
    interrupted · double: two rows for one file · misplaced: row, name and contents do not agree whose footage it is · row: the row
    describes another file than this · future: recorded later than now · gap: the ledger says there is none where there is footage, or
    nothing where there is neither · volume: not there, so nothing of it was looked at · foreign: not ours; never touched."""

    MISSING = "missing"
    SHORT = "short"
    LONGER = "longer"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    ORPHAN = "orphan"
    LEFTOVER = "leftover"
    DOUBLE = "double"
    MISPLACED = "misplaced"
    ROW = "row"
    FUTURE = "future"
    GAP = "gap"
    VOLUME = "volume"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: Kind
    volume: str
    """Its id; empty for a gap."""
    path: str
    """Below the volume's root; `camera/stream` for a gap."""
    text: str
    """One line for people."""
    segment: Segment | None = None
    """The row, where there is one."""
    span: tuple[int, int] | None = None
    """Of a gap, UTC µs."""


@dataclass(slots=True)
class Report:
    """What was looked at and what was found."""

    files: int = 0
    """Finished ones."""
    rows: int = 0
    bytes: int = 0
    """Of the files of those rows."""
    busy: int = 0
    """Files being written now."""
    foreign: int = 0
    problems: list[Problem] = field(default_factory=list)
    """Foreign files are among them but are no fault."""

    @property
    def ok(self) -> bool:
        return not self.faults

    @property
    def faults(self) -> Sequence[Problem]:
        return [problem for problem in self.problems if problem.kind is not Kind.FOREIGN]

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(problem.kind.value for problem in self.problems))
