"""Cases for PostgreSQL: constraints, indexes, names, sequences, enums; and all there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.dialects.postgresql import DOMAIN

from postgresql_columns import CASES as COLUMN_CASES
from postgresql_columns import MOODS, ROWS, Case
from tables import (
    BIG,
    BOOLEAN,
    DATE,
    INTEGER,
    JSONB,
    TEXT,
    array,
    column,
    enum,
    index,
    schema,
    table,
)
from whimbrel.schema.expressions import SQL, Constant, Q
from whimbrel.schema.table import (
    Check,
    Column,
    Computed,
    Constraint,
    Exclude,
    ForeignKey,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Schema,
    Sequence,
    Unique,
)
from whimbrel.schema.types import ColumnType, EnumType, describe

AUTHOR = table(Column("name", TEXT, key="name"), name="author")


def linked(**more: Any) -> ForeignKey:
    key = ForeignKey("post_author_fk", ("x",), Name(None, "author"), ("id",), key="fk")
    return replace(key, **more)


def constrained(
    name: str,
    *parts: Constraint | Index,
    old: tuple[Constraint | Index, ...] = (),
    type: ColumnType = INTEGER,
    since: int = 0,
) -> Case:
    mine = column(type, null=True)
    before, after = schema(AUTHOR, table(mine, *old)), schema(AUTHOR, table(mine, *parts))
    return Case(name, before, after, ROWS, found=[None, None], since=since)


CONSTRAINTS = [
    constrained("unique", Unique("u", ("x",), deferrable="deferred")),
    constrained(
        "nulls count",
        Unique("u", ("x", "id"), nulls_not_distinct=True, include=("x",)),
        since=15,
    ),
    constrained("check", Check("c", Q(x__gte=0) | Q(x__isnull=True) & ~Q(x__in=[5, 6]))),
    constrained("check in words", Check("c", SQL("x % 2 = 0"))),
    constrained("foreign key", linked(on_delete="CASCADE", on_update="SET NULL")),
    constrained("deferrable key", linked(deferrable="deferred", match="FULL")),
    constrained("other key", linked(on_delete="SET NULL"), old=(linked(on_delete="CASCADE"),)),
    constrained(
        "renamed", Check("d", Q(x__gte=0), key="c"), old=(Check("c", Q(x__gte=0), key="c"),)
    ),
    constrained(
        "names swapped",
        Unique("a", ("x",), key="1"),
        Unique("b", ("x", "id"), key="2"),
        old=(Unique("b", ("x",), key="1"), Unique("a", ("x", "id"), key="2")),
    ),
    constrained(
        "index names swapped",
        index("x", name="a", key="1"),
        index("id", name="b", key="2"),
        old=(index("x", name="b", key="1"), index("id", name="a", key="2")),
    ),
    constrained("excluded", Exclude("e", (("x", "="),), "btree", Q(x__gt=3), "deferred")),
    constrained("index", index("x", "id")),
    constrained(
        "unique index",
        index("x", "id", unique=True, nulls_not_distinct=True, include=("x",)),
        since=15,
    ),
    constrained("partial index", index("x", where=Q(x__gt=5))),
    constrained("hash index", index("x", method="hash", options=(("fillfactor", 70),))),
    constrained(
        "expression", Index("i", (IndexPart(SQL("x + 1"), descending=True, nulls="last"),))
    ),
    constrained(
        "pattern",
        Index("i", (IndexPart("x", opclass="text_pattern_ops", collation="C"),)),
        type=TEXT,
    ),
    constrained(
        "text lookups",
        Check("c", Q(x__startswith="50%_\\") & Q(x__endswith="'") & Q(x__contains="é")),
        type=TEXT,
    ),
    constrained("json index", index("x", method="gin"), type=JSONB),
]

MOVED = [
    Case(
        "table renamed",
        schema(table(column(TEXT))),
        schema(replace(table(column(TEXT)), name="entry")),
        ("INSERT INTO post VALUES (1, 'a')",),
        "SELECT x FROM entry",
        ["a"],
    ),
    Case(
        "table moved and renamed",
        schema(table(column(MOODS, default=Constant("ok")), Unique("u", ("x",)), index("x"))),
        schema(
            replace(
                table(column(MOODS, default=Constant("ok")), Unique("u", ("x",)), index("x")),
                name="Entry",
                schema="Odd one",
            )
        ),
        ("INSERT INTO post VALUES (1, DEFAULT)",),
        'SELECT x FROM "Odd one"."Entry"',
        ["ok"],
    ),
    Case(
        "moved where its name is taken",
        schema(
            table(column(TEXT)), table(PrimaryKey("other_pk", ("id",)), key="other", schema="s")
        ),
        schema(
            replace(table(column(TEXT)), name="entry", schema="s"),
            table(PrimaryKey("other_pk", ("id",)), key="other", schema="s"),
        ),
        ("INSERT INTO post VALUES (1, 'a')",),
        "SELECT x FROM s.entry",
        ["a"],
    ),
    Case(
        "column renamed, with all that is made of it",
        schema(
            table(
                column(INTEGER),
                Check("c", Q(x__gt=0)),
                index("x", where=SQL("x > 5")),
                Unique("u", ("x",)),
            )
        ),
        schema(
            table(
                column(INTEGER, name="Y z"),
                Check("c", Q(**{"Y z__gt": 0})),
                index("Y z", where=SQL('"Y z" > 5')),
                Unique("u", ("Y z",)),
            )
        ),
        ("INSERT INTO post VALUES (1, 7)",),
        'SELECT "Y z" FROM post',
        [7],
    ),
    Case(
        "columns swapped",
        schema(table(column(INTEGER, name="a", key="1"), column(INTEGER, name="b", key="2"))),
        schema(table(column(INTEGER, name="b", key="1"), column(INTEGER, name="a", key="2"))),
        ("INSERT INTO post (id, a, b) VALUES (1, 10, 20)",),
        "SELECT b FROM post",
        [10],
    ),
    Case(
        "a check of labels follows its column",
        schema(table(column(enum("a", "b", native=False)))),
        schema(table(column(enum("a", "b", native=False), name="y"))),
    ),
    Case(
        "key and what points at it",
        schema(AUTHOR, table(column(INTEGER), linked())),
        schema(
            replace(AUTHOR, columns=(replace(AUTHOR.columns[0], type=BIG), *AUTHOR.columns[1:])),
            table(column(BIG), linked()),
        ),
        ("INSERT INTO author VALUES (1, 'a')", "INSERT INTO post VALUES (1, 1)"),
        found=[1],
    ),
    Case(
        "options",
        schema(
            table(
                column(TEXT),
                comment="a",
                options=(("postgresql_with", {"fillfactor": 70}), ("sqlite_strict", True)),
            )
        ),
        schema(
            table(
                column(TEXT),
                comment="b",
                options=(("postgresql_with", {"autovacuum_enabled": False}),),
            )
        ),
    ),
    Case(
        "partitioned",
        schema(),
        schema(
            table(
                column(DATE),
                PrimaryKey("pk", ("id", "x")),
                options=(("postgresql_partition_by", "RANGE (x)"),),
            )
        ),
    ),
    Case(
        "inherited",
        schema(AUTHOR, table(Column("name", TEXT))),
        schema(AUTHOR, table(Column("name", TEXT), options=(("postgresql_inherits", "author"),))),
        back=False,
    ),
    Case(
        "tables in a circle",
        schema(),
        schema(
            table(
                column(INTEGER, null=True),
                ForeignKey("a_fk", ("x",), Name(None, "b"), ("id",)),
                name="a",
            ),
            table(
                column(INTEGER, null=True),
                ForeignKey("b_fk", ("x",), Name(None, "a"), ("id",)),
                name="b",
            ),
        ),
    ),
    Case(
        "sequences",
        schema(
            sequences=(Sequence("one", start=5, increment=5, cycle=True, key="1"), Sequence("two"))
        ),
        schema(
            sequences=(
                Sequence("uno", schema="s", minvalue=-9, cache=7, maxvalue=99, key="1"),
                Sequence("three"),
            )
        ),
    ),
    Case(
        "a named sequence behind a column",
        schema(table(column(INTEGER))),
        schema(
            table(column(INTEGER, default=SQL("nextval('counter')"))),
            sequences=(Sequence("counter", start=7),),
        ),
        ("INSERT INTO post VALUES (1, 1)",),
        "INSERT INTO post (id) VALUES (2) RETURNING x",
        [7],
    ),
]


def enumerated(
    name: str, old: EnumType, new: EnumType, *parts: Any, found: Any = None, **more: Any
) -> Case:
    """An enum changes, behind a column, an array, a check, an index and a default."""

    def made(of: EnumType, default: str) -> Schema:
        return schema(
            table(
                column(of, default=Constant(default)),
                column(array(of), name="many", key="many", null=True),
                index("x", "id", where=Q(many__isnull=True), key="i"),
                *(part(of) for part in parts),
            )
        )

    before = made(old, old.labels[0])
    after = made(new, new.labels[0])
    rows = (f"INSERT INTO post VALUES (1, '{old.labels[0]}', ARRAY['{old.labels[0]}']::mood[])",)
    return Case(name, before, after, rows, "SELECT x::text || many::text FROM post", found, **more)


SAD, OK, HAPPY, MAD = ("sad", "1"), ("ok", "2"), ("happy", "3"), ("mad", "4")


IS_SAD = column(
    BOOLEAN, name="y", key="y", null=True, computed=Computed(SQL("x = 'sad'")), comment="whether"
)


def first_label(of: EnumType) -> Check:
    return Check("c", Q(x=of.labels[0]) | Q(x=of.labels[-1]))


ENUMS = [
    enumerated("labels added", enum(SAD, OK), enum(SAD, MAD, OK, HAPPY), found=["sad{sad}"]),
    enumerated(
        "a first label added", enum(SAD, OK), enum(SAD, OK, HAPPY), first_label, found=["sad{sad}"]
    ),
    enumerated("label renamed", enum(SAD, OK), enum(("blue", "1"), OK), found=["blue{blue}"]),
    enumerated("labels swapped", enum(SAD, OK), enum(("ok", "1"), ("sad", "2")), found=["ok{ok}"]),
    enumerated("label removed", enum(SAD, OK, MAD), enum(SAD, OK), found=["sad{sad}"]),
    enumerated("reordered", enum(SAD, OK, MAD), enum(MAD, OK, SAD), found=["sad{sad}"]),
    enumerated(
        "all at once",
        enum(SAD, OK, MAD),
        enum(HAPPY, ("sad", "2"), ("mad", "1"), name="mood"),
        first_label,
        found=["mad{mad}"],
    ),
    enumerated("without identity", enum("a", "b"), enum("c", "a"), first_label, found=["a{a}"]),
    enumerated(
        "renamed",
        enum(SAD, key="e"),
        enum(SAD, OK, name="Feeling", schema="s", key="e"),
        found=["sad{sad}"],
    ),
    enumerated(
        "renamed and reordered",
        enum(SAD, OK, key="e"),
        enum(OK, SAD, name="Feeling", key="e"),
        found=["sad{sad}"],
    ),
    Case(
        "labels without a type",
        schema(table(column(enum("a", "b", native=False)))),
        schema(table(column(enum("a", "b", "longer", native=False), null=True))),
        ("INSERT INTO post VALUES (1, 'a')",),
        found=["a"],
    ),
    Case(
        "a label without a type renamed",
        schema(table(column(enum(SAD, OK, native=False), default=Constant("sad")))),
        schema(
            table(
                column(
                    enum(("ok", "1"), ("melancholic", "2"), native=False), default=Constant("ok")
                )
            )
        ),
        ("INSERT INTO post VALUES (1, 'sad'), (2, 'ok')",),
        found=["ok", "melancholic"],
    ),
    Case(
        "a column computed of an enum",
        schema(
            table(column(enum(SAD, OK)), IS_SAD, index("y", name="y_idx"), Unique("u", ("y", "id")))
        ),
        schema(
            table(column(enum(OK, SAD)), IS_SAD, index("y", name="y_idx"), Unique("u", ("y", "id")))
        ),
        ("INSERT INTO post VALUES (1, 'sad'), (2, 'ok')",),
        "SELECT y FROM post ORDER BY id",
        [True, False],
    ),
    Case(
        "labels get a type",
        schema(table(column(enum("a", "b", native=False)))),
        schema(table(column(enum("a", "b")))),
        ("INSERT INTO post VALUES (1, 'a')",),
        found=["a"],
    ),
    Case(
        "enum columns that point at each other",
        schema(
            table(Column("id", enum(SAD, OK)), name="author"),
            table(column(enum(SAD, OK)), linked()),
        ),
        schema(
            table(Column("id", enum(OK, SAD)), name="author"),
            table(column(enum(OK, SAD)), linked()),
        ),
        ("INSERT INTO author VALUES ('sad')", "INSERT INTO post VALUES (1, 'sad')"),
        found=["sad"],
    ),
]


def domain(**more: Any) -> Column:
    return column(describe(DOMAIN("posint", Integer, **more)), null=True)


#: Not among all, which are made of each other: no column goes from a domain to any other type.
DOMAINS = [
    Case(f"{name} of a domain", schema(table(domain())), schema(table(domain(**more))), ROWS, found=[None, None])
    for name, more in (
        ("check", {"check": "VALUE > 0"}),
        ("default", {"default": "5"}),
    )
]  # fmt: skip

CASES = [*COLUMN_CASES, *CONSTRAINTS, *MOVED, *ENUMS]
