"""Several statements in one string, and parameters in the words of every driver."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from whimbrel.engines import engine_for
from whimbrel.engines.sql.running import with_literals
from whimbrel.engines.sql.splitting import first_words, fits_a_transaction, statements
from whimbrel.errors import UsageError

pytestmark = pytest.mark.reduced

BOTH = ("sqlite", "postgresql")

TRIGGER = (
    "CREATE TEMP TRIGGER t AFTER INSERT ON a WHEN new.x = ';' BEGIN "
    "UPDATE b SET x = CASE WHEN 1 THEN 2 END; DELETE FROM c; END"
)
BODY = (
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC "
    "SELECT CASE WHEN true THEN 1 END; SELECT 2; END"
)

#: What is taken apart, into what, and by which dialects.
CASES: list[tuple[tuple[str, ...], str, list[str]]] = [
    (BOTH, "", []),
    (BOTH, " ; ;\n", []),
    (BOTH, "SELECT 1", ["SELECT 1"]),
    (BOTH, "SELECT 1;", ["SELECT 1"]),
    (BOTH, "A; B ;\n\nC", ["A", "B", "C"]),
    (BOTH, "1;'x'", ["1", "'x'"]),
    (BOTH, "SELECT 'a;b'; C", ["SELECT 'a;b'", "C"]),
    (BOTH, "SELECT 'it''s;'; C", ["SELECT 'it''s;'", "C"]),
    (BOTH, "SELECT '\\'; C", ["SELECT '\\'", "C"]),
    (BOTH, 'SELECT "a;""b;"; C', ['SELECT "a;""b;"', "C"]),
    (BOTH, "-- one; line\nA; B -- more; of it", ["-- one; line\nA", "B -- more; of it"]),
    (BOTH, "A; -- nothing more;\n /* nor; here */", ["A"]),
    (BOTH, "A /* ; ' */; B", ["A /* ; ' */", "B"]),
    (BOTH, "SELECT '-- ;' ; B", ["SELECT '-- ;'", "B"]),
    (BOTH, "SELECT 'never closed; B", ["SELECT 'never closed; B"]),
    (BOTH, "A (x; y); B", ["A (x; y)", "B"]),
    (("postgresql",), "A /* x /* ; */ ; */ x; B", ["A /* x /* ; */ ; */ x", "B"]),
    (("sqlite",), "A /* x /* ; */ ; B */", ["A /* x /* ; */", "B */"]),
    (("postgresql",), "DO $$ a; b $$; C", ["DO $$ a; b $$", "C"]),
    (("postgresql",), "DO $x$ $$;$y$; $x$; C", ["DO $x$ $$;$y$; $x$", "C"]),
    (("postgresql",), "DO $ä$ ; $ä$; C", ["DO $ä$ ; $ä$", "C"]),
    (("postgresql",), "A $1; b$c$; d$c$", ["A $1", "b$c$", "d$c$"]),
    (("postgresql",), r"SELECT E'\';'; B", [r"SELECT E'\';'", "B"]),
    (("postgresql",), r"SELECT e'\\'; B", [r"SELECT e'\\'", "B"]),
    (("postgresql",), f"{BODY}; SELECT 3", [BODY, "SELECT 3"]),
    (("postgresql",), "CREATE TABLE x (begin int); B", ["CREATE TABLE x (begin int)", "B"]),
    (("postgresql",), "SELECT a[1]; B", ["SELECT a[1]", "B"]),
    (("sqlite",), "SELECT [a;b], `c;``d`; B", ["SELECT [a;b], `c;``d`", "B"]),
    (("sqlite",), f"A; {TRIGGER}; B", ["A", TRIGGER, "B"]),
    (("sqlite",), f"{TRIGGER} ; ", [TRIGGER]),
    (("sqlite",), f"-- why\n{TRIGGER};{TRIGGER};", [f"-- why\n{TRIGGER}", TRIGGER]),
]


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [(dialect, sql, expected) for dialects, sql, expected in CASES for dialect in dialects],
)
def test_statements_end_where_they_end(dialect: str, sql: str, expected: list[str]) -> None:
    assert statements(sql, dialect) == expected


@pytest.mark.parametrize("sql", [sql for dialects, sql, _ in CASES if "sqlite" in dialects])
def test_sqlite_takes_each_for_complete(sql: str) -> None:
    for statement in statements(sql, "sqlite"):
        if "never" not in statement and "--" not in statement:
            assert sqlite3.complete_statement(f"{statement};"), statement


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("begin", ("BEGIN",)),
        ("-- x\n/* y */ rollback  to savepoint a", ("ROLLBACK", "TO", "SAVEPOINT")),
        ("'x'", ()),
    ],
)
def test_the_words_that_it_begins_with(sql: str, words: tuple[str, ...]) -> None:
    assert first_words(sql, "postgresql") == words


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("SELECT '100%'", None, "SELECT '100%'"),
        ("SELECT %s, '%%', %s", ["it's", 2], "SELECT 'it''s', '%', 2"),
        ("SELECT %s", [None], "SELECT NULL"),
        ("SELECT 7 % %s, 'x%'", [5], "SELECT 7 % 5, 'x%'"),
        ("SELECT %(a)s, %(b)s, %(a)s", {"a": 1, "b": "x"}, "SELECT 1, 'x', 1"),
        ("SELECT :a, a::text, '12:30'", {"a": 1}, "SELECT 1, a::text, '12:30'"),
    ],
)
def test_parameters_as_literals(sql: str, parameters: Any, expected: str) -> None:
    assert with_literals(sql, parameters, engine_for("postgresql").literal) == expected


@pytest.mark.parametrize(
    ("sql", "parameters"), [("%s %s", [1]), ("%(a)s", {"b": 1}), (":a", {"b": 1}), ("%(a)s", [1])]
)
def test_a_parameter_that_is_missing(sql: str, parameters: Any) -> None:
    with pytest.raises(UsageError) as caught:
        with_literals(sql, parameters, engine_for("sqlite").literal)
    assert sql in caught.value.message


@pytest.mark.parametrize(
    ("sql", "fits"),
    [
        ("-- why\nupdate t SET x = 1", True),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", True),
        ("ALTER TABLE t ADD COLUMN x int", True),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", False),
        ("ALTER TYPE e ADD VALUE 'x'", True),
        ("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", True),
        ("CALL f()", False),
        ("DO $$ BEGIN COMMIT; END $$", False),
        ("CREATE DATABASE d", False),
        ("CREATE INDEX CONCURRENTLY i ON t (x)", False),
        ("VACUUM t", False),
        ("PRAGMA foreign_keys = OFF", False),
        ("", False),
    ],
)
def test_what_surely_fits_a_transaction(sql: str, fits: bool) -> None:
    assert [fits_a_transaction(sql, dialect) for dialect in BOTH] == [fits, fits]
