"""Columns that come, and that turn NOT NULL: rows get their values in batches, and are looked at while others write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.recipes.refining import NOT_VALID_EVERYWHERE, Recipes, Refining
from whimbrel.engines.postgresql.steps import columns
from whimbrel.schema import changes as c
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Check, Column, Name, Table
from whimbrel.state.naming import shorten


def add_column(change: c.AddColumn, refining: Refining) -> Iterator[c.Change]:
    """In one statement where that takes an instant; else empty, with its default, filled, NOT NULL.

    A column that is computed or counts, or a domain that looks at every value, cannot come empty.
    """
    at, column = change.table, change.column
    is_empty = column.computed is None and column.generated is None
    if not refining.is_large(at):
        yield change
        return
    bare = replace(column, null=True, default=None, fill=None)
    if _comes_at_once(column, refining.table(at)) or not is_empty or columns.fills_row_by_row(bare):
        yield from _with_labels(change, column)
        return
    fill = column.default if column.fill is None else column.fill
    filled = replace(column, fill=fill)
    loose = replace(bare, default=column.default)
    yield from _with_labels(c.AddColumn(at, bare), column)
    if loose != bare:
        yield c.AlterColumn(at, bare, loose)
    if column.null:
        yield c.FillColumn(at, filled)
    else:
        yield from set_not_null(at, filled, refining)


def _comes_at_once(column: Column, table: Table) -> bool:
    """True if a default fills the rows without writing any."""
    fill = columns.fill_of(column)
    if fill is None or fill == column.default:
        return not columns.fills_row_by_row(column)
    is_default = columns.is_default(fill, table)
    return is_default and not columns.fills_row_by_row(replace(column, default=fill))


def alter_column(change: c.AlterColumn, refining: Refining) -> Iterator[c.Change]:
    at, old, new = change.table, change.old, change.new
    if not refining.is_large(at):
        yield change
        return
    is_simple = new.generated == old.generated and new.computed is None
    if not old.null or new.null or not is_simple:
        yield from _with_labels(change, new, old)
        return
    loose = replace(new, null=True, fill=old.fill)
    if loose != old:
        yield from _with_labels(c.AlterColumn(at, old, loose), loose, old)
    yield from set_not_null(at, new, refining)


def _with_labels(
    change: c.AddColumn | c.AlterColumn, column: Column, old: Column | None = None
) -> Iterator[c.Change]:
    """A change; where it adds the check of an enum that is no type, that looks at the rows later."""
    check = COMPILER.enum_check(column)
    if not check or (old is not None and COMPILER.enum_check(old) == check):
        yield change
        return
    yield replace(change, unproven=True)
    yield c.ValidateLabels(change.table, column)


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


RECIPES: Recipes = {c.AddColumn: add_column, c.AlterColumn: alter_column}
