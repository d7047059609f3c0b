"""Who did what. Nothing here changes it. Routes run in the pool."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from redshank.access.who import Verb
from redshank.clock import rfc3339
from redshank.store import audit
from redshank.store.audit import Asked
from redshank.web.answer import time_of
from redshank.web.guard import needs
from redshank.web.site import Site

routes = APIRouter(prefix="/api", tags=["access"])


class AuditLine(BaseModel):
    time: str
    kind: str
    """user, guest, token or nobody."""
    who: str
    what: str
    camera: str
    detail: str
    address: str
    count: int
    """So many alike within a minute from `time` on."""


class AuditPage(BaseModel):
    items: list[AuditLine]
    next: str | None


Text = Annotated[str, Query(max_length=200)]


async def _asked(
    who: Text = "",
    what: Text = "",
    camera: Text = "",
    start: Annotated[str, Query(alias="from", max_length=40)] = "",
    end: Annotated[str, Query(alias="to", max_length=40)] = "",
    after: Annotated[str, Query(max_length=18, pattern=r"^\d*$")] = "",
) -> Asked:
    return Asked(
        who,
        what,
        camera,
        time_of(start) if start else None,
        time_of(end) if end else None,
        int(after) if after else None,
    )


@routes.get("/audit", response_model=AuditPage)
@needs(Verb.CONFIGURE)
def lines(
    site: Site, asked: Annotated[Asked, Depends(_asked)], limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> AuditPage:
    """Newest first."""
    found = site.store.read(partial(audit.page, asked=asked, limit=limit + 1))
    items = [
        AuditLine(
            time=rfc3339(one.time),
            kind=one.kind,
            who=one.who,
            what=one.what,
            camera=one.camera,
            detail=one.detail,
            address=one.address,
            count=count,
        )
        for _number, one, count in found[:limit]
    ]
    return AuditPage(items=items, next=str(found[limit - 1][0]) if len(found) > limit else None)
