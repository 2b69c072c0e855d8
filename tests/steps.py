"""Execution out what an engine makes of the difference of two schemas, as the runner does."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import Connection

from whimbrel.engines import Engine, Step, engine_for
from whimbrel.engines.sql import execute
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Schema


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
