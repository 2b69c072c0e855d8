"""The locks, scans and rewrites that steps tell are those that the server shows, no weaker and no stronger.

So the lock table that the recipes go by is held for each version of PostgreSQL, by cases for its rows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator

import pytest
from sqlalchemy.engine import Connection

from engines.test_recipes import KEYLESS, TWO, engine_of, refine, safe
from postgresql_cases import AUTHOR, DOMAINS, Case, constrained, domain, linked
from postgresql_columns import LITERAL_CASES, ROWS, added, changed
from steps import Moment, carry_out
from steps import run as run_step
from tables import (
    BIG,
    INTEGER,
    INTERVAL,
    JSON,
    JSONB,
    MOMENT,
    SMALL,
    TEXT,
    UUID_TYPE,
    column,
    index,
    kind,
    numeric,
    schema,
    table,
    varchar,
)
from whimbrel.engines.policy import SHORT, Policy
from whimbrel.engines.postgresql import PostgreSQLEngine
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.batches import BatchedTable
from whimbrel.engines.step import Boundary, Lock, Step
from whimbrel.schema.changes import Change
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL, Constant, Q
from whimbrel.schema.table import (
    Check,
    Constraint,
    Identity,
    Index,
    IndexPart,
    Name,
    Schema,
    Unique,
)
from whimbrel.schema.types import ColumnType, make_type

# -- rows of the lock table that no other case is about -------------------------------------------


def dialect(name: str, **arguments: object) -> ColumnType:
    return make_type(f"sqlalchemy.dialects.postgresql:{name}", **arguments)


def typed(name: str, old: ColumnType, new: ColumnType, *parts: Constraint | Index) -> Case:
    """A column with an index changes its type; parts: more that is made of it."""
    made = (index("x"), *parts)
    return Case(
        name,
        *(schema(table(column(of, null=True), *made)) for of in (old, new)),
        ROWS,
        found=[None, None],
    )


def with_part(name: str, *parts: Constraint | Index, **more: object) -> Case:
    """A column comes with something that is made of it."""
    mine = column(INTEGER, null=True, **more)
    return Case(name, schema(AUTHOR, table()), schema(AUTHOR, table(mine, *parts)), ROWS)


COLUMNS = [
    added("a stable default", column(MOMENT, default=SQL("now()"))),
    added("a volatile default", column(UUID_TYPE, default=SQL("gen_random_uuid()"))),
    added("a clock", column(MOMENT, null=True, default=SQL("clock_timestamp()"))),
    added("a big identity", column(BIG, generated=Identity())),
    added("a domain", domain()),
    added("a domain with a check", domain(check="VALUE > 0")),
    with_part("a unique column", Unique("u", ("x",))),
    with_part("a column with a check", Check("c", Q(x__gte=0))),
    with_part("a column that points", linked()),
    with_part("a column that points and has an index", linked(), index("x")),
    Case(
        "a column that points at a default",
        schema(AUTHOR, table()),
        schema(AUTHOR, table(column(INTEGER, default=Constant(1)), linked())),
        ("INSERT INTO author VALUES (1, 'a')", *ROWS),
    ),
    with_part("a column with an index", index("x")),
    constrained("a key turns deferrable", linked(deferrable="deferred"), old=(linked(),)),
    constrained("a key to itself", linked(target=table().at)),
    constrained("a unique index", index("x", unique=True)),
    constrained("two keys", linked(), linked(name="other", key="other")),
    Case("a table without a key changes a type", *KEYLESS, ROWS),
]

#: What the server does is said in the table by each pair of types, with an index on the column.
TYPES = [
    typed("smallint to integer", SMALL, INTEGER),
    typed("integer to numeric", INTEGER, numeric(20, 0)),
    typed("varchar to longer", varchar(50), varchar(100)),
    typed("varchar to text", varchar(50), TEXT),
    typed("text to varchar", TEXT, varchar(500)),
    typed("varchar to shorter", varchar(50), varchar(20)),
    typed("char to longer", kind("CHAR", length=10), kind("CHAR", length=20)),
    typed("char to text", kind("CHAR", length=10), TEXT),
    typed("char to varchar", kind("CHAR", length=10), varchar(10)),
    typed("numeric of more digits", numeric(10, 2), numeric(12, 2)),
    typed("numeric of any digits", numeric(10, 2), kind("Numeric")),
    typed("numeric of another scale", numeric(10, 2), numeric(12, 3)),
    typed("timestamp of less precision", dialect("TIMESTAMP"), dialect("TIMESTAMP", precision=3)),
    typed("time of more precision", dialect("TIME", precision=3), dialect("TIME", precision=6)),
    typed("interval of less precision", INTERVAL, dialect("INTERVAL", precision=3)),
    changed("jsonb to json", column(JSONB), column(JSON)),
    typed("cidr to inet", dialect("CIDR"), dialect("INET")),
    typed("inet to text", dialect("INET"), TEXT),
    typed("uuid to text", UUID_TYPE, TEXT),
    typed("bit to varbit", dialect("BIT", length=8), dialect("BIT", length=8, varying=True)),
    typed("another collation", varchar(9), varchar(9, collation="C")),
    typed(
        "varchar to text, in an expression",
        varchar(50),
        TEXT,
        Index("e", (IndexPart(SQL("lower(x)")),)),
    ),
    typed("varchar to text, in a condition", varchar(50), TEXT, index("id", name="p", where=Q(x__gt="b"))),
    typed("varchar to text, with a check", varchar(50), TEXT, Check("c", Q(x__gt="b"))),
    typed("varchar to text, with keys", varchar(50), TEXT, Unique("u", ("x",))),
    typed("integer to bigint, with a check", INTEGER, BIG, Check("c", Q(x__gte=0))),
]  # fmt: skip

#: Of literals one kind of step is made.
EVERY = [case for case in (*TWO, *DOMAINS, *COLUMNS, *TYPES) if case not in LITERAL_CASES[1:]]

# -- what is told, and what is seen ----------------------------------------------------------------


def watch(
    connection: Connection, engine: PostgreSQLEngine, step: Step, known: Collection[int]
) -> None:
    """Execute a step that is in no transaction, and compare its locks while it waits for a writer."""
    pid = execute(connection, "SELECT pg_backend_pid()").scalar_one()
    before = Moment(connection)
    at, other = step.tables[0][0], connection.engine.connect()
    with engine.without_transaction(connection), other:
        execute(other, f'LOCK TABLE "{at.name}" IN ROW EXCLUSIVE MODE')
        running = threading.Thread(target=run_step, args=(connection, engine, step))
        running.start()
        held = wait_for_locks(other, pid, before)
        other.rollback()
        running.join()
    with connection.begin():
        seen = before.until(Moment(connection), known)
    assert held == dict(step.tables), step.sql
    assert not seen.rewritten and not step.rewrites, step.sql


LOCKS = {lock.value.replace(" ", "") + "LOCK": lock for lock in Lock}
HELD = """
SELECT relation, mode FROM pg_locks l WHERE pid = {pid} AND relation IS NOT NULL AND granted
AND EXISTS (SELECT FROM pg_locks WHERE pid = {pid} AND NOT granted)
"""


def wait_for_locks(connection: Connection, pid: int, before: Moment) -> dict[Name, Lock]:
    """Return the locks of another session on tables, as soon as it waits for somebody."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if rows := execute(connection, HELD.format(pid=pid)).all():
            return {
                before.names[oid]: LOCKS[mode.upper()] for oid, mode in rows if oid in before.names
            }
        time.sleep(0.002)
    raise AssertionError("it never waited")


def execute_step(
    connection: Connection, engine: PostgreSQLEngine, step: Step, known: Collection[int]
) -> None:
    """Execute a step by itself, and refuse it if it tells anything else than what happened."""
    if step.boundary is Boundary.AUTOCOMMIT:
        watch(connection, engine, step, known)
        return
    with engine.transaction(connection, [step]):
        before = Moment(connection)
        if step.sql.startswith("SELECT setval"):  # of many rows, it reads the end of an index
            execute(connection, "SET LOCAL seq_page_cost = 100")
        if step.update is None:
            run_step(connection, engine, step)
            before.refuse_untold(Moment(connection), step, known)
            return
        # All of the table as one batch; a batch of many reads by the key.
        connection.execute(BatchedTable(step.update).update())
        seen = before.until(Moment(connection), known)
        assert seen.held == dict(step.tables), step.sql
        assert not seen.rewritten and not step.rewrites and not step.scans, step.sql


def finer(before: Schema, after: Schema, policy: Policy) -> list[Change]:
    return refine(PostgreSQLEngine(), diff(before, after), before, policy)


def ways() -> Iterator[object]:
    """Each case there and back, in the short form, and in the safe one where that is another."""
    for case in EVERY:
        for is_back in (False, True)[: 1 + case.back]:
            way = (case.after, case.before) if is_back else (case.before, case.after)
            for policy in (SHORT, safe()):
                if policy is SHORT or finer(*way, safe(13)) != finer(*way, SHORT):
                    name = f"{case.name}{', back' * is_back}{', safe' * policy.is_safe}"
                    yield pytest.param(case, *way, policy, id=name)


@pytest.mark.parametrize(("case", "before", "after", "policy"), list(ways()))
def test_steps_tell_what_the_server_does(
    case: Case, before: Schema, after: Schema, policy: Policy, connection: Connection
) -> None:
    if not case.fits(connection):
        pytest.skip(f"came with PostgreSQL {case.since}")
    carry_out(connection, Schema(), case.before)
    for row in case.rows:
        execute(connection, row)
    connection.commit()
    if before is case.after:
        carry_out(connection, case.before, case.after)
    # Of tables that the case itself creates nothing is told: nobody else sees them yet.
    known = Moment(connection).names.keys()
    connection.commit()
    engine = engine_of(connection)
    for step in engine.steps(refine(engine, diff(before, after), before, policy), before):
        execute_step(connection, engine, step, known)
        connection.commit()
