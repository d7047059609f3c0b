"""What became of each key of a Frigate configuration. Keys and our own words only: no value, so no password."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from redshank.config.document import Text, Tree
from redshank.frigate.notes import note_for
from redshank.targets import redact

Status = Literal["mapped", "changed", "unsupported"]


@dataclass(frozen=True, slots=True)
class Line:
    """One key."""

    key: str
    """Dotted, as in Frigate's file."""
    status: Status
    to: str
    """Dotted, in the new file; empty: nowhere."""
    note: str


class Report:
    """Filled while a configuration is read. One thread."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def mapped(self, key: str, to: str, note: str = "") -> None:
        """It means the same here."""
        self._lines[key] = Line(key, "mapped", to, note)

    def changed(self, key: str, to: str, note: str) -> None:
        """It means something a little different here."""
        self._lines[key] = Line(key, "changed", to, note)

    def unsupported(self, key: str, note: str) -> None:
        """There is nothing like it here."""
        self._lines[key] = Line(key, "unsupported", "", note)

    def refused(self, to: str, why: str) -> None:
        """What was written to `to` could not stay there."""
        for key, line in self._lines.items():
            if line.to == to or line.to.startswith((f"{to}.", f"{to}[")):
                self._lines[key] = replace(line, status="unsupported", to="", note=f"left out: {why}")

    def lines(self, tree: Mapping[str, Tree]) -> tuple[Line, ...]:
        """One for every key of the file, in its order, then what was added to what it says."""
        leaves = list(_leaves(tree, ""))
        made = [self._line(key) for key in leaves]
        added = [line for key, line in self._lines.items() if not any(_within(leaf, key) for leaf in leaves)]
        return tuple(replace(one, key=redact(one.key)[:200], to=one.to[:200]) for one in (*made, *added))

    def _line(self, key: str) -> Line:
        """Its own, or that of the section it is in."""
        at = key
        while at:
            if at in self._lines:
                return replace(self._lines[at], key=key)
            at = at[: max(at.rfind("."), at.rfind("["), 0)]
        return Line(key, "unsupported", "", note_for(key))


def _within(key: str, section: str) -> bool:
    return key == section or key.startswith((f"{section}.", f"{section}["))


def _leaves(tree: Tree | Mapping[str, Tree], key: str) -> Iterator[str]:
    """Keys with a value, a list of words, or nothing."""
    if isinstance(tree, Mapping) and tree:
        for name, one in tree.items():
            yield from _leaves(one, f"{key}.{name}" if key else str(name))
    elif isinstance(tree, list) and any(not isinstance(one, Text) for one in tree):
        for i, one in enumerate(tree):
            yield from _leaves(one, f"{key}[{i}]")
    elif key:
        yield key
