"""Fixtures every room shares."""

from __future__ import annotations

import pytest

from tests.harness.clocks import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves only by `advance`."""
    return FakeClock()
