"""The changes of a table that SQLite's own ALTER TABLE carries out, without a rebuild."""

from __future__ import annotations

from dataclasses import dataclass, replace

from whimbrel.engines.sqlite import tables as t
from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.engines.sqlite.steps import copying
from whimbrel.schema.table import Check, Column, ForeignKey, Index, Table

Version = tuple[int, int, int]
#: A table with its definition.
Shaped = tuple[Table, t.Definition]

#: DROP COLUMN came with 3.35.0; until 3.35.5 it could damage the table (changes.html).
DROP_COLUMN: Version = (3, 35, 5)
#: From here on ADD COLUMN looks at the rows that are there (changes.html).
ADD_CHECK: Version = (3, 37, 0)
#: ALTER COLUMN … SET NOT NULL and DROP NOT NULL (changes.html). ADD CONSTRAINT … CHECK came with them,
#: but refuses rows for which the condition is NULL, which a CHECK allows: that stays a rebuild.
SET_NOT_NULL: Version = (3, 53, 0)


@dataclass(frozen=True)
class Altered:
    """Columns to drop, to alter in NOT NULL, and to add (with their constraints); indexes to make."""

    drop: tuple[Column, ...]
    set_null: tuple[Column, ...]
    add: tuple[tuple[Column, str], ...]
    indexes: tuple[Index, ...]


def altered(before: Table, after: Table, version: Version) -> Altered | None:
    """Return the native ALTERs that make the one table of the other; None where only a rebuild does."""
    was, now = t.definition(before), t.definition(after)
    pairs = copying.column_pairs(before, after)
    stay = {new.name for _, new in pairs}
    add = [column for column in after.columns if column.name not in stay]
    stayed = {old.name for old, _ in pairs}
    drop = [column for column in before.columns if column.name not in stayed]
    new_clauses = [clause for clause in now.clauses if clause.text not in was.texts]
    after_columns = _inline(new_clauses, add, after, version)
    if (
        was.tail != now.tail
        or after_columns is None
        or not was.texts <= now.texts
        or not all(
            _stays((before, was), old, (after, now), new)
            or (version >= SET_NOT_NULL and _differs_in_null(before, old, after, new))
            for old, new in pairs
        )
        or not all(_can_add(column, after) for column in add)
        or not _can_drop(drop, before, version)
    ):
        return None
    return Altered(
        tuple(drop),
        tuple(new for old, new in pairs if was.columns[old.name] != now.columns[new.name]),
        tuple((column, after_columns.get(column.name, "")) for column in add),
        tuple(index for index in after.indexes if index not in before.indexes),
    )


def _stays(was: Shaped, old: Column, now: Shaped, new: Column) -> bool:
    """Return True if a column is defined as it was, and its values are what they were."""
    same = old.name == new.name and was[1].columns[old.name] == now[1].columns[new.name]
    return same and not copying.is_changed(was[0], old, now[0], new)


def _differs_in_null(before: Table, old: Column, after: Table, new: Column) -> bool:
    """True if only NOT NULL comes or goes, and no row gets a value."""
    as_new = replace(old, null=new.null)
    shaped = before.with_column(old.name, as_new)
    gets_none = new.null or (new.fill is None and new.default is None)
    was, now = (shaped, t.definition(shaped)), (after, t.definition(after))
    return gets_none and _stays(was, as_new, now, new)


def _can_add(column: Column, table: Table) -> bool:
    """lang_altertable.html, 4: no key, no stored value, no default but a literal."""
    key = table.primary_key
    if key is not None and column.name in key.columns:
        return False
    if column.computed is not None:
        return not column.computed.stored
    default = t.default_text(column.default, column) if column.default is not None else "NULL"
    fill = t.default_text(column.fill, column) if column.fill is not None else default
    return t.is_constant(default) and fill == default and (column.null or default != "NULL")


def _inline(
    clauses: list[t.Clause], add: list[Column], table: Table, version: Version
) -> dict[str, str] | None:
    """New constraints as they stand after new columns; None where one cannot."""
    found: dict[str, str] = {}
    for clause in clauses:
        placed = _placed(clause, add, version)
        if placed is None:
            return None
        name, text = placed
        found[name] = f"{found.get(name, '')} {text}"
    return found


def _placed(clause: t.Clause, add: list[Column], version: Version) -> tuple[str, str] | None:
    new = {column.name: column for column in add}
    of = clause.of
    if isinstance(of, ForeignKey) and len(of.columns) == 1 and of.columns[0] in new:
        # With a default it would be refused while foreign keys are enforced.
        free = new[of.columns[0]].default is None
        return (of.columns[0], COMPILER.named(of.name) + COMPILER.references(of)) if free else None
    if version < ADD_CHECK:
        return None
    if isinstance(of, Column) and of.name in new:
        return of.name, clause.text
    last = [name for name in new if isinstance(of, Check) and of.columns_among(frozenset({name}))]
    return (last[-1], clause.text) if last else None


def _can_drop(drop: list[Column], before: Table, version: Version) -> bool:
    """lang_altertable.html, 5: nothing may be made of the column, and it is not the last."""
    if not drop:
        return True
    names = frozenset(column.name for column in drop)
    rest = [column for column in before.columns if column.name not in names]
    parts = (*before.constraints, *before.indexes)
    return (
        version >= DROP_COLUMN
        and bool(rest)
        and not any(part.columns_among(names) for part in parts)
        and not any(column.computed_from(names) for column in before.columns)
    )
