"""What a filter shows, to take along: a table, or an archive with pictures, clips and the table. Streamed; nothing is kept.

Two archives at once, the others wait; an alert's files are read when their turn comes. What does not fit is said: in the archive, and
in the header `Redshank-Left-Out`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from redshank.access.who import Verb
from redshank.alert.compose import blob_name
from redshank.clock import rfc3339
from redshank.errors import StoreError
from redshank.playback.movie import Movie, make_movie
from redshank.store.rows import Row, alert_in
from redshank.store.search import Place, Wanted, alert_rows
from redshank.store.tally import tally
from redshank.web.alert import alert_span
from redshank.web.alerts import shown
from redshank.web.filters import AlertFilter, Flag
from redshank.web.guard import needs
from redshank.web.packing import Archive
from redshank.web.review import Noted, Review, Reviewing
from redshank.web.site import WebSite
from redshank.web.table import lines

routes = APIRouter(prefix="/api")
MOST_ROWS = 100_000
PAGE = 200
Filter = Annotated[AlertFilter, Depends()]
COLUMNS = (
    *("id", "opened", "closed", "camera", "title", "rule", "label", "score", "zones", "severity", "state"),
    *("reason", "reviewed", "mark", "note"),
)


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be packed."""

    site: WebSite
    review: Review
    wanted: Wanted
    clips: bool = False


@routes.get("/alerts.csv", response_class=Response)
@needs(Verb.HISTORY)
def as_table(asked: Filter, review: Reviewing, note: Noted) -> Response:
    """What the filter shows, newest first, at most 100,000 lines."""
    order = _Order(asked.site, review, asked.wanted())
    body = lines(COLUMNS, (_cells(item) for _row, item in _items(order, MOST_ROWS)))
    note("download", "", "alerts.csv")
    headers = _headers("alerts.csv", _left_out(order, MOST_ROWS))
    return StreamingResponse(body, headers=headers, media_type="text/csv; charset=utf-8")


@routes.get("/download.zip", response_class=Response)
@needs(Verb.EXPORT)
async def as_archive(asked: Filter, review: Reviewing, note: Noted, clips: Flag = None) -> Response:
    """What the filter shows, newest first, at most 1000 alerts: pictures, with `clips=1` their footage, and the table."""
    order = _Order(asked.site, review, asked.wanted(), clips == "1")
    left = await run_in_threadpool(_left_out, order, review.most_files)
    note("download", "", f"download.zip{' with clips' if order.clips else ''}")

    async def body() -> AsyncIterator[bytes]:
        async with review.downloads:
            async for part in iterate_in_threadpool(_packed(order, left)):
                yield part

    return StreamingResponse(body(), headers=_headers("alerts.zip", left), media_type="application/zip")


def _packed(order: _Order, left: int) -> Iterator[bytes]:
    """The archive's bytes."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=order.site.clock.now())
    now = moment.astimezone(order.review.zone())
    archive = Archive((now.year, now.month, now.day, now.hour, now.minute, now.second))
    rows = list[list[object]]()
    for row, item in _items(order, order.review.most_files):
        name = f"{row['camera']}-{rfc3339(row['opened'])[:19].replace(':', '').replace('-', '')}Z-{row['id'][-12:]}"
        picture = order.review.pictures.read(blob_name(alert_in(row), "jpg")) if order.review.pictures else None
        movie = _movie(order.site, row) if order.clips else None
        if picture is not None:
            yield from archive.add(f"{name}.jpg", picture)
        if movie is not None:
            yield from archive.film(f"{name}.mp4", movie)
        rows.append([*_cells(item), f"{name}.jpg" if picture else "", f"{name}.mp4" if movie else ""])
    yield from archive.add("alerts.csv", b"".join(lines((*COLUMNS, "picture", "clip"), rows)))
    if left:
        said = f"{left} more alerts match and are not in this archive, which holds {order.review.most_files}. Ask for less at once.\r\n"
        yield from archive.add("LEFT-OUT.txt", said.encode())
    yield from archive.close()


def _items(order: _Order, most: int) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Rows and fields of alerts, a page at a time."""
    after: Place | None = None
    while most > 0:
        read = partial(alert_rows, wanted=order.wanted, limit=min(PAGE, most), after=after)
        rows = order.site.store.read(read)
        yield from zip(rows, shown(order.site, order.review, rows, order.wanted.user), strict=True)
        if len(rows) < PAGE:
            return
        most -= len(rows)
        after = rows[-1]["opened"], rows[-1]["id"]


def _cells(item: dict[str, Any]) -> list[object]:
    return [" ".join(item["zones"]) if name == "zones" else item[name] for name in COLUMNS]


def _movie(site: WebSite, row: Row) -> Movie | None:
    """None without footage."""
    span = alert_span(site, row)
    try:
        return make_movie(site.plan(span.camera, "main", span.start, span.end), site.footage)
    except StoreError:
        return None


def _left_out(order: _Order, most: int) -> int:
    return max(0, order.site.store.read(partial(tally, wanted=order.wanted)).total - most)


def _headers(name: str, left: int) -> dict[str, str]:
    said = {"Redshank-Left-Out": str(left)} if left else {}
    return {"Content-Disposition": f'attachment; filename="{name}"', **said}
