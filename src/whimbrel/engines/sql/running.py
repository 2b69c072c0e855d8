"""Running a statement as it stands."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection, CursorResult


def execute(connection: Connection, sql: str) -> CursorResult[Any]:
    """Run one statement as it is written: a ``%`` or ``:`` in it is nothing but that.

    Without ``no_parameters`` a driver would look for places of parameters in it.
    """
    return connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
