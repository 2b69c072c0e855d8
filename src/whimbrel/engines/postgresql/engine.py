"""The engine of PostgreSQL 13 to 18."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from whimbrel.engines.base import Capabilities
from whimbrel.engines.policy import Policy
from whimbrel.engines.postgresql import (
    backup,
    errors,
    holders,
    keys,
    observing,
    pipeline,
    recipes,
    reflect,
    runner,
    session,
    sizes,
    walking,
    watching,
)
from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import (
    altering,
    columns,
    constraints,
    domains,
    enums,
    indexes,
    sequences,
    swapping,
    syncing,
    tables,
)
from whimbrel.engines.postgresql.steps.builder import Builder, Makers
from whimbrel.engines.postgresql.steps.type_steps import join_type_steps
from whimbrel.engines.postgresql.versions import Facts
from whimbrel.engines.postgresql.waiting import waiting
from whimbrel.engines.sql import running
from whimbrel.engines.sql.phases import with_phase
from whimbrel.engines.step import Step
from whimbrel.schema.changes import Change
from whimbrel.schema.table import Name, Schema

#: The first version that there is an engine for.
OLDEST = 13

#: Every kind of change, and the function that makes its steps.
MAKERS: Makers = {
    **tables.STEPS,
    **columns.STEPS,
    **altering.STEPS,
    **syncing.STEPS,
    **swapping.STEPS,
    **constraints.STEPS,
    **indexes.STEPS,
    **sequences.STEPS,
    **domains.STEPS,
    **enums.STEPS,
}


class PostgreSQLEngine:
    """PostgreSQL 13 to 18. The contract is `whimbrel.engines.base.Engine`.

    facts: what is known of the server; offline nothing.
    """

    dialect = "postgresql"
    #: Each new table holds some seven locks until the commit, and there is room for 6,400
    #: (max_locks_per_transaction × max_connections, by default).
    capabilities = Capabilities(
        concurrent_writers=True,
        max_tables_in_transaction=400,
        new_labels_wait=True,
        shows_locks=True,
    )
    schemas: frozenset[str] | None = None

    #: The methods that are functions of a module.
    literal = staticmethod(COMPILER.literal)
    transaction = staticmethod(session.transaction)
    execute_all = staticmethod(pipeline.execute_all)
    settle = staticmethod(running.settle)
    with_probes = staticmethod(indexes.with_probes)
    walk = staticmethod(walking.walk)
    without_transaction = staticmethod(session.without_transaction)
    waiting = staticmethod(waiting)
    keep_session = staticmethod(session.keep)
    is_in_transaction = staticmethod(watching.is_in_transaction)
    watch = staticmethod(watching.watch)
    is_lock_timeout = staticmethod(errors.is_lock_timeout)
    is_disconnect = staticmethod(errors.is_disconnect)
    runner_lock = staticmethod(runner.lock)
    runner_holder = staticmethod(holders.runner_holder)
    end_process = staticmethod(holders.end_process)
    shares_sessions = staticmethod(runner.shares_sessions)
    blockers = staticmethod(holders.blockers)
    user_locks = staticmethod(holders.user_locks)
    process = staticmethod(holders.process)
    blockers_of = staticmethod(holders.blockers_of)
    observe = staticmethod(observing.observe)
    scratch = staticmethod(observing.scratch)
    estimate_rows = staticmethod(session.estimate_rows)
    table_sizes = staticmethod(sizes.table_sizes)
    replication_lag = staticmethod(session.replication_lag)
    refuse_backup = staticmethod(backup.refuse_missing)
    back_up = staticmethod(backup.dump)
    explain = staticmethod(errors.explain)
    reflect = staticmethod(reflect.reflect)

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts or Facts()

    def with_facts(self, connection: Connection) -> PostgreSQLEngine:
        return PostgreSQLEngine(Facts.of(connection))

    def effective(self, schema: Schema) -> Schema:
        return keys.each_once(schema.on(self.dialect))

    def refine(
        self, changes: Sequence[Change], before: Schema, policy: Policy
    ) -> list[list[Change]]:
        """A form that the oldest version takes, and so every newer one, where none is known."""
        version = policy.version or self.facts.version or OLDEST
        return recipes.refine(changes, before, policy, version)

    def steps(self, changes: Sequence[Change], before: Schema) -> list[Step]:
        builder = Builder(changes, before, self.facts)
        made: list[Step] = []
        for position, change in enumerate(changes):
            builder.position = position
            if position not in builder.done:
                made.extend(MAKERS[type(change)](change, builder))
            builder.advance(change)
        return list(map(with_phase, join_type_steps(made)))

    def opening(self, steps: Sequence[Step]) -> list[str]:
        return ["BEGIN"] if all(step.transactional for step in steps) else []

    def closing(self, steps: Sequence[Step]) -> list[str]:
        return ["COMMIT"] if all(step.transactional for step in steps) else []

    def flush_deferred(self) -> list[str]:
        """No table is altered while checks of its rows wait for the commit (55006)."""
        return ["SET CONSTRAINTS ALL IMMEDIATE"]

    def canonical(self, connection: Connection, schema: Schema) -> Schema:
        return reflect.canonical(connection, self.effective(schema), self.steps)

    def match_identifier_case(self, found: Schema, wanted: Schema) -> Schema:
        """The same: names are case-sensitive."""
        return found

    def invalid(self, connection: Connection) -> frozenset[tuple[Name, str]]:
        """Return constraints that are NOT VALID, and indexes whose building failed."""
        return frozenset(
            (Name(row["schema"], row["table"]), row["name"]) for row in reflect.invalid(connection)
        )
