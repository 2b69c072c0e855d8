"""What is known of a statement by its text is what a server shows of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from lint.test_statements import DOES
from servers import PostgresServer
from whimbrel.commands.tracing import consequences
from whimbrel.engines.postgresql import ENGINE
from whimbrel.engines.sql import execute
from whimbrel.engines.step import HazardCode
from whimbrel.lint.effects import read

#: What the statements are about.
THERE = """
CREATE SCHEMA s; CREATE SCHEMA x; CREATE EXTENSION btree_gist;
CREATE TYPE mood AS ENUM ('x', 'z'); CREATE SEQUENCE counter;
CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE t (a int, b varchar(9), id int);
CREATE TABLE s.t (a int, id int);
CREATE TABLE "T" (a int);
CREATE TABLE u (a int, id int);
CREATE TABLE s.u (a int);
CREATE TABLE parted (a int) PARTITION BY RANGE (a);
CREATE UNIQUE INDEX i ON t (a);
ALTER TABLE t ADD CONSTRAINT there CHECK (a > 0) NOT VALID;
CREATE VIEW seen AS SELECT 1;
CREATE MATERIALIZED VIEW v AS SELECT 1 AS one; CREATE UNIQUE INDEX ON v (one);
CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN RETURN NEW; END $$ LANGUAGE plpgsql;
CREATE UNIQUE INDEX ON t (id); INSERT INTO s.u VALUES (1);
"""
_WATCHED = (HazardCode.REWRITES_TABLE, HazardCode.SCANS_TABLE)


@pytest.fixture(scope="module")
def server(postgresql_server: PostgresServer) -> Iterator[Connection]:
    """A database that has what the statements are about; nothing else is ever committed in it."""
    with postgresql_server.fresh_database() as name:
        engine = sa.create_engine(postgresql_server.url(name))
        with engine.connect() as connection:
            connection.exec_driver_sql(THERE)
            connection.commit()
            yield connection
        engine.dispose()


#: What runs in no transaction shows nothing after it.
SHOWN = [sql for sql in DOES if not read(sql, "postgresql").needs_autocommit]


@pytest.mark.parametrize("sql", SHOWN, ids=SHOWN)
def test_what_is_known_is_what_the_server_shows(sql: str, server: Connection) -> None:
    reading = read(sql, "postgresql")
    known = {
        (each.code, each.table)
        for each in reading.consequences
        if each.code in _WATCHED and each.to_text is None
    }
    try:
        before = ENGINE.observe(server)
        execute(server, sql)
        seen = {(each.code, each.table) for each in consequences(before, ENGINE.observe(server))}
    except DBAPIError as error:
        if "VIRTUAL" in sql and server.dialect.server_version_info < (18,):  # type: ignore[operator]
            pytest.skip("virtual columns came with PostgreSQL 18")
        raise error
    finally:
        server.rollback()
    # A table that is emptied has a new file, too.
    assert seen == known or sql.startswith("TRUNCATE")
