"""What a file's number and name hold."""

from __future__ import annotations

import pytest

from redshank.names import last_epoch, place_of
from redshank.record_settings import SEQ_BITS
from tests.recorder import MemoryDisk

YEAR_S = 365 * 24 * 3600


def test_a_process_does_not_run_out_of_numbers() -> None:
    """32 streams of which each ends a file every second, or for decades every 30 s."""
    assert 1 << SEQ_BITS > 2 * YEAR_S * 32
    assert 1 << SEQ_BITS > 60 * YEAR_S * 32 / 30


@pytest.mark.parametrize("epoch", [1, 1_800_000_000, (1 << 32) - 1])
def test_every_number_fits_into_the_database_and_into_a_name(epoch: int) -> None:
    seq = (epoch << SEQ_BITS) + (1 << SEQ_BITS) - 1
    assert seq < 1 << 63
    name = f"yard/main/2026-01-01/00/00.00-{seq}.part"
    place = place_of(name)
    assert place is not None
    assert place.seq == seq
    disk = MemoryDisk()
    disk.close(disk.create(name))
    assert last_epoch(disk) == epoch
