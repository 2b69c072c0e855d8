"""Uses of a label of an enum in changes: in a default, a fill, a check or a predicate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whimbrel.schema import changes as c
from whimbrel.schema.expressions import Constant, Default, Expression, Q
from whimbrel.schema.table import Column, Name


def uses(change: c.Change, label: str) -> bool:
    """Return True if an expression in the change has the label in it (or may have)."""
    return any(_has(each, label) for each in _expressions(change))


def default_goes(later: Sequence[c.Change], at: Name, column: str) -> bool:
    """Return True if a later change gives a column another default, or takes the column away."""
    for change in later:
        match change:
            case c.AlterColumn(table, old, new) if (table, old.name) == (at, column):
                if old.default != new.default:
                    return True
            case c.DropColumn(table, gone) if (table, gone.name) == (at, column):
                return True
            case c.DropTable(gone_table) if gone_table.at == at:
                return True
            case c.RenameTable(old, new) if old == at:
                at = new
            case c.RenameColumn(table, old_name, new_name) if (table, old_name) == (at, column):
                column = new_name
            case _:
                pass
    return False


def _expressions(change: c.Change) -> Iterator[Default | Expression]:
    match change:
        case c.AddColumn(_, column):
            yield from _of_column(column)
        case c.AlterColumn(_, _, column):
            yield from _of_column(column)
        case c.AddConstraint(_, item) | c.AddIndex(_, item):
            yield from item.mentions()[1]
        case c.CreateTable(table):
            for column in table.columns:
                yield from _of_column(column)
            for item in (*table.constraints, *table.indexes):
                yield from item.mentions()[1]
        case _:
            pass


def _of_column(column: Column) -> Iterator[Default | Expression]:
    yield from (each for each in (column.default, column.fill) if each is not None)
    if column.computed is not None:
        yield column.computed.expression


def _has(expression: Default | Expression, label: str) -> bool:
    if isinstance(expression, Constant):
        value = expression.value
        return label in (value if isinstance(value, list | tuple) else (value,))
    if isinstance(expression, Q):
        return repr(label) in repr(expression)
    return label in expression.on("postgresql")
