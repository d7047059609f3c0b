"""Rows as CSV that a spreadsheet opens: UTF-8 with its mark, CRLF (RFC 4180), no cell that it would take for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

MARK = b"\xef\xbb\xbf"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell must not begin with (OWASP, CSV injection)."""
_AT_ONCE = 200


def lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The file, in pieces."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(head)
    yield MARK
    for number, row in enumerate(rows):
        table.writerow([cell(value) for value in row])
        if number % _AT_ONCE == 0:
            yield _taken(out)
    yield _taken(out)


def cell(value: object) -> object:
    """Text that would be a formula gets an apostrophe in front, which spreadsheets do not show."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()
