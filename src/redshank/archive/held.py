"""What is exported is not deleted meanwhile: a hold for as long as it takes. Blocks."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redshank.archive.clip import Source, Wanted
from redshank.clock import US_PER_S, new_id
from redshank.errors import StoreError
from redshank.model import Hold
from redshank.store import holds

log = logging.getLogger(__name__)

REASON = "an export that runs now"
FORGOTTEN_US = 86_400 * US_PER_S
"""So old, it is what an export left that was killed."""


@contextmanager
def held(source: Source, wanted: Sequence[Wanted]) -> Iterator[None]:
    """Retention leaves these ranges alone inside. Where the database cannot be written now the export goes on without."""
    mine = [Hold(new_id(source.now), one.camera, one.start, one.end, REASON, source.now) for one in wanted]
    try:
        _change(source, mine, _forgotten(source))
        yield
    finally:
        _change(source, [], [one.id for one in mine])


def _forgotten(source: Source) -> list[str]:
    found = source.store.read(lambda conn: holds.list(conn, site=source.site))
    return [one.id for one in found if one.reason == REASON and one.created < source.now - FORGOTTEN_US]


def _change(source: Source, more: Sequence[Hold], gone: Sequence[str]) -> None:
    try:
        source.store.write(
            lambda conn: (
                [holds.add(conn, one, source.site) for one in more],  # type: ignore[func-returns-value]
                [holds.remove(conn, id, source.site) for id in gone],
            )
        ).result()
    except StoreError as error:
        log.warning("what is exported cannot be held: %s", error)
