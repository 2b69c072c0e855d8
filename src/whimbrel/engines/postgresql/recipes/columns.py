"""Columns that come, and that turn NOT NULL: rows get their values in batches, and are looked at while others write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.recipes.refining import NOT_VALID_EVERYWHERE, Recipes, Refining
from whimbrel.engines.postgresql.steps import columns, identity
from whimbrel.engines.sql.literals import text
from whimbrel.schema import changes as c
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Check, Column, Identity, Name, Serial, Table
from whimbrel.state.naming import shorten


def add_column(change: c.AddColumn, refining: Refining) -> Iterator[c.Change]:
    """In one statement where that takes an instant; else empty, with its default, filled, NOT NULL.

    A column that is computed, or a domain that looks at every value, cannot come empty.
    """
    at, column = change.table, change.column
    if not refining.is_large(at):
        yield change
        return
    bare = replace(column, null=True, default=None, fill=None, generated=None)
    is_filled = column.computed is not None or columns.fills_row_by_row(bare)
    if column.generated in (Serial(), Identity(), Identity(always=True)) and not is_filled:
        yield from _counting(at, bare, column, refining)
        return
    if _comes_at_once(column, refining.table(at)) or is_filled or column.generated is not None:
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


def _counting(at: Name, bare: Column, column: Column, refining: Refining) -> Iterator[c.Change]:
    """Rows get the next numbers of a sequence; that of an identity goes on where it ends."""
    sequence = COMPILER.at(identity.sequence_name(at, column))
    numbered = replace(column, generated=Serial())
    empty = replace(numbered, null=True)
    filled = replace(column, generated=None, fill=SQL(f"nextval({text(sequence)}::regclass)"))
    yield c.AddColumn(at, bare)
    yield c.AlterColumn(at, bare, empty)
    yield c.FillColumn(at, filled)
    if not column.null:
        yield from set_not_null(at, numbered, refining)
    if column.generated != Serial():
        yield c.AlterColumn(at, numbered, column)


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
