"""Volumes whose footage is still to be put into the index: kept until it was done, over restarts and while a disk is away."""

from __future__ import annotations

from sqlalchemy import Connection

from redshank.model import SITE
from redshank.store import switches, volumes
from redshank.store.switches import Switch
from redshank.store.volumes import VolumeRow

NAME = "unindexed"


def opened(conn: Connection, volume: VolumeRow, unknown: bool, site: str = SITE) -> None:
    """A volume was opened; `unknown`: this database had not known it. Write."""
    volumes.put(conn, volume, site)
    if unknown:
        _set(conn, volume.id, True, site)


def everything(conn: Connection, site: str = SITE) -> None:
    """The database is not what it was: all volumes it knows are to be looked through. Write."""
    for volume in volumes.all(conn, site):
        _set(conn, volume.id, True, site)


def done(conn: Connection, volume: str, site: str = SITE) -> None:
    """Write."""
    _set(conn, volume, False, site)


def wanted(conn: Connection, site: str = SITE) -> set[str]:
    """Ids. Read."""
    return {switch.camera for switch in switches.all(conn, NAME, site) if switch.value == "on"}


def _set(conn: Connection, volume: str, on: bool, site: str) -> None:
    switches.set(conn, Switch(NAME, volume, "on" if on else "off"), site)
