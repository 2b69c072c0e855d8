"""A type by a second column in step with the first: what clients write meanwhile, and what comes along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from threading import Event, Thread
from time import sleep
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog import catalog
from engines.test_recipes import execute_each, rows_of, safe
from steps import carry_out
from tables import (
    BIG,
    INTEGER,
    JSON,
    JSONB,
    TEXT,
    array,
    column,
    index,
    kind,
    numeric,
    schema,
    table,
    varchar,
)
from whimbrel.engines.policy import Policy
from whimbrel.engines.postgresql import PostgreSQLEngine
from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.serializer import dumps, loads
from whimbrel.engines.sql import execute
from whimbrel.engines.step import Step
from whimbrel.errors import LossError, UnsupportedError
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import Constant, Q
from whimbrel.schema.table import Check, Column, ForeignKey, Identity, Name, Schema, Serial, Unique


def steps_of(
    connection: Connection, before: Schema, after: Schema, policy: Policy | None = None
) -> tuple[PostgreSQLEngine, list[Step]]:
    engine = PostgreSQLEngine().with_facts(connection)
    connection.commit()
    finer = engine.refine(diff(before, after), before, policy or safe())
    return engine, engine.steps([change for each in finer for change in each], before)


def run_all(connection: Connection, *statements: str) -> None:
    for sql in statements:
        execute(connection, sql)
    connection.commit()


# -- what comes along ------------------------------------------------------------------------------

#: What a model does not know, with names for numbers: the order of columns is another.
DETAILS = [
    """SELECT a.attname, a.attacl::text, col_description(a.attrelid, a.attnum), a.attstattarget,
        ARRAY(SELECT each FROM unnest(a.attoptions) each WHERE each ~ 'distinct'), a.attstorage::text, to_jsonb(a) ->> 'attcompression', a.attnotnull
    FROM pg_attribute a WHERE a.attrelid = 'post'::regclass AND a.attnum > 0 AND NOT attisdropped
    ORDER BY 1""",
    """SELECT s.stxname, s.stxkind::text, to_jsonb(s) ->> 'stxstattarget', array_agg(a.attname ORDER BY 1)
    FROM pg_statistic_ext s JOIN pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum = ANY(s.stxkeys)
    GROUP BY s.oid, 1, 2, 3""",
    """SELECT k.conname, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint')
    FROM pg_constraint k WHERE k.conrelid = 'post'::regclass ORDER BY 1""",
    """SELECT i.indexrelid::regclass::text, i.indisclustered, pg_get_indexdef(i.indexrelid),
        obj_description(i.indexrelid, 'pg_class')
    FROM pg_index i WHERE i.indrelid = 'post'::regclass ORDER BY 1""",
    """SELECT s.relname, s.relacl::text, q.seqtypid::regtype::text, q.seqstart, q.seqincrement,
        q.seqmin, q.seqmax, q.seqcache, q.seqcycle, pg_get_serial_sequence('post', 'id')
    FROM pg_class s JOIN pg_sequence q ON q.seqrelid = s.oid ORDER BY 1""",
    "SELECT last_value, is_called FROM post_id_seq",
    "SELECT id, x, y FROM post ORDER BY id",
    "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT proname FROM pg_proc WHERE proname LIKE '%whimbrel%'",
]
#: Since 15.
PUBLISHED = """
    SELECT p.pubname, pg_get_expr(r.prqual, r.prrelid), array_agg(a.attname ORDER BY a.attname)
    FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
    JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = ANY(r.prattrs::int2[])
    GROUP BY 1, 2"""
OWN = [
    "DROP ROLE IF EXISTS reader",
    "CREATE ROLE reader",
    "INSERT INTO post (x, y) VALUES (NULL, 'a'), (NULL, 'b')",
    "UPDATE post SET x = id",
    "GRANT SELECT (x), UPDATE (x) ON post TO reader WITH GRANT OPTION",
    "GRANT INSERT (id) ON post TO PUBLIC",
    "COMMENT ON COLUMN post.x IS 'it''s 100%'",
    "ALTER TABLE post ALTER x SET STATISTICS 77, ALTER x SET (n_distinct = -0.5)",
    "CREATE STATISTICS st (ndistinct) ON x, y FROM post",
    "COMMENT ON CONSTRAINT c ON post IS 'check'",
    "COMMENT ON INDEX post_idx IS 'index'",
    "ALTER TABLE post CLUSTER ON post_idx",
    "GRANT USAGE ON SEQUENCE post_id_seq TO reader",
]


def rich(of: Any, counter: Any) -> Schema:
    """A table with all that hangs on columns, which points at itself."""
    return schema(
        table(
            Column("id", of, key="id", generated=counter),
            column(of, null=True, default=Constant(3)),
            Column("y", TEXT, null=True, key="y"),
            Check("c", Q(x__lt=1000)),
            Unique("u", ("x", "y"), include=("id",)),
            index("x", "y", name="post_idx"),
            index("y", name="partial", where=Q(x__gt=5)),
            ForeignKey("itself", ("x",), Name(None, "post"), ("id",), on_delete="CASCADE"),
        ),
    )


COUNTERS = [
    Identity(always=True, start=3, increment=2, cache=5),
    Identity(minvalue=-7, maxvalue=1000, cycle=True),
    Identity(increment=-1),
    Serial(),
]


@pytest.mark.parametrize("counter", COUNTERS, ids=str)
@pytest.mark.parametrize("stand", [(), ("ALTER SEQUENCE post_id_seq RESTART WITH 9",)], ids=len)
def test_what_hangs_on_a_column_comes_along(
    counter: Any, stand: Sequence[str], connection: Connection
) -> None:
    before, after = (rich(of, counter) for of in (INTEGER, BIG))
    is_new = (connection.dialect.server_version_info or (0,))[0] >= 15
    own, details = [*OWN, *stand], [*DETAILS]
    if is_new:
        own.append(
            "CREATE PUBLICATION p FOR TABLE ONLY post (id, x) WHERE (y > 'a') WITH (publish = 'insert')"
        )
        details.append(PUBLISHED)
    if counter == COUNTERS[2]:
        own = [sql for sql in own if "RESTART" not in sql]  # it counts below zero
    found = []
    for is_short in (True, False):
        carry_out(connection, Schema(), before)
        run_all(connection, *own)
        if is_short and is_new:  # which has none of it
            run_all(connection, "DROP PUBLICATION p")
        if is_short:
            carry_out(connection, before, after)
        else:
            execute_each(connection, *steps_of(connection, before, after))
        if is_short and is_new:
            run_all(connection, own[-1])
        found.append([execute(connection, sql).all() for sql in details])
        carry_out(connection, after, Schema())
        run_all(connection, "DROP OWNED BY reader", "DROP ROLE reader")
        if is_new:
            run_all(connection, "DROP PUBLICATION p")
    for one, other in zip(*found, strict=True):
        assert one == other


def test_how_a_value_is_stored_comes_along(connection: Connection) -> None:
    before, after = (schema(table(column(of))) for of in (JSON, JSONB))
    carry_out(connection, Schema(), before)
    run_all(connection, "ALTER TABLE post ALTER x SET STORAGE EXTERNAL")
    execute_each(connection, *steps_of(connection, before, after))
    query = "SELECT attstorage::text FROM pg_attribute WHERE attname = 'x'"
    assert execute(connection, query).scalar() == "e"


# -- clients meanwhile -----------------------------------------------------------------------------


class Writer:
    """A client that knows a table as it was before: it writes in transactions, until it is stopped.

    Each of them inserts a parent and a child, moves a child, changes values, and deletes a parent with its children.
    """

    def __init__(self, url: str) -> None:
        # Statements that are prepared fail once after any change of a type, the short form's too.
        self.engine = sa.create_engine(url, connect_args={"prepare_threshold": None})
        self.written: dict[int, int] = {}
        self.errors: list[str] = []
        self._stopped = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(30)
        self.engine.dispose()

    def _run(self) -> None:
        number = 0
        while not self._stopped.is_set():
            number += 1
            try:
                with self.engine.begin() as connection:
                    made = self._write(connection, number)
            except sa.exc.SQLAlchemyError as error:
                self.errors.append(str(error))
                continue
            self.written.update(made)
            self._stopped.wait(0.001)

    def _write(self, connection: Connection, number: int) -> dict[int, int]:
        """One transaction; gives for each child that it leaves its number of likes."""
        author = connection.scalar(sa.text("INSERT INTO author (name) VALUES ('a') RETURNING id"))
        doomed = connection.scalar(sa.text("INSERT INTO author (name) VALUES ('b') RETURNING id"))
        keys = [
            connection.scalar(
                sa.text("INSERT INTO post (author_id, likes) VALUES (:to, :n) RETURNING id"),
                {"to": to, "n": number},
            )
            for to in (author, doomed, doomed)
        ]
        kept = [int(each) for each in keys if each is not None]
        for sql in (
            "UPDATE post SET likes = likes + 1 WHERE id = :first",
            "UPDATE post SET author_id = :to WHERE id = :second",
            "DELETE FROM author WHERE id = :doomed",
        ):
            names = {"first": kept[0], "second": kept[1], "to": author, "doomed": doomed}
            connection.execute(sa.text(sql), names)
        return {kept[0]: number + 1, kept[1]: number}


def linked(of: Any) -> Schema:
    """A table with a counted key, and one that points at it, also counted."""
    return schema(
        table(
            Column("id", of, key="id", generated=Identity()),
            Column("name", TEXT, key="name"),
            name="author",
        ),
        table(
            Column("id", of, key="id", generated=Serial()),
            Column("author_id", of, key="author_id"),
            Column("likes", of, key="likes", null=True, default=Constant(0)),
            Check("liked", Q(likes__gte=0)),
            Unique("both", ("id", "author_id")),
            index("author_id", name="post_author"),
            ForeignKey(
                "post_author_fk",
                ("author_id",),
                Name(None, "author"),
                ("id",),
                on_delete="CASCADE",
                on_update="CASCADE",
                key="fk",
            ),
        ),
    )


@pytest.mark.parametrize("types", [(INTEGER, BIG), (BIG, INTEGER)], ids=["wider", "narrower"])
def test_clients_lose_nothing_and_meet_no_error(
    types: tuple[Any, Any], connection: Connection, postgresql_url: str
) -> None:
    before, after = map(linked, types)
    carry_out(connection, Schema(), before)
    run_all(
        connection,
        "INSERT INTO author (name) SELECT 'old' FROM generate_series(1, 500)",
        "INSERT INTO post (author_id, likes) SELECT n, n FROM generate_series(1, 500) n",
    )
    engine, steps = steps_of(connection, before, after)
    assert loads(dumps(tuple(steps))) == tuple(steps)
    with Writer(postgresql_url) as writer:
        for step in steps:
            seen = len(writer.written)
            execute_each(connection, engine, [step])
            while len(writer.written) < seen + 6 and not writer.errors:
                sleep(0.002)
    assert writer.errors == []
    likes = {row.id: row.likes for row in execute(connection, "SELECT id, likes FROM post")}
    assert likes == {n: n for n in range(1, 501)} | writer.written
    orphans = "SELECT count(*) FROM post LEFT JOIN author a ON a.id = author_id WHERE a.id IS NULL"
    assert execute(connection, orphans).scalar() == 0
    connection.commit()
    carry_out(connection, after, Schema())  # nothing else is there


# -- what would not follow -------------------------------------------------------------------------

FUNCTION = """CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.y := {said}; RETURN NEW; END $$"""
TRIGGER = "CREATE TRIGGER {name} BEFORE {when} ON post FOR EACH ROW EXECUTE FUNCTION f()"
REFUSED = {
    "view v": ["CREATE VIEW v AS SELECT x FROM post"],
    "materialized view v": ["CREATE MATERIALIZED VIEW v AS SELECT x + 1 AS z FROM post"],
    "rule": ["CREATE RULE r AS ON UPDATE TO post WHERE NEW.x > 5 DO INSTEAD NOTHING"],
    "policy": ["CREATE POLICY p ON post USING (x > 0)"],
    "y of table post": ["ALTER TABLE post ADD z int GENERATED ALWAYS AS (x + 1) STORED"],
    "trigger g": [FUNCTION.format(said="'a'"), TRIGGER.format(name="g", when="UPDATE OF x")],
    "zzzz": [FUNCTION.format(said="'a'"), TRIGGER.format(name="zzzz", when="INSERT")],
    "whose function names x": [
        FUNCTION.format(said="NEW.x"),
        TRIGGER.format(name="g", when="INSERT"),
    ],
    "inheritance": ["CREATE TABLE child () INHERITS (post)"],
    "index own": ["CREATE INDEX own ON post (x)"],
    "constraint own": ["ALTER TABLE post ADD CONSTRAINT own CHECK (x < 5)"],
    "constraint from": ["CREATE TABLE o (x int CONSTRAINT from_o REFERENCES post (x))"],
    "replica identity": ["ALTER TABLE post REPLICA IDENTITY USING INDEX post_idx"],
    "function g": ["CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT max(x) FROM post; END"],
    "publication": [
        "CREATE PUBLICATION p FOR TABLE post WHERE (x > 5) WITH (publish = 'insert')",
    ],
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_not_follow_is_found_before_anything_is_done(
    what: str, connection: Connection
) -> None:
    before, after = (
        schema(table(column(of), Column("y", TEXT, null=True), index("x", unique=True)))
        for of in (INTEGER, BIG)
    )
    version = (connection.dialect.server_version_info or (0,))[0]
    if version < {"function g": 14, "publication": 15}.get(what, 0):
        pytest.skip("came later")
    carry_out(connection, Schema(), before)
    run_all(connection, *REFUSED[what])
    engine, steps = steps_of(connection, before, after)
    first = steps[0]
    with pytest.raises(UnsupportedError) as refused:
        execute_each(connection, engine, [first])
    assert what.removesuffix(" of table post") in str(refused.value)
    assert "--short" in (refused.value.hint or "")
    connection.rollback()
    with pytest.raises(sa.exc.DBAPIError, match="cannot be replaced online"):
        execute(connection, first.sql)
    connection.rollback()
    assert execute(connection, "SELECT 1 FROM pg_proc WHERE proname ~ 'whimbrel'").first() is None


def test_rows_that_row_security_hides_are_not_passed_over(connection: Connection) -> None:
    before, after = (schema(table(column(of))) for of in (INTEGER, BIG))
    run_all(connection, "DROP ROLE IF EXISTS runner", "CREATE ROLE runner")
    run_all(connection, "GRANT ALL ON SCHEMA public TO runner", "SET ROLE runner")
    carry_out(connection, Schema(), before)
    run_all(
        connection,
        "INSERT INTO post VALUES (1, 5), (2, 6)",
        "ALTER TABLE post ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY p ON post USING (id = 1)",
    )
    engine, steps = steps_of(connection, before, after)
    with pytest.raises(UnsupportedError, match="row security of post"):
        execute_each(connection, engine, steps[:1])
    connection.rollback()
    run_all(connection, "ALTER TABLE post NO FORCE ROW LEVEL SECURITY")
    execute_each(connection, engine, steps)
    assert execute(connection, "SELECT x FROM post ORDER BY id").scalars().all() == [5, 6]
    connection.commit()
    run_all(connection, "RESET ROLE", "DROP OWNED BY runner", "DROP ROLE runner")


def test_who_may_only_write_goes_on_writing_in_any_schema(connection: Connection) -> None:
    def made(of: Any) -> Schema:
        key = Column("id", of, key="id", generated=Identity())
        return schema(table(key, column(of), index("x"), Check("c", Q(x__gt=0)), schema="Odd one"))

    before, after = made(BIG), made(INTEGER)
    revoke = "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"
    run_all(connection, "DROP ROLE IF EXISTS writer", "CREATE ROLE writer", revoke)
    carry_out(connection, Schema(), before)
    run_all(
        connection,
        'GRANT USAGE ON SCHEMA "Odd one" TO writer',
        'GRANT INSERT (x), UPDATE (x), SELECT ON "Odd one".post TO writer',
    )
    engine, steps = steps_of(connection, before, after)
    for number, step in enumerate(steps, start=1):
        execute_each(connection, engine, [step])
        run_all(
            connection,
            "SET ROLE writer",
            f'INSERT INTO "Odd one".post (x) VALUES ({number})',
            f'UPDATE "Odd one".post SET x = x + 100 WHERE x = {number}',
            "RESET ROLE",
        )
    values = execute(connection, 'SELECT x FROM "Odd one".post ORDER BY id').scalars().all()
    assert values == [number + 100 for number in range(1, len(steps) + 1)]
    execute(connection, "SELECT nextval('\"Odd one\".post_id_seq')")
    connection.commit()
    run_all(connection, "DROP OWNED BY writer", "DROP ROLE writer")


@pytest.mark.parametrize("name", ["x", "a b", 'q"u%o:t{e}', "x.*"])
def test_a_column_of_any_name_comes_along(name: str, connection: Connection) -> None:
    before, after = (
        schema(table(column(of, name=name, null=True), index(name), Check("c", Q(**{f"{name}__gt": 0}))))
        for of in (INTEGER, BIG)
    )  # fmt: skip
    carry_out(connection, Schema(), before)
    run_all(connection, "INSERT INTO post VALUES (1, 5), (2, NULL)")
    execute_each(connection, *steps_of(connection, before, after))
    assert execute(connection, "SELECT * FROM post ORDER BY id").all() == [(1, 5), (2, None)]


# -- values that a type does not take --------------------------------------------------------------


def kinds(steps: Sequence[Step]) -> list[str]:
    return [type(step.change).__name__ for step in steps]


LOST = [
    (TEXT, INTEGER, "'7'", "'abc'", "'abc' (the row id = 2)"),
    (numeric(6, 2), numeric(6, 1), "1.5", "1.25", "'1.25' (the row id = 2)"),
    (varchar(9), varchar(3), "'abc'", "'abcd'", "'abcd' (the row id = 2)"),
    (BIG, INTEGER, "7", "3000000000", "'3000000000' (the row id = 2)"),
]


@pytest.mark.parametrize(
    ("old", "new", "fits", "wrong", "named"), LOST, ids=lambda each: str(each)[:20]
)
def test_a_value_that_would_be_lost_is_named_and_breaks_no_client(
    old: Any, new: Any, fits: str, wrong: str, named: str, connection: Connection
) -> None:
    before, after = (schema(table(column(of, null=True))) for of in (old, new))
    carry_out(connection, Schema(), before)
    run_all(connection, f"INSERT INTO post VALUES (1, {fits}), (2, {wrong}), (3, NULL)")
    engine, steps = steps_of(connection, before, after)
    look = kinds(steps).index("VerifySync")
    execute_each(connection, engine, steps[:look])
    run_all(connection, f"INSERT INTO post VALUES (4, {wrong})", f"UPDATE post SET x = {wrong}")
    run_all(
        connection, "DELETE FROM post WHERE id = 4", f"UPDATE post SET x = {fits} WHERE id <> 2"
    )
    with pytest.raises(LossError) as lost:
        execute_each(connection, engine, [steps[look]])
    assert f"post.x holds {named}" in str(lost.value)
    connection.rollback()
    run_all(connection, "UPDATE post SET x = NULL WHERE id = 2")
    execute_each(connection, engine, steps[look:-2])
    # From now on nobody writes what the swap would lose.
    with pytest.raises(sa.exc.IntegrityError):
        execute(connection, f"INSERT INTO post VALUES (4, {wrong})")
    connection.rollback()
    execute_each(connection, engine, steps[-2:])
    rows = execute(connection, "SELECT x::text FROM post ORDER BY id").scalars().all()
    assert rows == [fits.strip("'"), None, fits.strip("'")]
    statistics = "SELECT attname FROM pg_stats WHERE tablename = 'post'"
    assert "x" in execute(connection, statistics).scalars().all()


def test_what_is_no_array_is_named(connection: Connection) -> None:
    before, after = (schema(table(column(of))) for of in (JSONB, array(TEXT)))
    carry_out(connection, Schema(), before)
    run_all(connection, """INSERT INTO post VALUES (1, '["a"]'), (2, '{"a": 1}')""")
    with pytest.raises(LossError, match=r"the row id = 2"):
        execute_each(connection, *steps_of(connection, before, after))


def test_a_lossy_type_cuts_what_is_there_and_what_comes_meanwhile(connection: Connection) -> None:
    before = schema(table(column(varchar(9))))
    after = schema(table(column(varchar(3), lossy=True)))
    carry_out(connection, Schema(), before)
    run_all(connection, "INSERT INTO post VALUES (1, 'abcdef')")
    engine, steps = steps_of(connection, before, after)
    for number, step in enumerate(steps, start=2):
        run_all(connection, f"INSERT INTO post VALUES ({number}, 'abcd{number}')")
        execute_each(connection, engine, [step])
    assert set(execute(connection, "SELECT x FROM post").scalars()) == {"abc"}


@pytest.mark.parametrize("types", [(INTEGER, BIG), (BIG, INTEGER)], ids=["wider", "narrower"])
def test_the_statements_that_are_printed_come_to_the_same(
    types: tuple[Any, Any], connection: Connection
) -> None:
    before, after = map(linked, types)
    found = []
    for is_short in (True, False):
        carry_out(connection, Schema(), before)
        run_all(
            connection,
            "INSERT INTO author (name) VALUES ('a'), ('b')",
            "INSERT INTO post (author_id, likes) VALUES (1, 5), (2, NULL)",
        )
        if is_short:
            carry_out(connection, before, after)
        else:
            engine, steps = steps_of(connection, before, after)
            execute_each(connection, engine, [replace(step, settling=None) for step in steps])
        key = execute(connection, "INSERT INTO author (name) VALUES ('c') RETURNING id").scalar()
        found.append((catalog(connection), rows_of(connection, after), key))
        carry_out(connection, after, Schema())
        connection.commit()
    assert found[0] == found[1]
    assert found[0][2] == 3


COLLATED = [
    {"type": TEXT},
    {"type": kind("Text", collation="C")},
    {"type": TEXT, "collation": "POSIX"},
    {"type": varchar(9, collation="POSIX")},
    {"type": BIG},
]


@pytest.mark.parametrize(("old", "new"), [*pairwise([*COLLATED, *COLLATED[1::2], COLLATED[0]])])
def test_columns_of_two_collations_are_compared(
    old: dict[str, Any], new: dict[str, Any], connection: Connection
) -> None:
    before, after = (schema(table(column(null=True, **each), index("x"))) for each in (old, new))
    carry_out(connection, Schema(), before)
    run_all(connection, "INSERT INTO post VALUES (1, '7'), (2, NULL)")
    engine, steps = steps_of(connection, before, after)
    for number, step in enumerate(steps, start=3):
        run_all(connection, f"INSERT INTO post VALUES ({number}, '8')")
        execute_each(connection, engine, [step])
    values = execute(connection, "SELECT x::text FROM post ORDER BY id").scalars().all()
    assert values == ["7", None, *(["8"] * len(steps))]


#: A type; a value, and one that counts as equal and is spelled otherwise.
EQUAL = [(varchar(9), kind("Interval"), "1 mon", "30 days"), (TEXT, kind("Numeric"), "1.0", "1.00")]


@pytest.mark.parametrize(("old", "new", "was", "now"), EQUAL, ids=["interval", "numeric"])
def test_a_value_that_counts_as_equal_is_taken_over_too(
    old: Any, new: Any, was: str, now: str, connection: Connection
) -> None:
    before, after = schema(table(column(old))), schema(table(column(new)))
    carry_out(connection, Schema(), before)
    run_all(connection, f"INSERT INTO post SELECT i, '{was}' FROM generate_series(1, 60) i")
    engine, steps = steps_of(connection, before, after)
    assert "SwapColumns" in kinds(steps)
    for number, step in enumerate(steps, start=1):
        if step is not steps[-1]:
            run_all(connection, f"UPDATE post SET x = '{now}' WHERE id = {number}")
        execute_each(connection, engine, [step])
    found = execute(connection, "SELECT x::text FROM post ORDER BY id").scalars().all()
    wanted = execute(connection, f"SELECT '{now}'::{COMPILER.type(new)}::text").scalar()
    assert found[: len(steps) - 1] == [wanted] * (len(steps) - 1)


def test_a_serial_column_counts_no_more(connection: Connection) -> None:
    before = schema(
        table(Column("id", INTEGER, generated=Serial(), key="id"), column(TEXT, null=True))
    )
    after = schema(table(Column("id", BIG, key="id"), column(TEXT, null=True)))
    found = []
    for is_short in (True, False):
        carry_out(connection, Schema(), before)
        run_all(connection, "INSERT INTO post (x) VALUES ('a'), ('b')")
        if is_short:
            carry_out(connection, before, after)
        else:
            engine, steps = steps_of(connection, before, after)
            assert "SwapColumns" in kinds(steps)
            execute_each(connection, engine, steps)
        found.append((catalog(connection), rows_of(connection, after)))
        carry_out(connection, after, Schema())
        connection.commit()
    assert found[0] == found[1]


def test_operations_between_two_changes_of_types_are_seen(connection: Connection) -> None:
    """As of one migration, whose differences are taken together."""
    y = Column("y", INTEGER, null=True, key="y")
    first = schema(table(column(INTEGER, null=True), y))
    stages = [
        schema(table(column(BIG, null=True), y)),
        schema(table(column(BIG, null=True), y, index("y", key="i", name="post_y"))),
        schema(
            table(column(BIG, null=True), replace(y, type=BIG), index("y", key="i", name="post_y"))
        ),
    ]
    changes = [each for pair in pairwise([first, *stages]) for each in diff(*pair)]
    carry_out(connection, Schema(), first)
    run_all(connection, "INSERT INTO post VALUES (1, 2, 3)")
    engine = PostgreSQLEngine().with_facts(connection)
    connection.commit()
    finer = [each for some in engine.refine(changes, first, safe()) for each in some]
    assert [type(each).__name__ for each in finer].count("SwapColumns") == 2
    execute_each(connection, engine, engine.steps(finer, first))
    found = catalog(connection), rows_of(connection, stages[-1])
    carry_out(connection, stages[-1], Schema())
    carry_out(connection, Schema(), stages[-1])
    run_all(connection, "INSERT INTO post VALUES (1, 2, 3)")
    assert found == (catalog(connection), rows_of(connection, stages[-1]))
