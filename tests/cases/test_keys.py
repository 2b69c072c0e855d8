"""Keys, indexes and options of dialects, as real models have them: what create_all makes, migrate makes.

Each MetaData is brought into both databases, in a leap and operation by operation, and back.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from like_create_all import (
    Databases,
    assert_becomes,
    assert_like_create_all,
    differing,
    go,
    seen,
    written,
)
from whimbrel import migrations, models
from whimbrel.commands.comparison import compare
from whimbrel.detect import detect
from whimbrel.engines import engine_for
from whimbrel.errors import ModelError
from whimbrel.schema.table import Name
from whimbrel.sources.sqlalchemy import read
from whimbrel.state.lowering import lower
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair

Declare = Callable[[sa.MetaData], object]
Integer, Column = sa.Integer, sa.Column


def on_one_dialect_each(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "doc",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("n", Integer),
        Column("v", Integer),
        Column("other", Integer),
        sa.CheckConstraint("n > 0", name="pos").ddl_if(dialect="postgresql"),
        sa.CheckConstraint("n > 1", name="always").ddl_if(),
        sa.CheckConstraint("n > 2", name="nowhere").ddl_if("mysql"),
        sa.UniqueConstraint("v", name="uv").ddl_if(dialect="sqlite"),
        sa.ForeignKeyConstraint(["other"], ["doc.id"], name="up").ddl_if("postgresql"),
    )
    sa.Index("doc_n", table.c.n).ddl_if(dialect="postgresql")
    sa.Index("doc_v", table.c.v, postgresql_where=table.c.n > 1).ddl_if(dialect="sqlite")
    sa.Index("both", table.c.v, sqlite_where=table.c.n > 1).ddl_if(dialect=("sqlite", "postgresql"))


def one_name_on_two_dialects(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "doc",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("n", Integer),
        sa.CheckConstraint("n > 0", name="pos").ddl_if(dialect="postgresql"),
        sa.CheckConstraint("n > 1", name="pos").ddl_if(dialect="sqlite"),
    )
    sa.Index("doc_n", table.c.n, unique=True).ddl_if(dialect="postgresql")
    sa.Index("doc_n", table.c.n, table.c.id.desc()).ddl_if(dialect="sqlite")


def a_primary_key_on_one_dialect(metadata: sa.MetaData) -> None:
    sa.Table(
        "doc",
        metadata,
        Column("id", sa.String(5)),
        Column("n", Integer),
        sa.PrimaryKeyConstraint("id").ddl_if("postgresql"),
    )


def conditions_of_one_dialect(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "seat",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("row", Integer),
        Column("gone", sa.Boolean),
    )
    gone = table.c.gone == sa.false()
    sa.Index("pg", table.c.row, unique=True, postgresql_where=gone)
    sa.Index("lite", table.c.row, table.c.id, unique=True, sqlite_where=gone)
    sa.Index("two", table.c.row, sqlite_where=gone, postgresql_where=table.c.row > 1)
    sa.Index("same", table.c.gone, sqlite_where=gone, postgresql_where=gone)


def unique_columns_of_a_primary_key(metadata: sa.MetaData) -> None:
    """And keys that point at them."""
    sa.Table(
        "member",
        metadata,
        Column("id", Integer, primary_key=True, unique=True),
        Column("email", sa.String(50), primary_key=True, unique=True),
        sa.UniqueConstraint("email", "id"),
    )
    sa.Table(
        "badge",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("member", sa.ForeignKey("member.id")),
        Column("mail", sa.ForeignKey("member.email")),
    )


def primary_keys_said_to_be_unique(metadata: sa.MetaData) -> None:
    sa.Table("solo", metadata, Column("id", Integer, primary_key=True, unique=True))
    sa.Table("code", metadata, Column("id", sa.String(10), primary_key=True, unique=True))
    sa.Table(
        "named",
        metadata,
        Column("id", Integer, primary_key=True),
        sa.UniqueConstraint("id", name="named_id"),
    )
    sa.Table(
        "pair",
        metadata,
        Column("a", Integer, primary_key=True),
        Column("b", Integer, primary_key=True),
        sa.UniqueConstraint("a", "b"),
        sa.UniqueConstraint("b", "a"),
    )


def keys_said_twice(metadata: sa.MetaData) -> None:
    """PostgreSQL makes one of them, under the first name that was given; SQLite keeps all the words."""
    metadata.naming_convention = {"uq": "%(table_name)s_%(column_0_name)s_key"}
    sa.Table(
        "asset",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("tag", sa.String(20), unique=True),
        sa.UniqueConstraint("tag", name="uq_tag"),
    )
    bare = sa.Table("bare", metadata, Column("id", Integer, primary_key=True), Column("x", Integer))
    for name in (None, "first", "second"):
        bare.append_constraint(sa.UniqueConstraint("x", "id", name=name))
    metadata.naming_convention = {}
    sa.Table(
        "plain",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("x", Integer, unique=True),
        sa.UniqueConstraint("x"),
        sa.UniqueConstraint("x", name="x_named"),
        sa.UniqueConstraint("x", postgresql_include=["id"], name="x_with_id"),
        sa.Index("x_index", "x", unique=True),
    )


def circles(metadata: sa.MetaData) -> None:
    """Keys come when what they point at is there; their columns have their places."""
    sa.Table(
        "team",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("lead", sa.ForeignKey("person.id", name="fk_lead", use_alter=True), unique=True),
        Column("title", sa.String(20), comment="last"),
        Column("twice", Integer, sa.Computed("lead * 2", persisted=True)),
        sa.CheckConstraint("lead > 0", name="positive"),
        sa.UniqueConstraint("title", "lead"),
    )
    sa.Table(
        "person",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("boss", sa.ForeignKey("person.id")),
        Column("team", sa.ForeignKey("team.id", ondelete="SET NULL"), index=True),
        Column("room", sa.ForeignKey("room.key"), nullable=False, server_default="7"),
        Column("name", sa.String(20)),
    )
    sa.Table(
        "room",
        metadata,
        Column("key", sa.String(9), primary_key=True),
        Column("a", Integer),
        Column("b", sa.String(20)),
        Column("c", Integer),
        sa.ForeignKeyConstraint(["b", "a"], ["team.title", "team.lead"]),
    )
    for one, other in (("hen", "egg"), ("egg", "hen")):
        key = Column("id", sa.ForeignKey(f"{other}.id"), primary_key=True)
        # A circle of keys has no type of its own.
        key.type = sa.BigInteger()
        sa.Table(one, metadata, key, Column("x", Integer))


def names_with_dots(metadata: sa.MetaData) -> None:
    log = sa.Table(
        "log.2024",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("a.b", sa.String(5), index=True, unique=True),
        Column("up", Integer),
        Column("top", Integer, index=True),
        sa.CheckConstraint("id > 0", name="a.check"),
    )
    log.append_constraint(sa.ForeignKeyConstraint([log.c.up], [log.c.id]))
    entry = sa.Table("entry", metadata, Column("id", Integer, primary_key=True))
    entry.append_column(Column("log", Integer, sa.ForeignKey(log.c.id)))
    log.append_constraint(sa.ForeignKeyConstraint([log.c.top], [entry.c.id], use_alter=True))


def keys_of_enums(metadata: sa.MetaData) -> None:
    """Also of labels that a VARCHAR holds: what such a key does is said in whole words."""
    kind = sa.Enum("x", "y", native_enum=False)
    sa.Table("kind", metadata, Column("id", kind, primary_key=True))
    sa.Table(
        "thing",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("kind", sa.Enum("x", "y", native_enum=False, length=5)),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"], ondelete="RESTRICT"),
    )


CASES = {
    "corpora/01": keys_said_twice,
    "corpora/02": circles,
    "corpora/08": on_one_dialect_each,
    "corpora/08, one name": one_name_on_two_dialects,
    "corpora/08, primary key": a_primary_key_on_one_dialect,
    "corpora/09": unique_columns_of_a_primary_key,
    "corpora/10": primary_keys_said_to_be_unique,
    "a key of an enum": keys_of_enums,
    "a name with a dot": names_with_dots,
    "corpora/13": conditions_of_one_dialect,
}


@pytest.fixture(params=CASES)
def metadata(request: pytest.FixtureRequest) -> sa.MetaData:
    made = sa.MetaData()
    CASES[request.param](made)
    return made


def test_what_create_all_makes_migrate_makes(metadata: sa.MetaData, databases: Databases) -> None:
    assert_like_create_all(metadata, databases)


PK = {"pk": "pk_%(table_name)s"}


def pointing(naming: dict[str, str] | None) -> sa.MetaData:
    metadata = sa.MetaData(naming_convention=naming)
    sa.Table("par", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))
    sa.Table(
        "item",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("p", sa.ForeignKey("par.id"), nullable=False),
        Column("up", sa.ForeignKey("item.id")),
    )
    return metadata


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, PK, id="alembic-users/F01"),
        pytest.param(PK, None, id="alembic-users/F01, back"),
        pytest.param(PK, {"pk": "%(table_name)s_key"}, id="alembic-users/F01, another"),
        pytest.param(None, {**PK, "fk": "fk_%(column_0_label)s"}, id="alembic-users/F01, all keys"),
    ],
)
def test_a_naming_convention_of_primary_keys_comes_and_goes(
    before: dict[str, str] | None, after: dict[str, str] | None, databases: Databases
) -> None:
    """To models that others point at, in a database with history and rows."""
    assert_becomes(pointing(before), pointing(after), databases)


def pointed_at(*more: Any, dialect: str | None = None, unique: bool | None = None) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "par",
        metadata,
        Column("id", Integer, primary_key=True, unique=unique),
        Column("x", Integer, unique=True),
        *more,
    )
    key = sa.ForeignKeyConstraint(["x"], ["par.x"])
    if dialect is not None:
        key.ddl_if(dialect=dialect)
    item = Column("id", Integer, primary_key=True)
    sa.Table("item", metadata, item, Column("x", Integer), key)
    return metadata


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, {"unique": True, "named": "u"}, id="corpora/01, 10: in a history"),
        pytest.param({"named": "u"}, {"named": "v"}, id="corpora/01, another name"),
        pytest.param({}, {"dialect": "sqlite"}, id="corpora/08, a key is one dialect's"),
        pytest.param({"dialect": "sqlite"}, {"dialect": "postgresql"}, id="corpora/08, another's"),
    ],
)
@pytest.mark.parametrize("way", [1, -1], ids=["there", "back"])
def test_keys_change_in_a_database_with_history(
    before: dict[str, Any], after: dict[str, Any], way: int, databases: Databases
) -> None:
    old, new = [
        pointed_at(*([sa.UniqueConstraint("x", name=name)] if name else []), **options)
        for options in map(dict, [before, after][::way])
        for name in [options.pop("named", None)]
    ]
    assert_becomes(old, new, databases)


def named(table: str, **options: str) -> State:
    fields = [("id", models.AutoField(primary_key=True)), ("many", models.ManyToManyField("self"))]
    return State().with_new_model("core", "Doc", fields, {"db_table": table, **options})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (named("doc"), named("log.2024", schema="")),
        (named("log.2024", schema=""), named("log.2025", schema="")),
        (named("log.2024", schema=""), named("doc")),
        (named("log.2024", schema=""), named("log.2024")),
    ],
)
def test_a_native_table_gets_a_name_with_a_dot(
    before: State, after: State, databases: Databases
) -> None:
    """`schema = ""` says that the dot is no schema's; files say it again."""
    reached = State()
    for operation in written(before):
        reached = operation.apply("core", reached)
    assert detect(reached, before) == []
    for operation in detect(reached, after)[0].operations:
        reached = operation.apply("core", reached)
    assert detect(reached, after) == []
    if databases.dialect == "sqlite" and after.model("core.Doc").options.schema:
        return
    with databases.fresh() as connection:
        for old, new in pairwise([State(), before, reached, before, State()]):
            go(connection, old, new)
            assert differing(connection, new) == []


def test_a_key_points_at_a_model_that_is_said_of_the_models_alone(databases: Databases) -> None:
    """alembic-users/F02: the table was there all along; Whimbrel neither makes nor drops it."""
    ident = ("id", models.AutoField(primary_key=True))
    legacy = migrations.CreateModel("Legacy", [ident], {"db_table": "legacy"})
    key = ("legacy", models.ForeignKey("core.Legacy"))
    between = ("many", models.ManyToManyField("core.Legacy"))
    row = [
        migrations.SeparateDatabaseAndState(state_operations=[legacy]),
        migrations.CreateModel("Item", [ident, key, between]),
        migrations.AddField("Item", "other", models.ForeignKey("core.Legacy", null=True)),
        migrations.AlterField("Item", "other", models.OneToOneField("core.Legacy", null=True)),
    ]
    with databases.fresh() as connection:
        legacy_table = "CREATE TABLE legacy (id INTEGER NOT NULL PRIMARY KEY, more TEXT)"
        connection.exec_driver_sql(legacy_table)
        empty = seen(connection, set())
        states, way = StatePair.empty(), []
        for operation in row:
            for transition in operation.transitions("core", states):
                states = transition.after
                if not transition.operation.barrier:
                    way.append((transition.before.database, transition.after.database))
        for before, after in way:
            go(connection, before, after)
        targets = {
            key["referred_table"]
            for table in ("core_item", "core_item_many")
            for key in sa.inspect(connection).get_foreign_keys(table)
        }
        assert targets == {"legacy", "core_item"}
        for before, after in reversed(way):
            go(connection, after, before)
        assert seen(connection, set()) == empty


def test_a_function_of_ddl_if_is_refused_by_name() -> None:
    def only_on_mondays(*_: object, **__: object) -> bool:
        return False

    metadata = sa.MetaData()
    table = sa.Table("doc", metadata, Column("id", Integer, primary_key=True))
    sa.Index("doc_c", table.c.id).ddl_if(callable_=only_on_mondays)
    with pytest.raises(ModelError, match=r"doc_c asks the function .*only_on_mondays"):
        read(metadata, "core")


def indexed(*indexes: models.Index) -> State:
    fields = [("id", models.AutoField(primary_key=True)), ("n", models.IntegerField())]
    return State().with_new_model("core", "Doc", fields, {"indexes": list(indexes)})


@pytest.mark.parametrize(
    ("before", "after", "concerned"),
    [
        (
            # What files of before say of a postgresql_where.
            [models.Index("n", name="i", condition=models.SQL("n > 1"))],
            [models.Index("n", name="i", condition=models.SQL("", postgresql="n > 1"))],
            "sqlite",
        ),
        (
            [models.Index("n", name="i")],
            [models.Index("n", name="i", dialects=["postgresql"])],
            "sqlite",
        ),
        (
            [models.Index("n", name="i", dialects=["sqlite"])],
            [models.Index("n", name="i", unique=True, dialects=["sqlite"])],
            "sqlite",
        ),
        ([], [models.Index("n", name="i", dialects=["mysql", "postgresql"])], "postgresql"),
    ],
)
def test_only_the_databases_that_an_index_is_of_see_it_change(
    before: list[models.Index],
    after: list[models.Index],
    concerned: str,
    databases: Databases,
) -> None:
    old, new = indexed(*before), indexed(*after)
    assert detect(old, new) != []
    with databases.fresh() as connection:
        go(connection, State(), old)
        steps = go(connection, old, new)
        assert bool(steps) == (databases.dialect == concerned)
        go(connection, new, old)
        go(connection, old, State())


def test_what_one_database_has_otherwise_says_nothing_of_others(databases: Databases) -> None:
    """drift takes what differs from the database at hand: an index of one dialect stays that one's."""
    own = databases.dialect
    other = "sqlite" if own == "postgresql" else "postgresql"
    condition = models.SQL("", **{other: "n > 1"})
    state = indexed(
        models.Index("n", name="i", dialects=[own]),
        models.Index("id", "n", name="p", condition=condition),
        models.Index("id", name="o", dialects=[other]),
    )
    with databases.fresh() as connection:
        go(connection, State(), state)
        for name, on in (("i", "n"), ("p", "id, n")):
            connection.exec_driver_sql(f"DROP INDEX {name}")
            connection.exec_driver_sql(f"CREATE UNIQUE INDEX {name} ON core_doc ({on})")
        found = compare(engine_for(own), connection, state, lambda at: True).patched
    here, there = [
        {
            each.name: each
            for each in lower(found).on(dialect).tables[Name(None, "core_doc")].indexes
        }
        for dialect in (own, other)
    ]
    assert here.keys() == {"i", "p"} and here["i"].unique and here["p"].where is None
    assert there.keys() == {"p", "o"} and there["p"].where == models.SQL("n > 1")


def test_one_of_two_namesakes_changes() -> None:
    """Both go and come back: a name says which one it is on each database."""
    there = models.Index("n", name="i", dialects=["sqlite"])
    old = indexed(there, models.Index("n", name="i", dialects=["postgresql"]))
    new = indexed(there, models.Index("n", name="i", unique=True, dialects=["postgresql"]))
    (migration,) = detect(old, new)
    assert [each.describe() for each in migration.operations] == [
        "Remove index i from Doc",
        "Create index i on Doc",
        "Create index i on Doc",
    ]
    reached = old
    for operation in migration.operations:
        reached = operation.apply("core", reached)
    assert detect(reached, new) == []
