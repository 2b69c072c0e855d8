"""The printed script of a migration: SQL that psql and sqlite3 run, hazards as comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whimbrel.commands.script import Script, Statement
from whimbrel.report.text import hazards_json


def script_text(script: Script) -> str:
    """The script as SQL."""
    return "\n".join(_lines(script))


def _lines(script: Script) -> Iterator[str]:
    way = ", backwards" if script.backwards else ""
    yield f"-- {script.label} on {script.dialect}{way}"
    for operation in script.operations:
        yield f"--   {_comment(operation)}"
    if not script.statements:
        yield "-- Nothing changes in the database."
    for statement in script.statements:
        yield from _statement(statement)


def _statement(statement: Statement) -> Iterator[str]:
    for hazard in statement.hazards:
        yield f"-- hazard: {_comment(str(hazard))}"
    if statement.note is not None:
        yield f"-- {_comment(statement.note)}"
    if statement.sql:
        yield statement.sql if statement.sql.endswith(";") else f"{statement.sql};"


def _comment(text: str) -> str:
    return " ".join(text.split())


def script_json(script: Script) -> dict[str, Any]:
    """The script for machines."""
    return {
        "migration": script.label,
        "dialect": script.dialect,
        "backwards": script.backwards,
        "operations": list(script.operations),
        "statements": [
            {
                "sql": each.sql or None,
                "hazards": hazards_json(each.hazards),
                **({"note": each.note} if each.note is not None else {}),
            }
            for each in script.statements
        ],
    }
