"""Fixtures every room shares, and the numbers of the reliability plan as names: `pytest -k T14` finds what says `rel:T14`."""

from __future__ import annotations

import re

import pytest

from tests.harness.clocks import FakeClock

NUMBER = re.compile(r"rel:([TS]\d\d)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's docstring, or its module's, says which numbered tests it is."""
    for item in items:
        if isinstance(item, pytest.Function):
            said = f"{item.obj.__doc__ or ''} {item.module.__doc__ or ''}"
            item.extra_keyword_matches.update(NUMBER.findall(said))


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves only by `advance`."""
    return FakeClock()
