"""A function of the user's and the transaction around it, which is not the function's to end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy.exc import SQLAlchemyError

from whimbrel.engines.base import Ended
from whimbrel.errors import DataError, WhimbrelError
from whimbrel.planning.items import DataOperation
from whimbrel.run.data.context import ExecutionContext

#: What to write instead.
HINT = (
    "The transaction is the migration's: put what may fail into `with schema_editor.transaction():`, "
    "or give the function atomic=False and transactions of its own."
)


class TransactionEnded(DataError):
    """A function ended the transaction that it was called in. ``how``: that is what stays."""

    def __init__(self, how: Ended, place: str, failed: Exception | None = None) -> None:
        message = f"it ended the migration's transaction, which was {how.value}"
        if failed is not None:
            place = getattr(failed, "place", None) or place
            message += f"; then it failed: {getattr(failed, 'message', failed)}"
        super().__init__(message, place=place, hint=HINT)
        self.how = how


def ending_error(what: str) -> DataError:
    """Return the error of a function that would end a transaction, and has not yet."""
    return DataError(f"{what} would end the migration's transaction", hint=HINT)


def guard(data: DataOperation, context: ExecutionContext) -> AbstractContextManager[None]:
    """Return the scope for a function of the user's, by where it stands to transactions."""
    return within(context, data.title) if data.transactional else outside(context, data.title)


@contextmanager
def within(context: ExecutionContext, title: str) -> Iterator[None]:
    """A scope at whose end the transaction must be open that was so at its beginning.

    Raises `TransactionEnded`, also where the function failed after that.
    """
    ended = context.engine.watch(context.connection)
    try:
        yield
    except (WhimbrelError, SQLAlchemyError) as error:
        if (how := ended()) is None:
            raise
        raise TransactionEnded(how, title, error) from error
    if (how := ended()) is not None:
        raise TransactionEnded(how, title)


@contextmanager
def outside(context: ExecutionContext, title: str) -> Iterator[None]:
    """A scope at whose end no transaction may be open. Raises `DataError`."""
    yield
    if context.engine.is_in_transaction(context.connection):
        raise DataError(
            "it left a transaction open: what it did in there is rolled back",
            place=title,
            hint="End what it begins: COMMIT, or `with schema_editor.transaction():`.",
        )
