"""Columns that turn NOT NULL: proven by what looks at the rows while others write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.recipes.refining import NOT_VALID_EVERYWHERE, Recipes, Refining
from whimbrel.engines.postgresql.steps import columns
from whimbrel.schema import changes as c
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Check, Column, Name
from whimbrel.state.naming import shorten


def alter_column(change: c.AlterColumn, refining: Refining) -> Iterator[c.Change]:
    at, old, new = change.table, change.old, change.new
    is_simple = new.generated == old.generated and new.computed is None
    if not old.null or new.null or not is_simple or not refining.is_large(at):
        yield change
        return
    loose = replace(new, null=True, fill=old.fill)
    if loose != old:
        yield c.AlterColumn(at, old, loose)
    yield from set_not_null(at, new, refining)


def set_not_null(at: Name, column: Column, refining: Refining) -> Iterator[c.Change]:
    """Rows get a value, then NOT NULL; before 18, a CHECK proves it (SET NOT NULL then reads nothing)."""
    if columns.fill_of(column) is not None:
        yield c.FillColumn(at, column)
    if refining.version >= NOT_VALID_EVERYWHERE:
        yield c.AddNotNull(at, column)
        yield c.ValidateNotNull(at, column)
        return
    name = shorten(f"{at.name}_{column.name}_whimbrel_not_null")
    check = Check(name, SQL(f"{COMPILER.quote(column.name)} IS NOT NULL"))
    yield c.AddConstraint(at, replace(check, not_valid=True))
    yield c.ValidateConstraint(at, check)
    yield c.SetNotNull(at, column, is_proven=True)
    yield c.DropConstraint(at, check)


RECIPES: Recipes = {c.AlterColumn: alter_column}
