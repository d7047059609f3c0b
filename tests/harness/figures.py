"""Measured figures of the numbered tests: printed, and written into docs/reference/reliability.md by `make torture`.

`make torture` names the file in REDSHANK_FIGURES; without it nothing but the test's output changes. A test's row is replaced when
it is measured again, so the table always says what was measured last, when, and how.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from redshank.clock import SystemClock, rfc3339

FILE = "REDSHANK_FIGURES"


def figure(number: str, measured: str, how: str) -> None:
    """number: T01 …; measured: the figure with its n; how: what was done, in short."""
    print(f"{number}: {measured} ({how})")
    if named := os.environ.get(FILE):
        _write(Path(named), number, f"| {number} | {measured} | {how} | {_when()} |")


def _when() -> str:
    cores = os.cpu_count()
    return f"{rfc3339(SystemClock().now())[:10]}, {cores} cores, CPython {platform.python_version()}"


def _write(file: Path, number: str, row: str) -> None:
    lines = [line for line in file.read_text().splitlines() if not line.startswith(f"| {number} |")]
    rows = [index for index, line in enumerate(lines) if line.startswith("| ")]
    place = next((index for index in rows[1:] if lines[index] > row and lines[index].startswith("| T")), rows[-1] + 1)
    lines.insert(place, row)
    file.write_text("\n".join(lines) + "\n")
