"""The ``schema_editor`` of a data migration: the connection, for what models do not say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.engines.sql.running import execute_with
from whimbrel.engines.sql.splitting import ends_transaction, is_concurrent, statements
from whimbrel.engines.step import Boundary
from whimbrel.errors import QueryAttributeError
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.data.cursor import Cursor
from whimbrel.run.data.watching import ending_error

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


_HAS = "It is SQLAlchemy's Connection, with alias, vendor and cursor()."
#: What to write for what a connection has in Django.
_INSTEAD = {
    "introspection": "sqlalchemy.inspect(schema_editor.connection) has get_table_names(), "
    "get_columns(table), get_indexes(table) and the rest.",
    "features": "schema_editor.connection.vendor tells databases apart.",
    "ops": "schema_editor.quote_name(name) quotes; SQLAlchemy's expressions spell the rest.",
    "schema_editor": "The function's second argument is the schema editor.",
    "settings_dict": "schema_editor.connection.engine.url has what it was opened with.",
}


class MigrationConnection(Connection):
    """SQLAlchemy's own connection, by which a migration also knows alias, vendor and cursors."""

    alias: str
    #: True if its transaction is the migration's, which no function ends.
    is_borrowed: bool

    @classmethod
    def view(cls, connection: Connection, alias: str, *, is_borrowed: bool) -> MigrationConnection:
        """Return the same connection with more names: what one does, the other has done."""
        made = cls.__new__(cls)
        made.__dict__ = connection.__dict__
        made.alias = alias
        made.is_borrowed = is_borrowed
        return made

    def commit(self) -> None:
        self._refuse("commit()")
        super().commit()

    def rollback(self) -> None:
        self._refuse("rollback()")
        super().rollback()

    def close(self) -> None:
        self._refuse("close()")
        super().close()

    def invalidate(self, exception: BaseException | None = None) -> None:
        if exception is None:  # SQLAlchemy's own, of a connection that is lost, says why
            self._refuse("invalidate()")
        super().invalidate(exception)

    def detach(self) -> None:
        self._refuse("detach()")
        super().detach()

    def _refuse(self, what: str) -> None:
        if self.is_borrowed:
            raise ending_error(f"connection.{what}")

    @property
    def vendor(self) -> str:
        """The database's kind: "postgresql", "sqlite"."""
        return self.dialect.name

    def __getattr__(self, name: str) -> Any:
        raise QueryAttributeError(
            f"a migration's connection has no {name!r}", hint=_INSTEAD.get(name, _HAS)
        )

    def cursor(self) -> Cursor:
        """A cursor in the migration's transaction; its parameters are ``%s`` and ``%(name)s``."""
        return Cursor(self)


#: Seconds that a statement waits for a lock behind which others queue.
_BRIEF = 0.5


class SchemaEditor:
    """The database, as it is in the middle of a migration."""

    def __init__(self, context: ExecutionContext, boundary: Boundary) -> None:
        self._context = context
        self.in_transaction = boundary is not Boundary.AUTOCOMMIT
        self._sessions: list[Session] = []
        self.connection = MigrationConnection.view(
            context.connection, context.alias, is_borrowed=self.in_transaction
        )

    @property
    def dialect(self) -> str:
        """The database's kind, as SQLAlchemy calls it: "postgresql", "sqlite"."""
        return self._context.engine.dialect

    def quote_name(self, name: str) -> str:
        """A name in quotes, whatever is in it."""
        return self.connection.dialect.identifier_preparer.quote_identifier(name)

    def execute(self, sql: Any, params: Any = None) -> sa.CursorResult[Any]:
        """Run SQL, and give the result of the last statement.

        sql: a string, in which ``%s`` stands for the next of a list of parameters and
        ``%(name)s`` or ``:name`` for one of a mapping; without parameters it may hold several
        statements, and a percent sign is one. Or an expression of SQLAlchemy's.
        """
        if not isinstance(sql, str):
            return self.connection.execute(sql, params)
        if params:
            return execute_with(self.connection, sql, params)
        result = None
        for statement in statements(sql, self.dialect):
            if self.in_transaction and (words := ends_transaction(statement, self.dialect)):
                raise ending_error(words)
            with self._patience(statement):
                result = execute_with(self.connection, statement)
        return result if result is not None else execute_with(self.connection, sql)

    def _patience(self, statement: str) -> AbstractContextManager[None]:
        """A scope for a statement, which waits for locks as long as nobody is kept from work by that.

        Nobody queues behind what is built concurrently; behind what locks a table strongly, everybody does.
        """
        engine = self._context.engine
        if any(lock.is_strong for _, lock in engine.user_locks(statement)):
            return engine.waiting(self._context.connection, _BRIEF)
        if self.in_transaction or not is_concurrent(statement, self.dialect):
            return nullcontext()
        return self._context.engine.without_transaction(
            self._context.connection, self._context.limit
        )

    def session(self, **options: Any) -> Session:
        """A session of SQLAlchemy's ORM, in the migration's transaction.

        What it has is written at the end of its ``with`` block, or of the function.
        """
        # Late, since many functions need none.
        from whimbrel.run.data.session import MigrationSession

        mode: Any = "create_savepoint" if self.in_transaction else "conditional_savepoint"
        given = {"join_transaction_mode": mode, **options}
        made = MigrationSession(bind=self.connection, **given)
        self._sessions.append(made)
        return made

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction; in a migration that is one already, a part that may fail by itself."""
        if self.in_transaction:
            with self.connection.begin_nested():
                yield
            return
        with self._context.engine.transaction(self._context.connection, (), rows=True):
            yield

    def close(self) -> None:
        """Write what sessions still have."""
        for session in self._sessions:
            session.commit()
            session.close()
