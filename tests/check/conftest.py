"""A site with footage for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.check.recorded import Recorded


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Recorded]:
    site = Recorded(tmp_path)
    yield site
    site.close()
