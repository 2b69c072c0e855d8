"""Execution out what an engine makes of the difference of two schemas, as the runner does."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

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


#: The files of a table's indexes, but of those of a parent of partitions, which have none.
INDEXES = "SELECT indrelid, pg_relation_filenode(indexrelid) FROM pg_index"


@dataclass(frozen=True)
class Seen:
    """What has happened to tables between two moments.

    held: locks that are held by now; rewritten: tables with a new file; scanned: those that were
    read as a whole; indexed: those with an index in a new file.
    """

    held: dict[Name, Lock]
    rewritten: set[Name]
    scanned: set[Name]
    indexed: set[Name]


class Moment:
    """The tables of a database at one moment of a transaction, by their oids."""

    def __init__(self, connection: Connection) -> None:
        found = engine_for(connection.dialect.name).observe(connection)
        self.names = {oid: table.name for oid, table in found.items()}
        self.files = {oid: table.file for oid, table in found.items()}
        self.scans = {oid: table.scans for oid, table in found.items()}
        self.held = {oid: table.lock for oid, table in found.items() if table.lock is not None}
        self.indexes = {(oid, file) for oid, file in execute(connection, INDEXES) if file}

    def until(self, after: Moment, known: Collection[int]) -> Seen:
        """Return what has happened to known tables that are still there."""
        stayed = {oid: at for oid, at in self.names.items() if oid in after.names and oid in known}
        built = {oid for oid, _ in after.indexes - self.indexes}
        return Seen(
            {stayed[oid]: lock for oid, lock in after.held.items() if oid in stayed},
            {at for oid, at in stayed.items() if self.files[oid] != after.files[oid]},
            {at for oid, at in stayed.items() if self.scans[oid] != after.scans[oid]},
            {at for oid, at in stayed.items() if oid in built},
        )

    def refuse_untold(self, after: Moment, step: Step, known: Collection[int]) -> None:
        """Refuse a step that tells other locks, scans and rewrites of known tables than there were."""
        seen = self.until(after, known)
        names = {at for oid, at in self.names.items() if oid in after.names and oid in known}
        assert seen.held == {at: lock for at, lock in step.tables if at in names}, step.sql
        assert step.rewrites == bool(seen.rewritten), (seen, step.sql)
        assert step.rewrites or step.scans == bool(seen.scanned), (seen, step.sql)
        # An index is made of a look at the whole table.
        assert seen.scanned >= seen.indexed, (seen, step.sql)
