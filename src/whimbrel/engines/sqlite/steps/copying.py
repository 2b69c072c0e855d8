"""Copies the rows of a table into the table that takes its place.

What becomes of each value is said in `conversions`; a query looks for those that the new type
cannot hold before the first row is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whimbrel.engines.sql.literals import text
from whimbrel.engines.sqlite import tables as t
from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.engines.sqlite.steps.conversions import conversion
from whimbrel.schema.families import is_text, length
from whimbrel.schema.pairs import pair
from whimbrel.schema.table import Column, Table
from whimbrel.schema.types import EnumType, enum_types, label_renames


@dataclass(frozen=True)
class Copied:
    """A column of the new table, and the expression over the old one that fills it.

    ``fits``: a condition that every value which is not NULL must meet; None where all do.
    """

    old: Column | None
    new: Column
    expression: str
    fits: str | None = None


def copied(before: Table, after: Table) -> list[Copied]:
    """The columns that are filled from the old table. Others get their default."""
    partners = {new.name: old for old, new in column_pairs(before, after)}
    found = [
        _copied(before, partners.get(column.name), after, column)
        for column in after.columns
        if column.computed is None
    ]
    return [each for each in found if each is not None]


def column_pairs(before: Table, after: Table) -> list[tuple[Column, Column]]:
    """The columns that are on both sides, by identity, else by name."""
    return list(pair(before.columns, after.columns, lambda column: column.name).both)


def _copied(before: Table, old: Column | None, after: Table, new: Column) -> Copied | None:
    if old is None:
        if new.fill is not None:
            return Copied(None, new, _filling(new))
        new_counter = new.name == t.rowid_alias(after) and t.rowid_alias(before) is None
        return Copied(None, new, rowid(before)) if new_counter and t.has_rowid(before) else None
    value = source(before, old.name)
    expression, fits = _converted(before, old, after, new, value)
    if old.null and not new.null and (new.fill is not None or new.default is not None):
        expression = f"COALESCE({expression}, {_filling(new)})"
    return Copied(old, new, expression, fits)


def source(table: Table, column: str) -> str:
    """A column of the old table. With the table before it: else, were the column not there,
    SQLite would take the quoted name for a string (quirks.html, 8)."""
    return f"{COMPILER.quote(table.name)}.{COMPILER.quote(column)}"


def rowid(table: Table) -> str:
    """The old table's rowid, by a name that no column of it takes."""
    return source(table, rowid_name(table))


def rowid_name(*tables: Table) -> str:
    """A name for the rowid that no column of these tables hides (rowidtable.html)."""
    taken = {column.name.lower() for table in tables for column in table.columns}
    return next(name for name in ("rowid", "_rowid_", "oid", "rowid") if name not in taken)


def _filling(column: Column) -> str:
    default = column.fill if column.fill is not None else column.default
    assert default is not None
    return t.default_text(default, column)


# -- values that change ----------------------------------------------------------------------


def _converted(
    before: Table, old: Column, after: Table, new: Column, value: str
) -> tuple[str, str | None]:
    """A value on its way to another type, and what must be true of it."""
    was, now = _enum(old), _enum(new)
    if now is not None:
        renamed = label_renames(was, now) if was is not None else {}
        return _relabelled(value, renamed), _is_label(value, old, new, renamed)
    made = conversion(before, old, after, new, value)
    return made.expression, made.fits


def is_changed(before: Table, old: Column, after: Table, new: Column) -> bool:
    """Return True if values of a column change, or may not fit, though its definition may stay."""
    return _converted(before, old, after, new, "x") != ("x", None)


def _enum(column: Column) -> EnumType | None:
    found = enum_types(column.type)
    return found[0] if len(found) == 1 else None


def _relabelled(value: str, renamed: dict[str, str]) -> str:
    if not renamed:
        return value
    cases = " ".join(f"WHEN {text(old)} THEN {text(new)}" for old, new in renamed.items())
    return f"CASE {value} {cases} ELSE {value} END"


def _is_label(value: str, old: Column, new: Column, renamed: dict[str, str]) -> str | None:
    """The condition that a value has a label among the new ones; None where all old ones have.

    An enum that is a VARCHAR everywhere, without a CHECK, holds what fits into that.
    """
    was, now = _enum(old), _enum(new)
    assert now is not None
    if not now.native and not now.check and (was is not None or is_text(old.type)):
        room = was.width if was is not None else length(old.type)
        fits = room is not None and room <= now.width
        return None if fits else f"length({_relabelled(value, renamed)}) <= {now.width}"
    if was is not None and {renamed.get(label, label) for label in was.labels} <= set(now.labels):
        return None
    labels = ", ".join(text(label) for label in now.labels)
    return f"{_relabelled(value, renamed)} IN ({labels})"


def misfits(before: Table, after: Table) -> Iterator[tuple[Column, Column, str]]:
    """Queries that give a value which does not fit its new column, each with the column.

    With the value come the other columns of the row's key.
    """
    key = before.primary_key.columns if before.primary_key is not None else ()
    for each in copied(before, after):
        if each.old is not None and each.fits is not None:
            value = source(before, each.old.name)
            keys = [source(before, name) for name in key if name != each.old.name]
            # NULL for a value that is no date: that is no fit either.
            wrong = f"{value} IS NOT NULL AND COALESCE(NOT ({each.fits}), 1)"
            chosen, at = ", ".join([value, *keys]), COMPILER.at(before.at)
            yield each.old, each.new, f"SELECT {chosen} FROM {at} WHERE {wrong} LIMIT 1"
