"""What has to be looked at before a start opens the database."""

from __future__ import annotations

import logging
from pathlib import Path

from redshank.backup import heal, migration, restore
from redshank.clock import Clock

log = logging.getLogger(__name__)


def at_start(data: Path, clock: Clock) -> list[str]:
    """Finish an interrupted restore, heal a damaged database, copy one that will be migrated. Lines for people; usually none.

    By the owner of the data folder (`status.owned`), before the store opens. Blocks. Afterwards `heal.wanted(data)` says whether the
    index of the footage is to be made again. Raises StoreError.
    """
    told = []
    if restore.finish(data):
        told.append("a restore that had been interrupted was completed")
    if healed := heal.at_start(data, clock):
        told.append(str(healed))
    if copy := migration.before_migration(data, clock):
        log.warning("the database will be migrated: copy=%s way back: redshank rollback", copy)
    return told
