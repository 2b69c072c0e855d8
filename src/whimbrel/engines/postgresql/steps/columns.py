"""Steps for columns that come, go and get another name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql import versions
from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import constraints, probes
from whimbrel.engines.postgresql.steps.builder import Builder, Makers
from whimbrel.engines.sql.batches import batched_step
from whimbrel.engines.sql.literals import text
from whimbrel.engines.step import BatchedUpdate, Hazard, HazardCode, Lock, Step
from whimbrel.schema import changes as c
from whimbrel.schema.domains import domain_arguments, domains_in
from whimbrel.schema.expressions import SQL, Constant, Default
from whimbrel.schema.table import Column, Name, PrimaryKey, Table, Unique
from whimbrel.schema.types import Type
from whimbrel.state.naming import shorten

# -- a column comes ----------------------------------------------------------------------------


def add_column(change: c.AddColumn, builder: Builder) -> Iterator[Step]:
    """In one statement where a default can fill the rows; else nullable, filled, then NOT NULL."""
    at, column = change.table, change.column
    table = builder.table(at)
    fill = fill_of(column)
    if fill is None or fill == column.default:
        yield add(at, column, table, builder)
    elif is_default(fill, table):
        yield add(at, replace(column, default=fill), table, builder)
        yield set_default(at, column, builder)
    else:
        yield add(at, replace(column, null=True), table, builder)
        yield from fill_rows(at, column, fill, table, builder)
        if not column.null:
            yield set_not_null(at, column, builder)
    yield from add_label_check(column, builder.table(at), builder, unproven=change.unproven)
    if column.comment is not None:
        yield builder.comment(at, column.comment, column.name)


def fill_of(column: Column) -> Default | None:
    """Return what rows that are there already get, if anything."""
    if column.computed is not None or column.generated is not None or column.fill == Constant(None):
        return None
    return column.fill


def is_default(fill: Default, table: Table) -> bool:
    """Return True if a fill can stand as a DEFAULT: it speaks of no column and asks no other table."""
    if isinstance(fill, Constant):
        return True
    said = fill.on("postgresql")
    known = frozenset(column.name for column in table.columns)
    return not SQL(said).columns(known) and not re.search(r"\bselect\b", said, re.IGNORECASE)


def add(at: Name, column: Column, table: Table, builder: Builder) -> Step:
    """ADD COLUMN; ``table`` is the table as it stands without it."""
    with_it = replace(table, columns=(*table.columns, column))
    rewrites = fills_row_by_row(column)
    hazards = [HazardCode.REWRITES_TABLE] if rewrites else []
    if not column.null and column.default is None and not rewrites and column.computed is None:
        hazards.append(HazardCode.MAY_FAIL_ON_ROWS)
    step = builder.alter(
        at,
        f"ADD COLUMN {COMPILER.column(column, with_it)}",
        rewrites=rewrites,
        hazards=hazards,
        done=probes.has_column(at, column.name),
    )
    builder.facts.require(versions.of_column(column))
    return step


#: Functions whose value is one for the whole statement, so that no row has to be written
#: (PostgreSQL 18, 36.7, and pg_proc.provolatile).
_STABLE_NAMES = """
    now transaction_timestamp statement_timestamp current_setting current_date localtimestamp
    lower upper coalesce nullif length concat make_date make_interval to_timestamp date_trunc
    current_timestamp current_time localtime current_schema abs round timezone decode encode md5
    greatest least array row varchar char numeric decimal timestamp time bit float interval
"""
_STABLE = frozenset(_STABLE_NAMES.split())


def fills_row_by_row(column: Column) -> bool:
    """True if a new column is written into each row: its value differs, or a domain has to look at it.

    A domain with a check or NOT NULL looks at NULL too (PostgreSQL 13 to 18, as seen there).
    """
    domains = map(
        domain_arguments, domains_in(column.type) if isinstance(column.type, Type) else ()
    )
    if any(each.get("check") is not None or each.get("not_null") for each in domains):
        return True
    if column.computed is not None:
        return column.computed.stored
    if column.generated is not None:
        return True
    if not isinstance(column.default, SQL):
        return False
    return is_volatile(column.default.on("postgresql"))


def is_volatile(sql: str) -> bool:
    """True if SQL may have another value for each row: it calls a function that is not known better."""
    without_strings = re.sub(r"'(?:[^']|'')*'", "", sql)
    called = re.findall(r'([A-Za-z_][\w.]*|")\s*\(', without_strings)
    return any(name.lower() not in _STABLE for name in called)


def fill_rows(
    at: Name, column: Column, fill: Default, table: Table, builder: Builder
) -> Iterator[Step]:
    """Rows without a value get one. It writes row by row, and readers do not wait.

    Deferred constraints have their say then: a table with pending ones cannot be altered.
    """
    with_it = table if any(each.name == column.name for each in table.columns) else None
    with_it = with_it or replace(table, columns=(*table.columns, column))
    name = COMPILER.quote(column.name)
    yield builder.step(
        f"UPDATE {COMPILER.at(at)} SET {name} = {COMPILER.default(fill, column.type)} "
        f"WHERE {name} IS NULL",
        (at, Lock.ROW_EXCLUSIVE),
        scans=True,
        done=f"SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM {COMPILER.at(at)} WHERE {name} IS NULL)",
    )
    if any(getattr(each, "deferrable", None) for each in builder.table(at).constraints):
        yield builder.step("SET CONSTRAINTS ALL IMMEDIATE")


def set_not_null(at: Name, column: Column, builder: Builder, *, is_proven: bool = False) -> Step:
    """SET NOT NULL: every row is looked at, unless a valid CHECK says it already."""
    return builder.alter(
        at,
        f"ALTER COLUMN {COMPILER.quote(column.name)} SET NOT NULL",
        scans=not is_proven,
        hazards=() if is_proven else (HazardCode.SCANS_TABLE, HazardCode.MAY_FAIL_ON_ROWS),
        done=probes.has_column(at, column.name, "attnotnull"),
    )


def set_default(at: Name, column: Column, builder: Builder) -> Step:
    """The column's own default from now on, or none."""
    altered = f"ALTER COLUMN {COMPILER.quote(column.name)}"
    if column.default is None:
        probe = probes.has_column(at, column.name, "NOT atthasdef")
        return builder.alter(at, f"{altered} DROP DEFAULT", done=probe)
    default = COMPILER.default(column.default, column.type)
    return builder.alter(at, f"{altered} SET DEFAULT {default}")


# -- a column goes -----------------------------------------------------------------------------


def drop_column(change: c.DropColumn, builder: Builder) -> Iterator[Step]:
    at, name = change.table, change.column.name
    loses = (HazardCode.LOSES_DATA,) if change.column.computed is None else ()
    yield builder.alter(
        at,
        f"DROP COLUMN {COMPILER.quote(name)}",
        hazards=(*loses, HazardCode.BREAKS_OLD_CODE),
        done=probes.is_false(probes.has_column(at, name)),
    )


# -- another name ------------------------------------------------------------------------------


def rename_column(change: c.RenameColumn, builder: Builder) -> Iterator[Step]:
    at, old, new = change.table, change.old, change.new
    yield builder.alter(
        at,
        f"RENAME COLUMN {COMPILER.quote(old)} TO {COMPILER.quote(new)}",
        hazards=(HazardCode.BREAKS_OLD_CODE,),
        done=probes.has_column(at, new),
    )
    yield from _label_check_renamed(change, builder)


def _label_check_renamed(change: c.RenameColumn, builder: Builder) -> Iterator[Step]:
    """A check that is called by its column follows it."""
    table = builder.table(change.table)
    column = next((each for each in table.columns if each.name == change.old), None)
    if column is None or COMPILER.checked_enum(column) is None:
        return
    before, after = _by_column(change.old), _by_column(change.new)
    if label_check_name(column, table) == before:
        sql = f"RENAME CONSTRAINT {COMPILER.quote(before)} TO {COMPILER.quote(after)}"
        yield builder.alter(change.table, sql)


# -- the check of an enum that is no type of its own --------------------------------------------


def label_check_name(column: Column, table: Table) -> str:
    """The name of the check that a VARCHAR holds one of an enum's labels: the enum's, as SQLAlchemy's.

    Columns that share an enum have one each, and the first of them that name.
    """
    enum = COMPILER.checked_enum(column)
    if enum is None or not enum.name:
        return _by_column(column.name)
    name = enum.name
    before = itertools.takewhile(lambda each: each.name != column.name, table.columns)
    others = map(COMPILER.checked_enum, before)
    taken = {each.name for each in others if each is not None}
    taken.update(each.name for each in table.constraints)
    return name if name not in taken else _by_column(column.name)


def _by_column(name: str) -> str:
    return shorten(f"{name}_labels_check")


def label_check(column: Column, table: Table) -> str | None:
    """That check, with its name; None where the column needs none."""
    check = COMPILER.enum_check(column)
    if not check:
        return None
    return f"CONSTRAINT {COMPILER.quote(label_check_name(column, table))} {check}"


def drop_label_check(at: Name, column: Column, builder: Builder) -> Step:
    """The check goes, also where it has the name that the column gave it once."""
    table = builder.table(at)
    names = dict.fromkeys((label_check_name(column, table), _by_column(column.name)))
    drops = ", ".join(f"DROP CONSTRAINT IF EXISTS {COMPILER.quote(name)}" for name in names)
    return builder.alter(at, drops)


def add_label_check(
    column: Column, table: Table, builder: Builder, *, unproven: bool = False
) -> Iterator[Step]:
    """The check of a column is added to its table, if it needs one; unproven: NOT VALID."""
    if check := label_check(column, table):
        yield builder.alter(
            table.at,
            f"ADD {check}{' NOT VALID' if unproven else ''}",
            scans=not unproven,
            hazards=() if unproven else (HazardCode.SCANS_TABLE, HazardCode.MAY_FAIL_ON_ROWS),
            done=probes.has_constraint(
                table.at, label_check_name(column, table), is_valid=not unproven
            ),
        )


# -- finer changes: NOT NULL without a scan under a strong lock ---------------------------------


def fill_column(change: c.FillColumn, builder: Builder) -> Iterator[Step]:
    """Rows without a value get one, in batches along a key; all at once where the table has none."""
    at, column = change.table, change.column
    fill, table = fill_of(column), builder.table(at)
    if fill is None:
        return
    name, value = COMPILER.quote(column.name), COMPILER.default(fill, column.type)
    if key := _key_without(table, column.name):
        update = BatchedUpdate(
            at, key, ((column.name, value),), f"{name} IS NULL", clears=not column.null
        )
        yield batched_step("postgresql", update, change=change)
        return
    subject = f"{at}.{column.name}"
    for step in fill_rows(at, column, fill, table, builder):
        yield replace(step, hazards=(Hazard(HazardCode.BLOCKS_WRITES, subject),))


def _key_without(table: Table, column: str) -> tuple[str, ...]:
    """The columns to walk a table by, of which a column that is written is none."""
    found = [each for each in table.constraints if isinstance(each, PrimaryKey | Unique)]
    keys = sorted(found, key=lambda each: isinstance(each, Unique))
    null = {each.name for each in table.columns if each.null}
    fit = (key.columns for key in keys if not ({column} | null) & set(key.columns))
    return next(fit, ())


def add_not_null(change: c.AddNotNull, builder: Builder) -> Iterator[Step]:
    """NOT NULL ... NOT VALID (18): rows to come are looked at. The server finds a name that is free."""
    at, column = change.table, COMPILER.quote(change.column.name)
    builder.facts.require(versions.Need(18, f"NOT NULL {column} NOT VALID", "Take the short form"))
    yield builder.alter(
        at, f"ADD NOT NULL {column} NOT VALID", done=_not_null(at, change.column.name)
    )


def validate_not_null(change: c.ValidateNotNull, builder: Builder) -> Iterator[Step]:
    """VALIDATE CONSTRAINT, by the name that the server gave it."""
    at, column = change.table, change.column.name
    step = constraints.validate(change, column, builder)
    table = COMPILER.at(at).replace("%", "%%")
    sql = (
        f"DO $$ BEGIN EXECUTE format({text(f'ALTER TABLE {table} VALIDATE CONSTRAINT %I')}, "
        f"({_not_null(at, column)})); END $$"
    )
    yield replace(step, statements=(sql,), done=_not_null(at, column, " AND k.convalidated"))


def _not_null(at: Name, column: str, more: str = "") -> str:
    """The query for the name of a column's NOT NULL."""
    return (
        "SELECT k.conname FROM pg_constraint AS k JOIN pg_attribute AS a ON a.attrelid = k.conrelid "
        f"AND a.attnum = ANY (k.conkey) WHERE k.conrelid = {probes.oid(at)} AND k.contype = 'n' "
        f"AND a.attname = {text(column)}{more}"
    )


def validate_labels(change: c.ValidateLabels, builder: Builder) -> Iterator[Step]:
    table = builder.table(change.table)
    yield constraints.validate(change, label_check_name(change.column, table), builder)


STEPS: Makers = {
    c.ValidateLabels: validate_labels,
    c.FillColumn: fill_column,
    c.AddNotNull: add_not_null,
    c.ValidateNotNull: validate_not_null,
    c.SetNotNull: lambda change, builder: [
        set_not_null(change.table, change.column, builder, is_proven=change.is_proven)
    ],
    c.AddColumn: add_column,
    c.DropColumn: drop_column,
    c.RenameColumn: rename_column,
}
