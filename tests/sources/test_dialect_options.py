"""Every option of a dialect that SQLAlchemy has: made as create_all makes it, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from like_create_all import Databases, assert_like_create_all
from whimbrel.errors import ModelError
from whimbrel.sources.sqlalchemy import read

pytestmark = pytest.mark.reduced

Option = tuple[str, str, str]


def table(*parts: Any, **options: Any) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("other", metadata, sa.Column("id", sa.Integer, primary_key=True))
    key = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table(
        "item",
        metadata,
        *([key] if not any(isinstance(each, sa.PrimaryKeyConstraint) for each in parts) else []),
        sa.Column("a", sa.Integer),
        sa.Column("b", sa.String(9)),
        *parts,
        **options,
    )
    return metadata


def strict() -> sa.MetaData:
    metadata = sa.MetaData()
    columns = [sa.Column("id", sa.Integer, primary_key=True), sa.Column("b", sa.Text)]
    sa.Table("item", metadata, *columns, sqlite_strict=True)
    return metadata


MADE: dict[Option, Any] = {
    ("postgresql", "Index", "using"): lambda: table(sa.Index("i", "a", postgresql_using="hash")),
    ("postgresql", "Index", "include"): lambda: table(sa.Index("i", "a", postgresql_include=["b"])),
    ("postgresql", "Index", "where"): lambda: table(
        sa.Index("i", "a", postgresql_where=sa.text("a > 5"))
    ),
    ("postgresql", "Index", "ops"): lambda: table(
        sa.Index("i", "b", postgresql_ops={"b": "varchar_pattern_ops"})
    ),
    ("postgresql", "Index", "concurrently"): lambda: table(
        sa.Index("i", "a", postgresql_concurrently=True)
    ),
    ("postgresql", "Index", "with"): lambda: table(
        sa.Index("i", "a", postgresql_with={"fillfactor": 50})
    ),
    ("postgresql", "Index", "tablespace"): lambda: table(
        sa.Index("i", "a", postgresql_tablespace="pg_default")
    ),
    ("postgresql", "Index", "nulls_not_distinct"): lambda: table(
        sa.Index("i", "a", unique=True, postgresql_nulls_not_distinct=True)
    ),
    ("postgresql", "Table", "ignore_search_path"): lambda: table(
        postgresql_ignore_search_path=True
    ),
    ("postgresql", "Table", "tablespace"): lambda: table(postgresql_tablespace="pg_default"),
    ("postgresql", "Table", "partition_by"): lambda: table(postgresql_partition_by="RANGE (id)"),
    ("postgresql", "Table", "with_oids"): lambda: table(postgresql_with_oids=False),
    ("postgresql", "Table", "with"): lambda: table(postgresql_with={"fillfactor": 50}),
    ("postgresql", "Table", "inherits"): lambda: table(postgresql_inherits="other"),
    ("postgresql", "Table", "using"): lambda: table(postgresql_using="heap"),
    ("postgresql", "CheckConstraint", "not_valid"): lambda: table(
        sa.CheckConstraint("a > 5", name="c", postgresql_not_valid=True),
        sa.CheckConstraint("a > 6", postgresql_not_valid=True),
    ),
    ("postgresql", "ForeignKeyConstraint", "not_valid"): lambda: table(
        sa.ForeignKeyConstraint(["a"], ["other.id"], name="f", postgresql_not_valid=True),
        sa.ForeignKeyConstraint(["a"], ["item.id"], postgresql_not_valid=True),
    ),
    ("postgresql", "UniqueConstraint", "include"): lambda: table(
        sa.UniqueConstraint("a", name="u", postgresql_include=["b"])
    ),
    ("postgresql", "UniqueConstraint", "nulls_not_distinct"): lambda: table(
        sa.UniqueConstraint("a", name="u", postgresql_nulls_not_distinct=True)
    ),
    ("sqlite", "Table", "autoincrement"): lambda: table(sqlite_autoincrement=True),
    ("sqlite", "Table", "with_rowid"): lambda: table(sqlite_with_rowid=False),
    ("sqlite", "Table", "strict"): strict,
    ("sqlite", "Index", "where"): lambda: table(sa.Index("i", "a", sqlite_where=sa.text("a > 5"))),
}
REFUSED: dict[Option, Any] = {
    ("postgresql", "Table", "on_commit"): lambda: table(postgresql_on_commit="DROP"),
    ("postgresql", "PrimaryKeyConstraint", "include"): lambda: table(
        sa.Column("key", sa.Integer),
        sa.PrimaryKeyConstraint("key", name="p", postgresql_include=["a"]),
    ),
    ("sqlite", "Column", "on_conflict_primary_key"): lambda: table(
        sa.Column("key", sa.Integer, sqlite_on_conflict_primary_key="IGNORE"),
        sa.PrimaryKeyConstraint("key"),
    ),
    ("sqlite", "Column", "on_conflict_not_null"): lambda: table(
        sa.Column("c", sa.Integer, nullable=False, sqlite_on_conflict_not_null="FAIL")
    ),
    ("sqlite", "Column", "on_conflict_unique"): lambda: table(
        sa.Column("c", sa.Integer, unique=True, sqlite_on_conflict_unique="IGNORE")
    ),
    ("sqlite", "Constraint", "on_conflict"): lambda: table(
        sa.UniqueConstraint("a", name="u", sqlite_on_conflict="IGNORE")
    ),
}
#: Options of SQLAlchemy 2.1 alone.
NEW = {("postgresql", "Table", "with")}
#: The PostgreSQL that an option came with.
SINCE = {
    ("postgresql", "Index", "nulls_not_distinct"): 15,
    ("postgresql", "UniqueConstraint", "nulls_not_distinct"): 15,
}


def options() -> set[Option]:
    """What SQLAlchemy's dialects take; views are not made by migrations."""
    found = {
        (dialect.name, kind.__name__, name)
        for dialect in (postgresql.dialect, sqlite.dialect)
        for kind, arguments in dialect.construct_arguments or []
        for name, default in (arguments or {}).items()
        if kind.__name__ != "CreateView" and "REFLECTED_ONLY" not in str(default)
    }
    return found


def test_every_option_is_told_of_here() -> None:
    assert options() - MADE.keys() - REFUSED.keys() == set()
    assert MADE.keys() - options() <= NEW


@pytest.mark.parametrize("option", MADE, ids=".".join)
def test_an_option_is_made_as_create_all_makes_it(databases: Databases, option: Option) -> None:
    if option not in options():
        pytest.skip("came with SQLAlchemy 2.1")
    if databases.version and databases.version < SINCE.get(option, 0):
        pytest.skip(f"came with PostgreSQL {SINCE[option]}")
    assert_like_create_all(MADE[option](), databases)


@pytest.mark.parametrize("option", REFUSED, ids=".".join)
def test_an_option_that_no_migration_can_say_is_named(option: Option) -> None:
    dialect, _, name = option
    with pytest.raises(ModelError, match=f"{dialect}_{name}") as caught:
        read(REFUSED[option](), "core")
    assert "RunSQL" in str(caught.value.hint)
