"""The printed script of a migration: SQL that psql and sqlite3 run, hazards as comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from whimbrel.commands.script import Script, Statement
from whimbrel.report.text import hazards_json, locks_json, locks_of
from whimbrel.schema.table import Name


def script_text(script: Script) -> str:
    """The script as SQL."""
    return "\n".join(_lines(script))


def _lines(script: Script) -> Iterator[str]:
    way = ", backwards" if script.backwards else ""
    yield f"-- {script.label} on {script.dialect}{way}"
    for operation in script.operations:
        yield f"--   {_comment(operation)}"
    if any(each.step is not None and each.step.is_locking for each in script.statements):
        yield "-- Run it by psql -v ON_ERROR_STOP=1, after SET lock_timeout = '1s': nobody waits long behind it."
    if not script.statements:
        yield "-- Nothing changes in the database."
    yield from statement_lines(script.statements, {})


def statement_lines(statements: Iterable[Statement], sizes: Mapping[Name, int]) -> Iterator[str]:
    """Statements as SQL, what is known of them as comments; locks once in a transaction.

    sizes: of tables, in bytes.
    """
    said: set[str] = set()
    for statement in statements:
        locks = locks_of(statement.step, sizes) if statement.step is not None else ()
        said = said if statement.step is not None and statement.step.transactional else set()
        new = [line for line in locks if line not in said]
        said.update(new)
        yield from _statement(statement, new)


def _statement(statement: Statement, locks: Iterable[str]) -> Iterator[str]:
    for hazard in statement.hazards:
        yield f"-- hazard: {_comment(str(hazard))}"
    yield from (f"-- {_comment(line)}" for line in locks)
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
                "locks": locks_json(each.step),
                **({"note": each.note} if each.note is not None else {}),
            }
            for each in script.statements
        ],
    }
