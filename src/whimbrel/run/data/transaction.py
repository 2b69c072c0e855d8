"""``transaction.atomic()``, as functions of migrations know it from Django."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ContextDecorator, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from whimbrel.errors import DataError

if TYPE_CHECKING:
    from whimbrel.run.data.editor import SchemaEditor

__all__ = ["IntegrityError", "atomic"]

_editor: ContextVar[SchemaEditor | None] = ContextVar("schema editor", default=None)


@contextmanager
def within(editor: SchemaEditor) -> Iterator[None]:
    """A scope in which `atomic` is about the transactions of an editor's connection."""
    token = _editor.set(editor)
    try:
        yield
    finally:
        _editor.reset(token)


def atomic(
    using: str | Callable[..., Any] | None = None, savepoint: bool = True, durable: bool = False
) -> Any:
    """A transaction, or a part of the migration's that may fail by itself; a decorator, too.

    Raises `DataError` outside of a migration's function, for another database than the
    migration's, and for ``durable`` where the migration is one transaction already.
    """
    if callable(using):
        return _Atomic(None, durable)(using)
    return _Atomic(using, durable)


class _Atomic(ContextDecorator):
    def __init__(self, using: str | None, durable: bool) -> None:
        self._using = using
        self._durable = durable
        self._open: list[AbstractContextManager[None]] = []

    def __enter__(self) -> None:
        editor = _editor.get()
        if editor is None:
            raise DataError(
                "transaction.atomic() is for functions of RunPython",
                hint="Elsewhere transactions are SQLAlchemy's: connection.begin().",
            )
        self._check(editor)
        scope = editor.transaction()
        scope.__enter__()
        self._open.append(scope)

    def _check(self, editor: SchemaEditor) -> None:
        if self._using not in (None, editor.connection.alias):
            raise DataError(
                f"this migration has no connection to the database {self._using!r}",
                hint=f"It is about {editor.connection.alias!r}: leave using= out.",
            )
        if self._durable and editor.in_transaction:
            raise DataError(
                "a durable transaction cannot be a part of the migration's",
                hint="Set atomic = False on the migration, or on the RunPython.",
            )

    def __exit__(self, *error: Any) -> bool | None:
        return self._open.pop().__exit__(*error)


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"whimbrel.migrations.transaction has atomic() alone, not {name!r}: the migration commits"
    )
