"""Execution out what an engine makes of the difference of two schemas, as the runner does."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy.engine import Connection

from whimbrel.engines import Engine, Step, engine_for
from whimbrel.engines.sql import execute
from whimbrel.engines.step import Lock
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Name, Schema


def carry_out(
    connection: Connection,
    before: Schema,
    after: Schema,
    look: Callable[[Step], None] = lambda step: None,
) -> list[Step]:
    """Make ``after`` of a database that looks like ``before``; ``look`` is called after each step.

    On the way each step's probe must say no before it, and yes after it.
    """
    engine = engine_for(connection.dialect.name)
    steps = engine.steps(diff(before, after), before)
    with engine.transaction(connection, steps):
        for step in steps:
            run(connection, engine, step)
            look(step)
    return steps


def run(connection: Connection, engine: Engine, step: Step) -> None:
    """One step, and what its probe says of it."""
    # Whether rows have been filled is seen of the rows, and there may be none.
    silent = step.done is None or step.sql.startswith("UPDATE")
    if step.done is not None and not silent:
        assert execute(connection, step.done).first() is None, f"done already? {step.sql}"
    for statement in engine.settle(connection, step):
        execute(connection, statement)
    if step.done is not None:
        assert execute(connection, step.done).first() is not None, f"not done? {step.sql}"


# -- locks, scans and rewrites -----------------------------------------------------------------

TABLES = """
SELECT c.oid, nullif(n.nspname, 'public'), c.relname, pg_relation_filenode(c.oid),
       pg_stat_get_xact_numscans(c.oid),
       ARRAY(SELECT mode FROM pg_locks WHERE relation = c.oid AND pid = pg_backend_pid())
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema)'
"""
STRENGTH = {lock.value.title().replace(" ", "") + "Lock": lock for lock in Lock}


class Moment:
    """The tables of a database at one moment of a transaction, by their oids."""

    def __init__(self, connection: Connection) -> None:
        rows = execute(connection, TABLES).all()
        self.names = {row[0]: Name(row[1], row[2]) for row in rows}
        self.files = {row[0]: row[3] for row in rows}
        self.scans = {row[0]: row[4] for row in rows}
        self.held = {
            row[0]: max((STRENGTH[mode] for mode in row[5]), key=list(Lock).index)
            for row in rows
            if row[5]
        }

    def refuse_untold(self, after: Moment, step: Step, known: Collection[int]) -> None:
        """Refuse a step that tells other locks, scans and rewrites of known tables than there were."""
        stayed = {oid: at for oid, at in self.names.items() if oid in after.names and oid in known}
        held = {stayed[oid]: lock for oid, lock in after.held.items() if oid in stayed}
        told = {at: lock for at, lock in step.tables if at in stayed.values()}
        assert held == told, step.sql
        rewritten = [at for oid, at in stayed.items() if self.files[oid] != after.files[oid]]
        assert step.rewrites or not rewritten, step.sql
        scanned = [at for oid, at in stayed.items() if self.scans[oid] != after.scans[oid]]
        assert step.rewrites or step.scans or not scanned, step.sql
