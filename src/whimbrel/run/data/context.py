"""Carrying out what no step can say: an operation's own code (`Operation.execute`), or a backfill.

An operation that is ``batched`` needs a function of its own here. It opens its transactions with
``context.engine.transaction``, and must go on where it was when it is called again: the journal says
only that it has begun.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from whimbrel.engines import Engine
from whimbrel.operations.backfill import Backfill
from whimbrel.planning.items import Data
from whimbrel.run.events import Listener, null_listener
from whimbrel.run.lock import LIMIT


@dataclass(frozen=True)
class ExecutionContext:
    """Where data is worked on: the connection, what knows its database, and who is told.

    limit: seconds for which locks are tried to get. number: which part of its migration it is.
    """

    engine: Engine
    connection: Connection
    alias: str = "default"
    emit: Listener = null_listener
    limit: float = LIMIT
    number: int = 0


def execute_data(data: Data, context: ExecutionContext) -> None:
    """Do what an operation does. Raises `DataError` and others."""
    if isinstance(data.operation, Backfill):
        from whimbrel.run.data.backfill import backfill

        backfill(data, data.operation, context)
    else:
        from whimbrel.run.data.python import run_code

        run_code(data, context)
