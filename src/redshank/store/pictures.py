"""Where stills are. The bytes lie beside the media; a row only names the file."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, insert, select

from redshank.model import SITE
from redshank.store.schema import pictures


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """One picture file."""

    id: str
    camera: str
    kind: str
    """best, alert, clean …"""
    time: int
    path: str
    """Below the media root."""
    width: int
    height: int
    bytes: int
    event: str = ""
    alert: str = ""
    sha256: str = ""


def add(conn: Connection, picture: StoredPicture, site: str = SITE) -> None:
    """Write; after the file is in its place, so that a row never names a file that is not there."""
    conn.execute(insert(pictures).values(site=site, **asdict(picture)))


def of_alert(conn: Connection, alert: str, site: str = SITE) -> list[StoredPicture]:
    """Oldest first."""
    return _all(conn, pictures.c.alert == alert, site)


def of_event(conn: Connection, event: str, site: str = SITE) -> list[StoredPicture]:
    """Oldest first."""
    return _all(conn, pictures.c.event == event, site)


def _all(conn: Connection, where: ColumnElement[bool], site: str) -> list[StoredPicture]:
    p = pictures
    rows = conn.execute(select(p).where(p.c.site == site, where).order_by(p.c.time, p.c.id)).mappings()
    return [StoredPicture(**{name: value for name, value in row.items() if name != "site"}) for row in rows]
