"""Defaults in SQL that PostgreSQL does not take for the type of their column."""

from __future__ import annotations

import re
from collections.abc import Iterator

from whimbrel.schema.expressions import SQL
from whimbrel.schema.families import family_of
from whimbrel.schema.table import Column, Table
from whimbrel.schema.types import EnumType
from whimbrel.sources.checks.scope import CheckScope, Problem

#: Literals of truth values and of numbers, of which neither is cast to the other's types.
_TRUTH = re.compile(r"\(*\s*(true|false)\s*\)*", re.IGNORECASE)
_NUMBER = re.compile(r"\(*\s*[+-]?\d+(\.\d*)?\s*\)*")


def defaults_are_cast(table: Table, scope: CheckScope) -> Iterator[Problem]:
    """PostgreSQL takes no number for a truth value, nor the reverse (18, 8.6)."""
    if "postgresql" not in scope.dialects:
        return
    for column in table.columns:
        if not isinstance(column.default, SQL):
            continue
        family, written = _family(column), column.default.on("postgresql")
        if family == "boolean" and _NUMBER.fullmatch(written):
            word = "true" if float(written.strip("() ")) else "false"
            yield (
                f"the default of the boolean column {column.name} is the number {written}, which "
                "PostgreSQL does not take",
                f"Say sqlalchemy.{word}(), which each database has its word for; or, in a field, "
                f"default={word.capitalize()}.",
            )
        elif family in ("integer", "decimal", "float") and _TRUTH.fullmatch(written):
            yield (
                f"the default of the number {column.name} is {written}, which PostgreSQL does not take",
                "Write it as a number.",
            )


def _family(column: Column) -> str | None:
    of = column.type
    return None if isinstance(of, EnumType) else family_of(of.on("postgresql"))
