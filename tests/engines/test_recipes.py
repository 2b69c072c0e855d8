"""Recipes: finer changes come to what the short form comes to, and keep nobody waiting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from sqlalchemy.engine import Connection

from catalog import catalog
from catalog_sqlite import catalog as catalog_of_sqlite
from postgresql_cases import AUTHOR, CASES, Case, constrained, linked
from sqlite_cases import CASES as SQLITE
from sqlite_kit import NEW, directly, fresh, go, run
from steps import carry_out
from steps import run as run_step
from strategies import examples, states
from tables import BIG, INTEGER, MOMENT, TEXT, ZONED, column, enum, index, schema, table, varchar
from whimbrel.engines.policy import Policy
from whimbrel.engines.postgresql import ENGINE, PostgreSQLEngine
from whimbrel.engines.serializer import dumps, loads
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.batches import BatchedTable
from whimbrel.engines.step import Boundary, HazardCode, Step
from whimbrel.schema import changes as c
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL, Constant, Q
from whimbrel.schema.swaps import SwapColumns
from whimbrel.schema.table import (
    Check,
    Column,
    Exclude,
    ForeignKey,
    Identity,
    PrimaryKey,
    Schema,
    Serial,
    Unique,
)
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

VERSIONS = pytest.mark.parametrize("version", [13, 17, 18])


def safe(version: int | None = None) -> Policy:
    return Policy(is_safe=True, version=version)


def refine(
    engine: PostgreSQLEngine, changes: Sequence[c.Change], before: Schema, policy: Policy
) -> list[c.Change]:
    """The finer changes of all changes in a row."""
    return list(chain.from_iterable(engine.refine(changes, before, policy)))


# -- on schemas ----------------------------------------------------------------------------------


def sets(of: Schema) -> object:
    """A schema, in which the order of a table's constraints and indexes says nothing."""
    tables = {
        at: (
            frozenset(each.constraints),
            frozenset(each.indexes),
            replace(each, constraints=(), indexes=()),
        )
        for at, each in of.tables.items()
    }
    return tables, replace(of, tables={})


def refuse_difference(before: Schema, after: Schema, version: int) -> None:
    changes = diff(before, after)
    assert refine(ENGINE, changes, before, Policy()) == changes
    finer = refine(ENGINE, changes, before, safe(version))
    assert sets(c.apply_all(before, finer)) == sets(c.apply_all(before, changes))
    assert list(chain.from_iterable(NEW.refine(changes, before, safe(version)))) == changes


@VERSIONS
@given(old=states(), new=states())
@settings(max_examples=examples(40), deadline=None)
def test_finer_changes_come_to_the_same_schema(version: int, old: State, new: State) -> None:
    refuse_difference(ENGINE.effective(lower(old)), ENGINE.effective(lower(new)), version)


@VERSIONS
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_finer_changes_of_cases_come_to_the_same_schema(case: Case, version: int) -> None:
    refuse_difference(case.before, case.after, version)
    refuse_difference(case.after, case.before, version)


# -- which recipe --------------------------------------------------------------------------------


def nullable(**more: object) -> Column:
    return Column("x", INTEGER, null=True, key="x", **more)  # type: ignore[arg-type]


CHECK = Check("c", Q(x__gte=0))
BARE = constrained("none")
REQUIRED = (
    schema(table(nullable())),
    schema(table(replace(nullable(), null=False, fill=Constant(7)))),
)
CHECKED = constrained("check", CHECK)
KEYED = constrained("key", linked())
INDEXED = constrained("index", index("x"))
UNIQUE = constrained("unique", Unique("u", ("x",)))
#: A table that comes with a key to one that is there, or goes; and a column that goes.
LINKED = schema(AUTHOR), schema(AUTHOR, table(nullable(), linked()))
WITHOUT_X = schema(table())
#: One index in the place of another.
OTHER_INDEX = constrained("other index", index("x", "id", key="i"), old=(index("x", key="i"),))
UNPROVEN = constrained("a check turns valid", CHECK, old=(replace(CHECK, not_valid=True),))
UNPROVEN_KEY = constrained("a key turns valid", linked(), old=(linked(not_valid=True),))
OTHER_UNIQUE = constrained(
    "other unique", Unique("u", ("x", "id"), key="u"), old=(Unique("u", ("x",), key="u"),)
)
OTHER_KEY = constrained("other key", linked(on_delete="CASCADE"), old=(linked(),))
#: What a foreign key points at goes, and another one comes.
OTHER_TARGET = Case(
    "other target",
    *(
        schema(
            table(
                nullable(),
                Unique("u", ("x",), key=key),
                ForeignKey("f", ("x",), table().at, ("x",), key="f"),
            )
        )
        for key in ("1", "2")
    ),
)
EXCLUDED = constrained("excluded", Exclude("e", (("x", "="),), "btree"))
NO_KEY = (
    schema(replace(table(), constraints=())),
    schema(table(PrimaryKey("post_pk", ("id",)))),
)


def typed(*parts: Any, of: Any = INTEGER, **more: Any) -> Schema:
    return schema(table(column(of, null=True, **more), *parts))


#: Of columns without anything on them: no row loses anything; one may.
WIDER = ["CheckSwaps", "AddColumn", "AddSync", "FillSync", "SwapColumns"]
OTHER = [*WIDER[:-1], "VerifySync", "AddConstraint", "ValidateConstraint", "SwapColumns"]
#: What stays in the catalog, but for a check.
CHECKED_TYPE = [
    typed(Check("c", Q(x__gt="a")), of=varchar(length), comment=comment)
    for length, comment in ((9, None), (12, "longer"))
]
KEYLESS = [schema(replace(table(column(of, null=True)), constraints=())) for of in (INTEGER, BIG)]

RECIPES = [
    (typed(), typed(of=BIG), safe(13), WIDER),
    (typed(of=BIG), typed(), safe(13), OTHER),
    (typed(of=TEXT), typed(), safe(13), OTHER),
    (typed(of=varchar(9)), typed(of=TEXT), safe(13), ["AlterColumn"]),
    (typed(index("x"), of=varchar(9)), typed(index("x"), of=TEXT), safe(13), ["AlterColumn"]),
    (
        *(typed(index("x", where=Q(x__gt="b")), of=of) for of in (varchar(9), TEXT)),
        safe(13),
        [*WIDER[:-1], "AddIndex", "SwapColumns"],
    ),
    (typed(of=MOMENT), typed(of=ZONED), safe(13), ["AlterColumn"]),
    (
        *(typed(index("x"), of=of) for of in (MOMENT, ZONED)),
        safe(13),
        [*WIDER[:-1], "AddIndex", "SwapColumns"],
    ),
    (typed(), typed(of=BIG, comment="c"), safe(13), [*WIDER, "AlterColumn"]),
    (*CHECKED_TYPE, safe(13), ["DropConstraint", "AlterColumn", "AddConstraint", "ValidateConstraint", "AlterColumn"]),
    (*KEYLESS, safe(13), ["AlterColumn"]),
    (
        *(typed(Exclude("e", (("x", "="),), "btree"), of=of) for of in (INTEGER, BIG)),
        safe(13),
        ["AlterColumn"],
    ),
    (
        *(typed(Unique("u", ("x",), deferrable="deferred"), of=of) for of in (INTEGER, BIG)),
        safe(13),
        ["AlterColumn"],
    ),
    (CHECKED.before, CHECKED.after, safe(13), ["AddConstraint", "ValidateConstraint"]),
    (KEYED.before, KEYED.after, safe(13), ["AddConstraint", "ValidateConstraint"]),
    (KEYED.after, KEYED.before, safe(13), ["DropConstraint"]),
    (*LINKED, safe(13), ["CreateTable", "AddConstraint"]),
    (*LINKED, Policy(True, 13, {AUTHOR.at: 8192}), ["CreateTable"]),
    (*LINKED[::-1], safe(13), ["DropConstraint", "DropTable"]),
    (*LINKED[::-1], Policy(True, 13, {AUTHOR.at: 8192}), ["DropTable"]),
    (LINKED[1], Schema(), safe(13), ["DropConstraint", "DropTable", "DropTable"]),
    (Schema(), LINKED[1], safe(13), ["CreateTable", "CreateTable"]),
    (INDEXED.before, INDEXED.after, safe(13), ["AddIndex"]),
    (INDEXED.after, INDEXED.before, safe(13), ["DropIndex"]),
    (OTHER_INDEX.before, OTHER_INDEX.after, safe(13), ["RenameIndex", "AddIndex", "DropIndex"]),
    (UNIQUE.before, UNIQUE.after, safe(13), ["AddIndex", "AddConstraint"]),
    (UNIQUE.after, UNIQUE.before, safe(13), ["DropConstraint"]),
    (*NO_KEY, safe(13), ["AddIndex", "AddConstraint"]),
    (UNPROVEN.before, UNPROVEN.after, safe(13), ["ValidateConstraint"]),
    (UNPROVEN_KEY.before, UNPROVEN_KEY.after, safe(13), ["ValidateConstraint"]),
    (UNPROVEN_KEY.after, UNPROVEN_KEY.before, safe(13), ["RenameConstraint", "AddConstraint", "DropConstraint"]),
    (OTHER_UNIQUE.before, OTHER_UNIQUE.after, safe(13), ["RenameConstraint", "AddIndex", "AddConstraint", "DropConstraint"]),
    (OTHER_KEY.before, OTHER_KEY.after, safe(13), ["RenameConstraint", "AddConstraint", "ValidateConstraint", "DropConstraint"]),
    (OTHER_TARGET.before, OTHER_TARGET.after, safe(13), ["DropConstraint", "DropConstraint", "AddIndex", "AddConstraint", "AddConstraint", "ValidateConstraint"]),
    (EXCLUDED.before, EXCLUDED.after, safe(13), ["AddConstraint"]),
    (REQUIRED[1], WITHOUT_X, safe(13), ["AlterColumn", "DropColumn"]),
    (REQUIRED[0], WITHOUT_X, safe(13), ["DropColumn"]),
    (*REQUIRED, safe(18), ["FillColumn", "AddNotNull", "ValidateNotNull"]),
    (
        *REQUIRED,
        safe(17),
        ["FillColumn", "AddConstraint", "ValidateConstraint", "SetNotNull", "DropConstraint"],
    ),
    (*REQUIRED, safe(None), ["FillColumn", "AddConstraint", "ValidateConstraint", "SetNotNull", "DropConstraint"]),
    (*REQUIRED, Policy(True, 18, dict.fromkeys(REQUIRED[0].tables, 8192)), ["AlterColumn"]),
    (*REQUIRED, Policy(True, 18, dict.fromkeys(REQUIRED[0].tables, 2**30)), ["FillColumn", "AddNotNull", "ValidateNotNull"]),
    (*REQUIRED, Policy(), ["AlterColumn"]),
    (Schema(), CHECKED.after, safe(18), ["CreateTable", "CreateTable"]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "policy", "kinds"), RECIPES)
def test_the_recipe_that_a_policy_asks_for(
    before: Schema, after: Schema, policy: Policy, kinds: list[str]
) -> None:
    finer = refine(ENGINE, diff(before, after), before, policy)
    assert [type(each).__name__ for each in finer] == kinds


def test_a_foreign_key_locks_its_target_first_and_alone() -> None:
    themselves = linked(target=table().at)
    for key, first in (
        (linked(), ["LOCK TABLE author IN SHARE ROW EXCLUSIVE MODE"]),
        (themselves, []),
    ):
        before, after = schema(AUTHOR, table(nullable())), schema(AUTHOR, table(nullable(), key))
        steps = ENGINE.steps(refine(ENGINE, diff(before, after), before, safe()), before)
        assert [each.boundary for each in steps] == [Boundary.OWN, Boundary.OWN]
        assert list(steps[0].statements[:-1]) == first
        assert steps[0].statements[-1].endswith("NOT VALID")


def test_the_index_of_a_foreign_key_comes_before_it() -> None:
    before, after = (
        schema(AUTHOR, table(nullable())),
        schema(AUTHOR, table(nullable(), linked(), index("x"))),
    )
    finer = refine(ENGINE, diff(before, after), before, safe())
    assert [type(each).__name__ for each in finer] == [
        "AddIndex",
        "AddConstraint",
        "ValidateConstraint",
    ]


# -- on a database -------------------------------------------------------------------------------


def engine_of(connection: Connection) -> PostgreSQLEngine:
    found = PostgreSQLEngine().with_facts(connection)
    connection.commit()
    return found


def carry_out_finely(connection: Connection, before: Schema, after: Schema) -> list[Step]:
    """Each step by itself, in a transaction or in none; its probes say what they should."""
    engine = engine_of(connection)
    steps = engine.steps(refine(engine, diff(before, after), before, safe()), before)
    execute_each(connection, engine, steps)
    return steps


def execute_each(connection: Connection, engine: PostgreSQLEngine, steps: Sequence[Step]) -> None:
    for step in steps:
        opened = (
            engine.transaction(connection, [step])
            if step.transactional
            else engine.without_transaction(connection)
        )
        if step.update is not None:  # all of the table as one batch
            with connection.begin():
                connection.execute(BatchedTable(step.update).update())
            continue
        with opened:
            run_step(connection, engine, loads(dumps(step)))  # as the journal has it
            assert step.broken is None or execute(connection, step.broken).first() is None


def comes(name: str, of: Column) -> Case:
    """A column comes to a table with rows."""
    return Case(
        f"{name} comes", WITHOUT_X, schema(table(of)), ("INSERT INTO post VALUES (1), (2), (5)",)
    )


ZERO = SQL("(random() * 0)::integer")

TWO = [
    *CASES,
    comes("an identity column", Column("x", BIG, generated=Identity(), key="x")),
    comes("a strict identity column", Column("x", INTEGER, generated=Identity(always=True), key="x")),
    comes("a serial column", Column("x", INTEGER, generated=Serial(), key="x")),
    comes("a column that differs by row", Column("x", INTEGER, default=ZERO, fill=ZERO, key="x")),
    comes("a column that differs and may be null", nullable(default=ZERO, fill=ZERO)),
    comes("a column that is filled and has no default", Column("x", INTEGER, fill=ZERO, key="x")),
    comes("a checked label", column(enum("a", "b", native=False), default=Constant("a"), fill=Constant("a"))),
    Case("longer, with a check", *CHECKED_TYPE, ("INSERT INTO post VALUES (1, 'b')",)),
    Case("required", *REQUIRED, ("INSERT INTO post VALUES (1, NULL), (2, 3)",)),
    OTHER_INDEX,
    OTHER_UNIQUE,
    OTHER_TARGET,
    constrained(
        "an index of another name and method",
        index("x", method="hash", key="i", name="j"),
        old=(index("x", key="i"),),
    ),
    Case(
        "an index whose column changes its type",
        schema(table(column(INTEGER), index("x", key="i"))),
        schema(table(column(BIG), index("x", "id", key="i"))),
    ),
    Case(
        "a primary key over what turns NOT NULL",
        schema(replace(table(nullable()), constraints=())),
        schema(table(replace(nullable(), null=False), PrimaryKey("post_pk", ("x", "id")))),
        ("INSERT INTO post VALUES (1, 2), (2, 3)",),
    ),
    Case(
        "what counts turns text",
        schema(table(column(INTEGER, generated=Identity()))),
        schema(table(column(varchar(50)))),
        ("INSERT INTO post (id) VALUES (1), (2)",),
    ),
    Case("primary key", *NO_KEY, ("INSERT INTO post VALUES (1), (2)",)),
    Case("a table with a key to one that is there", *LINKED),
    Case("a table with a key goes", *LINKED[::-1]),
    Case("a required column goes", REQUIRED[1], WITHOUT_X, ("INSERT INTO post VALUES (1, 5)",)),
]  # fmt: skip


def ways(case: Case) -> list[tuple[Schema, Schema]]:
    """The ways of a case, there and back, for which there is a recipe."""
    both = [(case.before, case.after), (case.after, case.before)][: 1 + case.back]
    differences = ((before, after, diff(before, after)) for before, after in both)
    return [
        (before, after)
        for before, after, changes in differences
        if refine(ENGINE, changes, before, safe(13)) != changes
    ]


WAYS = [
    pytest.param(case, *way, id=f"{case.name}{' (back)' if way[0] is case.after else ''}")
    for case in TWO
    for way in ways(case)
]


def rows_of(connection: Connection, schema: Schema) -> list[list[str]]:
    """The rows of tables, by the names of columns: the order of those is no part of a schema."""
    tables = (f'TABLE "{at.name}"' for at in schema.tables if not at.schema)
    rows = (execute(connection, sql).mappings() for sql in tables)
    return [sorted(repr(sorted(row.items())) for row in of) for of in rows]


@pytest.mark.parametrize(("case", "before", "after"), WAYS)
def test_a_recipe_equals_its_short_form(
    case: Case, before: Schema, after: Schema, connection: Connection
) -> None:
    if not case.fits(connection):
        pytest.skip(f"came with PostgreSQL {case.since}")
    found = []
    for make in (carry_out, carry_out_finely):
        carry_out(connection, Schema(), case.before)
        for row in case.rows:
            execute(connection, row)
        connection.commit()
        if before is case.after:
            carry_out(connection, case.before, case.after)
            connection.commit()
        make(connection, before, after)
        found.append((catalog(connection), rows_of(connection, after)))
        connection.commit()
        carry_out(connection, after, Schema())
        connection.commit()
    assert found[0] == found[1]


@pytest.mark.parametrize(("case", "before", "after"), WAYS)
def test_the_way_back_from_half_way_leaves_nothing(
    case: Case, before: Schema, after: Schema, connection: Connection
) -> None:
    if not case.fits(connection):
        pytest.skip(f"came with PostgreSQL {case.since}")
    engine = engine_of(connection)
    carry_out(connection, Schema(), before)
    start = catalog(connection)
    connection.commit()
    steps = engine.steps(refine(engine, diff(before, after), before, safe()), before)
    for some in range(1, len(steps)):
        if steps[some - 1].boundary is steps[some].boundary is Boundary.SHARED:
            continue  # they are in one transaction
        execute_each(connection, engine, steps[:some])
        made = [each for step in steps[:some] for each in step.changes]
        half = c.apply_all(before, dict.fromkeys(made))
        execute_each(connection, engine, engine.steps(diff(half, before), half))
        assert catalog(connection) == start, [step.sql for step in steps[:some]]
        connection.commit()


def test_who_may_point_at_a_table_and_not_lock_it_adds_a_key(connection: Connection) -> None:
    carry_out(connection, Schema(), KEYED.before)
    for statement in (
        "CREATE ROLE pointing",
        "GRANT REFERENCES, SELECT ON author TO pointing",
        "ALTER TABLE post OWNER TO pointing",
        "GRANT CREATE ON SCHEMA public TO pointing",
        "SET ROLE pointing",
    ):
        execute(connection, statement)
    connection.commit()
    try:
        carry_out_finely(connection, KEYED.before, KEYED.after)
    finally:
        execute(connection, "RESET ROLE")
        execute(connection, "DROP OWNED BY pointing")
        execute(connection, "DROP ROLE pointing")
        connection.commit()


@pytest.mark.parametrize("case", [UNPROVEN, UNPROVEN_KEY], ids=lambda case: case.name)
def test_what_turns_valid_stays_where_it_is(case: Case, connection: Connection) -> None:
    carry_out(connection, Schema(), BARE.after)
    carry_out(connection, BARE.after, case.before)
    query = "SELECT oid, convalidated FROM pg_constraint WHERE conname IN ('c', 'post_author_fk')"
    [(oid, is_valid)] = execute(connection, query).all()
    assert not is_valid
    connection.commit()
    carry_out_finely(connection, case.before, case.after)
    assert execute(connection, query).all() == [(oid, True)]


@pytest.mark.parametrize(
    ("before", "after"),
    [(CHECKED.before, CHECKED.after), (KEYED.before, KEYED.after), REQUIRED],
)
def test_what_looks_at_all_rows_locks_weakly_in_a_transaction_of_its_own(
    before: Schema, after: Schema
) -> None:
    for version in (13, 18):
        finer = refine(ENGINE, diff(before, after), before, safe(version))
        steps = [each for each in ENGINE.steps(finer, before) if "UPDATE" not in each.sql]
        assert any(each.scans for each in steps)
        for step in steps:
            # What adds a foreign key is alone too, since it locks both tables.
            assert step.scans <= (step.boundary is Boundary.OWN)
            assert not (step.scans and step.is_locking)
            assert not step.has(HazardCode.SCANS_TABLE)


@pytest.mark.parametrize("name", ["x", "x" * 60, "é" * 28, "a_b"])
def test_not_null_is_called_as_postgresql_calls_it(name: str, connection: Connection) -> None:
    if (engine_of(connection).facts.version or 0) < 18:
        pytest.skip("came with PostgreSQL 18")
    loose = Column(name, TEXT, null=True, key="x")
    before, after = (
        schema(table(each, name="a_table_of_some_length"))
        for each in (loose, replace(loose, null=False))
    )
    query = "SELECT conname FROM pg_constraint WHERE contype = 'n' ORDER BY 1"
    found = []
    for make in (carry_out, carry_out_finely):
        carry_out(connection, Schema(), before)
        connection.commit()
        make(connection, before, after)
        found.append(execute(connection, query).all())
        connection.commit()
        carry_out(connection, after, Schema())
        connection.commit()
    assert found[0] == found[1]


# -- SQLite takes them too, but for columns in step -----------------------------------------------------------------------


def _finer(before: Schema, after: Schema) -> Sequence[c.Change]:
    return refine(ENGINE, diff(before, after), before, safe(13))


def is_swap(old: list, new: list) -> bool:  # type: ignore[type-arg]
    """True where a type changes by columns in step, which are PostgreSQL's alone."""
    return any(isinstance(each, SwapColumns) for each in _finer(Schema.of(old), Schema.of(new)))


@pytest.mark.parametrize(
    ("old", "new"), [pytest.param(o, n, id=name) for name, o, n in SQLITE if not is_swap(o, n)]
)
def test_sqlite_makes_the_same_of_finer_changes(old: list, new: list) -> None:  # type: ignore[type-arg]
    before, after = Schema.of(old), Schema.of(new)
    with fresh() as connection:
        go(connection, Schema(), before)
        run(connection, _finer(before, after), before)
        assert catalog_of_sqlite(connection) == directly(after)


def test_sqlite_fills_rows() -> None:
    before, after = REQUIRED
    for version in (13, 18):
        with fresh() as connection:
            go(connection, Schema(), before)
            execute(connection, "INSERT INTO post VALUES (1, NULL), (2, 3)")
            run(connection, refine(ENGINE, diff(before, after), before, safe(version)), before)
            assert execute(connection, "SELECT x FROM post ORDER BY id").scalars().all() == [7, 3]
