"""A database in memory for the tests of queries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine

from redshank.store.schema import metadata


@pytest.fixture(scope="module")
def memory() -> Iterator[Engine]:
    """One database with every table. Roll back what you write."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def empty(memory: Engine) -> Iterator[Connection]:
    """An empty database; what a test writes is thrown away."""
    with memory.connect() as conn:
        yield conn
        conn.rollback()
