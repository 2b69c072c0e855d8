"""Run a command of Whimbrel, and write the DDL that it sent to FILE: `record.py FILE migrate ...`.

What reads, or carries values (the record of what is applied), is no part of the floor.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import event
from sqlalchemy.engine import Engine

from whimbrel.cli import main

DDL = ("CREATE", "ALTER", "DROP", "COMMENT", "INSERT", "UPDATE")


def record(file: str, *command: str) -> None:
    sent: list[str] = []

    def note(statement: str, parameters: Any) -> None:
        if statement.lstrip().upper().startswith(DDL) and not parameters:
            sent.append(statement)

    _hear_sqlite(note)
    _hear_psycopg(note)
    sys.argv = ["whimbrel", *command]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    Path(file).write_text(json.dumps(sent), encoding="utf-8")


def _hear_sqlite(note: Any) -> None:
    def heard(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if connection.dialect.name == "sqlite":
            note(statement, parameters)

    event.listen(Engine, "before_cursor_execute", heard)


def _hear_psycopg(note: Any) -> None:
    """What goes to the driver itself is heard by no one else."""
    execute = psycopg.Cursor.execute

    def heard(cursor: Any, query: Any, parameters: Any = None, **options: Any) -> Any:
        note(str(query), parameters)
        return execute(cursor, query, parameters, **options)

    psycopg.Cursor.execute = heard  # type: ignore[method-assign]


if __name__ == "__main__":
    record(*sys.argv[1:])
