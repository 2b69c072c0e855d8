"""The cursor that ``schema_editor.connection.cursor()`` gives: one for every driver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.engines.sql.running import with_driver_places, with_driver_values


class Cursor:
    """A driver's cursor, in the migration's transaction.

    It is a context manager, takes ``%s`` and ``%(name)s`` whatever the driver takes, and raises
    SQLAlchemy's errors. Without parameters a percent sign is one. What else there is to a
    driver's cursor, it has.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor: Any = connection.connection.cursor()

    def execute(self, sql: str, params: Any = None) -> Cursor:
        """Run one statement, with a list of parameters or a mapping."""
        self._run("execute", sql, *([] if params is None else [self._values(params)]))
        return self

    def executemany(self, sql: str, param_list: Iterable[Any]) -> Cursor:
        """Run one statement for each of several lists of parameters, or mappings."""
        self._run("executemany", sql, [self._values(each) for each in param_list])
        return self

    def _values(self, params: Any) -> Any:
        return with_driver_values(self._connection.dialect.name, params)

    def _run(self, method: str, sql: str, *params: Any) -> None:
        dialect, text = self._connection.dialect, str(sql)
        driver: Any = dialect.loaded_dbapi
        try:
            getattr(self._cursor, method)(
                with_driver_places(dialect, text) if params else text, *params
            )
        except driver.Error as error:
            raise sa.exc.DBAPIError.instance(
                text, params[0] if params else None, error, driver.Error, dialect=dialect
            ) from error

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        self._cursor.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)
