"""A database for each test, and a connection to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection


@pytest.fixture
def connection(postgresql_url: str) -> Iterator[Connection]:
    """A connection to a new database of PostgreSQL's."""
    engine = sa.create_engine(postgresql_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()
