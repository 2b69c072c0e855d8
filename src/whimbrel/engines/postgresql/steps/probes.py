"""Probes: queries that give a row once a step has happened."""

from __future__ import annotations

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.sql.literals import text
from whimbrel.schema.table import Name


def oid(at: Name) -> str:
    """The oid of a table, an index or a sequence by name; NULL where there is none."""
    return f"to_regclass({text(COMPILER.at(at))})"


def exists(at: Name) -> str:
    return f"SELECT 1 WHERE {oid(at)} IS NOT NULL"


def is_gone(at: Name) -> str:
    return f"SELECT 1 WHERE {oid(at)} IS NULL"


def is_false(probe: str) -> str:
    """The probe for that there is no row of another one."""
    return f"SELECT 1 WHERE NOT EXISTS ({probe})"


def has_column(at: Name, column: str, condition: str = "") -> str:
    """``condition``: more that must be true of its row in pg_attribute."""
    return (
        f"SELECT 1 FROM pg_attribute WHERE attrelid = {oid(at)} AND attname = {text(column)} "
        f"AND NOT attisdropped{f' AND {condition}' if condition else ''}"
    )


def has_constraint(at: Name, name: str, *, is_valid: bool = True) -> str:
    return (
        f"SELECT 1 FROM pg_constraint WHERE conrelid = {oid(at)} AND conname = {text(name)}"
        f"{' AND convalidated' if is_valid else ''}"
    )


def has_index(at: Name) -> str:
    """A valid one: one that was left half built does not count."""
    return f"SELECT 1 FROM pg_index WHERE indexrelid = {oid(at)} AND indisvalid"


def is_invalid(index: str) -> str:
    """An index was left half built, or half dropped. ``index``: the expression of its oid."""
    return f"SELECT 1 FROM pg_index WHERE indexrelid = {index} AND NOT indisvalid"


def may_lock(at: Name) -> str:
    """The expression of that the role may lock a table strongly (18, LOCK)."""
    return f"has_table_privilege({oid(at)}, 'UPDATE, DELETE, TRUNCATE')"


def has_type(name: str) -> str:
    """``name``: quoted, with its schema."""
    return f"SELECT 1 WHERE to_regtype({text(name)}) IS NOT NULL"


def has_label(name: str, label: str) -> str:
    return (
        f"SELECT 1 FROM pg_enum WHERE enumtypid = to_regtype({text(name)}) "
        f"AND enumlabel = {text(label)}"
    )


def number_of(at: Name, column: str) -> str:
    """The query for the number of a column in its table."""
    return (
        f"SELECT attnum FROM pg_attribute WHERE attrelid = {oid(at)} AND attname = {text(column)}"
    )


def has_comment(at: Name, comment: str | None, column: str | None = None) -> str:
    """A table's comment, or a column's, is just this."""
    found = f"obj_description({oid(at)}, 'pg_class')"
    if column is not None:
        found = f"col_description({oid(at)}, ({number_of(at, column)}))"
    return f"SELECT 1 WHERE {found} IS NOT DISTINCT FROM {text(comment) if comment else 'NULL'}"
