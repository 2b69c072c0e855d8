"""The law of the engine: the steps between two schemas end where making the second at once ends."""

from __future__ import annotations

import pytest

from catalog_sqlite import catalog
from sqlite_kit import (
    BIGINT,
    BOOLEAN,
    NEW,
    OLD,
    TEXT,
    column,
    directly,
    enum,
    fresh,
    go,
    ident,
    script,
    table,
    varchar,
)
from whimbrel.engines.sqlite import SQLiteEngine
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL, Constant, Q
from whimbrel.schema.table import (
    Check,
    Column,
    Computed,
    ForeignKey,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)
from whimbrel.schema.types import make_type

INTEGER = make_type("sqlalchemy:Integer")

PARENT = table("parent", ident(), column("code", varchar(10)), Unique("parent_code", ("code",)))
FK = ForeignKey("child_fk", ("pid",), Name(None, "parent"), ("id",), "CASCADE", key="fk")
SELF = ForeignKey("self_fk", ("pid",), Name(None, "t"), ("id",), "SET NULL", deferrable="deferred")

# A name, the tables before, the tables after. Each row is gone through both ways.
CASES: list[tuple[str, list[Table], list[Table]]] = [
    ("nothing", [], [table("t", ident())]),
    ("add null", [table("t", ident())], [table("t", ident(), column("a"))]),
    ("add default", [table("t", ident())],
     [table("t", ident(), column("a", varchar(5), null=False, default=Constant("x")))]),
    ("add function default", [table("t", ident())],
     [table("t", ident(), column("a", TEXT, null=False, default=SQL("CURRENT_TIMESTAMP")))]),
    ("add expression default", [table("t", ident())],
     [table("t", ident(), column("a", null=False, default=SQL("1+1")))]),
    ("add fill", [table("t", ident())],
     [table("t", ident(), column("a", null=False, fill=Constant(5)))]),
    ("add several with checks", [table("t", ident())],
     [table("t", ident(), column("a"), column("b"), Check("ab", Q(a__gte=0) | Q(b__gt=1)), Check("b", SQL("b <> 3")))]),
    ("add foreign key", [PARENT, table("t", ident())], [PARENT, table("t", ident(), column("pid", BIGINT), FK)]),
    ("add foreign key with default", [PARENT, table("t", ident())],
     [PARENT, table("t", ident(), column("pid", BIGINT, default=Constant(1)), FK)]),
    ("foreign key on old column", [PARENT, table("t", ident(), column("pid", BIGINT))],
     [PARENT, table("t", ident(), column("pid", BIGINT), FK)]),
    ("self reference", [table("t", ident(), column("pid", BIGINT))], [table("t", ident(), column("pid", BIGINT), SELF)]),
    ("foreign key's action", [PARENT, table("t", ident(), column("pid", BIGINT), FK)],
     [PARENT, table("t", ident(), column("pid", BIGINT), ForeignKey("child_fk", ("pid",), Name(None, "parent"), ("id",)))]),
    ("drop and add", [table("t", ident(), column("a"), column("b"))], [table("t", ident(), column("b"), column("c"))]),
    ("type", [table("t", ident(), column("a", varchar(10)))], [table("t", ident(), column("a", varchar(20)))]),
    ("type to integer", [table("t", ident(), column("a", varchar(10)))], [table("t", ident(), column("a"))]),
    ("default", [table("t", ident(), column("a"))], [table("t", ident(), column("a", default=Constant(0)))]),
    ("null", [table("t", ident(), column("a", default=Constant(3)))],
     [table("t", ident(), column("a", default=Constant(3), null=False))]),
    ("collation", [table("t", ident(), column("a", TEXT))], [table("t", ident(), column("a", TEXT, collation="NOCASE"))]),
    ("unique", [table("t", ident(), column("a"))], [table("t", ident(), column("a"), Unique("u", ("a", "id")))]),
    ("check", [table("t", ident(), column("a"))], [table("t", ident(), column("a"), Check("k", Q(a__in=[1, 2])))]),
    ("check renamed", [table("t", ident(), column("a"), Check("k", Q(a__gt=1), key="c"))],
     [table("t", ident(), column("a"), Check("kk", Q(a__gt=1), key="c"))]),
    ("unique renamed", [table("t", ident(), column("a"), Unique("k", ("a",), key="c"))],
     [table("t", ident(), column("a"), Unique("kk", ("a",), key="c"))]),
    ("index", [table("t", ident(), column("a"))], [table("t", ident(), column("a"), Index("i", (IndexPart("a"),)))]),
    ("index renamed", [table("t", ident(), column("a"), Index("i", (IndexPart("a"),), key="i"))],
     [table("t", ident(), column("a"), Index("j", (IndexPart("a"),), key="i"))]),
    ("index of every kind", [table("t", ident(), column("a", TEXT), column("b"))],
     [table("t", ident(), column("a", TEXT), column("b"),
            Index("i", (IndexPart("a", descending=True, nulls="last", opclass="text_ops"), IndexPart(SQL("lower(a)"))),
                  unique=True, where=Q(b__gt=0), method="gin", include=("b",)),
            Index("j", (IndexPart("a", collation="NOCASE"),)))]),
    ("index to another table", [table("t", ident(), column("a"), Index("i", (IndexPart("a"),))), table("u", ident(), column("a"))],
     [table("t", ident(), column("a")), table("u", ident(), column("a"), Index("i", (IndexPart("a"),)))]),
    ("column renamed", [table("t", ident(), column("a"), Check("k", Q(a__gt=1)), Index("i", (IndexPart("a"),), where=Q(a__gt=0)), Unique("u", ("a",)))],
     [table("t", ident(), column("b", key="k.a"), Check("k", Q(b__gt=1)), Index("i", (IndexPart("b"),), where=Q(b__gt=0)), Unique("u", ("b",)))]),
    ("columns swapped", [table("t", ident(), column("a"), column("b", TEXT))],
     [table("t", ident(), column("b", key="k.a"), column("a", TEXT, key="k.b"))]),
    ("column takes the name of one that goes", [table("t", ident(), column("a"), column("b", TEXT))],
     [table("t", ident(), column("a", TEXT, key="k.b"))]),
    ("column renamed and altered", [table("t", ident(), column("a"))], [table("t", ident(), column("b", BIGINT, null=False, fill=Constant(1), key="k.a"))]),
    ("column's capitals", [table("t", ident(), column("a"))], [table("t", ident(), column("A", key="k.a"))]),
    ("column replaced", [table("t", ident(), column("a"))], [table("t", ident(), column("a", TEXT, key="other"))]),
    ("table renamed", [PARENT, table("t", ident(), column("pid", BIGINT), FK)],
     [table("mother", *PARENT.columns, *PARENT.constraints, key="T.parent"),
      table("t", ident(), column("pid", BIGINT), ForeignKey("child_fk", ("pid",), Name(None, "mother"), ("id",), "CASCADE", key="fk"))]),
    ("table renamed and rebuilt", [table("t", ident(), column("a"))], [table("u", ident(), column("a", TEXT), PrimaryKey("t_pk", ("id",), key="t:pk"), key="T.t")]),
    ("tables swapped", [table("t", ident(), column("a")), table("u", ident(), column("b"))],
     [table("u", ident(), column("a", TEXT), PrimaryKey("t_pk", ("id",), key="t:pk"), key="T.t"),
      table("t", ident(), column("b"), PrimaryKey("u_pk", ("id",), key="u:pk"), key="T.u")]),
    ("table's capitals", [table("t", ident())], [table("T", ident(), PrimaryKey("t_pk", ("id",), key="t:pk"), key="T.t")]),
    ("key's type", [PARENT, table("t", ident(), column("pid", BIGINT), FK)],
     [table("parent", Column("id", varchar(9), key="k.id"), *PARENT.columns[1:], *PARENT.constraints),
      table("t", ident(), column("pid", varchar(9)), FK)]),
    ("cycle", [], [table("t", ident(), column("uid", BIGINT), ForeignKey("f", ("uid",), Name(None, "u"), ("id",))),
                   table("u", ident(), column("tid", BIGINT), ForeignKey("g", ("tid",), Name(None, "t"), ("id",)))]),
    ("virtual", [table("t", ident(), column("a"))], [table("t", ident(), column("a"), column("v", computed=Computed(SQL("a + 1"), False)))]),
    ("stored", [table("t", ident(), column("a"))], [table("t", ident(), column("a"), column("v", computed=Computed(SQL("a + 1"), True)))]),
    ("stored turns virtual", [table("t", ident(), column("a"), column("v", computed=Computed(SQL("a + 1"), True)))],
     [table("t", ident(), column("a"), column("v", computed=Computed(SQL("a + 1"), False)))]),
    ("computed turns plain", [table("t", ident(), column("a"), column("v", computed=Computed(SQL("a + 1"), True)))],
     [table("t", ident(), column("a"), column("v"))]),
    ("what a computed column is made of", [table("t", ident(), column("a"), column("v", computed=Computed(SQL("a + 1"), True)), Index("i", (IndexPart("v"),)))],
     [table("t", ident(), column("b", BIGINT, key="k.a"), column("v", computed=Computed(SQL("b + 1"), True)), Index("i", (IndexPart("v"),)))]),
    ("enum", [table("t", ident())], [table("t", ident(), column("m", enum("sad", "happy")))]),
    ("enum's labels", [table("t", ident(), column("m", enum("sad", "happy")))], [table("t", ident(), column("m", enum("sad", "happier", "new")))]),
    ("boolean's check", [table("t", ident())],
     [table("t", ident(), column("m", make_type("sqlalchemy:Boolean", create_constraint=True, name="tf"), null=False, default=Constant(True)))]),
    ("strict", [table("t", ident(), column("a", varchar(10)), column("b", BOOLEAN))],
     [table("t", ident(), column("a", varchar(10)), column("b", BOOLEAN), options=(("sqlite_strict", True),))]),
    ("without rowid", [table("t", Column("id", varchar(10)), column("a"))],
     [table("t", Column("id", varchar(10)), column("a"), options=(("sqlite_with_rowid", False),))]),
    ("autoincrement", [table("t", Column("id", INTEGER))], [table("t", Column("id", INTEGER), options=(("sqlite_autoincrement", True),))]),
    ("composite key", [table("t", column("a", null=False), column("b", null=False), PrimaryKey("p", ("a",)))],
     [table("t", column("a", null=False), column("b", null=False), PrimaryKey("p", ("a", "b")))]),
    ("what others point at is renamed", [PARENT, table("t", ident(), column("c", varchar(10)), ForeignKey("f", ("c",), Name(None, "parent"), ("code",), key="f"))],
     [table("parent", ident(), column("number", varchar(10), key="k.code"), Unique("parent_code", ("number",))),
      table("t", ident(), column("c", varchar(10)), ForeignKey("f", ("c",), Name(None, "parent"), ("number",), key="f"))]),
    ("what points at itself is renamed", [table("t", ident(), column("pid", BIGINT), SELF)],
     [table("u", ident(), column("up", BIGINT, key="k.pid"), PrimaryKey("t_pk", ("id",), key="t:pk"),
            ForeignKey("self_fk", ("up",), Name(None, "u"), ("id",), "SET NULL", deferrable="deferred"), key="T.t")]),
    ("strict of every kind", [table("t", ident())],
     [table("u", ident(), column("d", make_type("sqlalchemy:Date")), column("b", BOOLEAN), column("n", make_type("sqlalchemy:Numeric")),
            column("f", make_type("sqlalchemy:Float")), column("s", make_type("sqlalchemy:String", length=3, collation="NOCASE")),
            column("j", make_type("sqlalchemy:JSON")), column("x", make_type("sqlalchemy:LargeBinary")), options=(("sqlite_strict", True),))]),
    ("comments", [table("t", ident(), column("a"))], [table("t", ident(), column("a", comment="x"), comment="y")]),
    ("quoted", [table("order", ident(), column("a"))], [table("order", ident(), column("select", TEXT, key="k.a"), column("it's", null=False, default=Constant("it's %s :x")))]),
]  # fmt: skip


@pytest.mark.parametrize("engine", [NEW, OLD], ids=["new", "old"])
@pytest.mark.parametrize(("old", "new"), [pytest.param(o, n, id=name) for name, o, n in CASES])
def test_steps_end_where_making_it_at_once_ends(
    engine: SQLiteEngine, old: list[Table], new: list[Table]
) -> None:
    before, after = Schema.of(tuple(old)), Schema.of(tuple(new))
    with fresh() as connection:
        go(connection, Schema(), before)
        go(connection, before, after, engine)
        assert catalog(connection) == directly(after)
        go(connection, after, before, engine)
        assert catalog(connection) == directly(before)
        go(connection, before, Schema(), engine)
        assert catalog(connection) == {}


@pytest.mark.parametrize(("old", "new"), [pytest.param(o, n, id=name) for name, o, n in CASES])
def test_what_is_printed_runs_and_ends_there_too(old: list[Table], new: list[Table]) -> None:
    before, after = Schema.of(tuple(old)), Schema.of(tuple(new))
    steps = NEW.steps(diff(before, after), before)
    with fresh() as connection:
        go(connection, Schema(), before)
        statements = [*NEW.opening(steps), *(step.sql for step in steps), *NEW.closing(steps)]
        script(connection, ";\n".join(statements) + ";")
        assert catalog(connection) == directly(after)
