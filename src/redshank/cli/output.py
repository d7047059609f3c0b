"""How commands print: JSON for scripts, tables and progress bars for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

err = Console(stderr=True)
"""For people: progress, hints. Standard output carries results only."""


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """A table on standard output; plain columns when it is not a terminal."""
    table = Table(*columns, title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console().print(table)


@contextmanager
def progress(bytes_: bool = False) -> Iterator[Progress]:
    """A progress bar on standard error, nothing when that is not a terminal."""
    amount = DownloadColumn() if bytes_ else TextColumn("{task.percentage:>3.0f} %")
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    # Results written to a file or a pipe must not be drawn above the bar instead.
    shown = sys.stdout.isatty()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal, redirect_stdout=shown) as bars:
        yield bars
