"""The law: what create_all makes of any MetaData, migrate makes, on each database, there and back."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from like_create_all import Databases, assert_like_create_all, said
from metadatas import metadatas
from strategies import examples
from whimbrel.errors import ModelError

pytestmark = pytest.mark.reduced


@settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_what_create_all_makes_migrate_makes(databases: Databases, data: st.DataObject) -> None:
    metadata = data.draw(metadatas(databases.dialect, databases.version))
    for table in metadata.tables.values():
        said(str(sa.schema.CreateTable(table).compile(dialect=dialect_of(databases))))
    try:
        assert_like_create_all(metadata, databases)
    except ModelError as error:
        # SQLite takes two keys of one name, from a convention: they are refused by name.
        if "two constraints have the name" not in error.message:
            raise
        reject()


def dialect_of(databases: Databases) -> sa.Dialect:
    return sa.create_mock_engine(f"{databases.dialect}://", lambda *_: None).dialect
