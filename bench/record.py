"""Run a command of Whimbrel, and write the DDL that it sent to FILE: `record.py FILE migrate ...`.

What reads, or carries values (the record of what is applied), is no part of the floor.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from whimbrel.cli import main

DDL = ("CREATE", "ALTER", "DROP", "COMMENT", "INSERT", "UPDATE")


def record(file: str, *command: str) -> None:
    sent: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(DDL) and not parameters:
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    sys.argv = ["whimbrel", *command]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    Path(file).write_text(json.dumps(sent), encoding="utf-8")


if __name__ == "__main__":
    record(*sys.argv[1:])
