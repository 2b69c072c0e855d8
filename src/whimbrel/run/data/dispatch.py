"""Which code executes what no step can say: an operation's own (`Operation.execute`), or a backfill's.

An operation that is ``batched`` needs a function of its own here. It opens its transactions with
``context.engine.transaction``, and must go on where it was when it is called again: the journal says
only that it has begun.
"""

from __future__ import annotations

from whimbrel.operations.backfill import Backfill
from whimbrel.planning.items import DataOperation
from whimbrel.run.data.context import ExecutionContext


def execute_data(data: DataOperation, context: ExecutionContext) -> None:
    """Do what an operation does. Raises `DataError` and others."""
    if isinstance(data.operation, Backfill):
        from whimbrel.run.data.backfill import backfill

        backfill(data, data.operation, context)
    else:
        from whimbrel.run.data.python import run_code

        run_code(data, context)
