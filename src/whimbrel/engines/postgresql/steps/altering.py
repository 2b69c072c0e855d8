"""Steps for columns that change: the parts in the way go, the type changes, the parts come back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import casts, columns, dependents, identity, losses, probes
from whimbrel.engines.postgresql.steps.builder import Builder, Locks, Makers
from whimbrel.engines.postgresql.steps.type_steps import ColumnTypeChange, TypeChange, type_step
from whimbrel.engines.step import HazardCode, Lock, Step
from whimbrel.errors import UnsupportedError
from whimbrel.schema import changes as c
from whimbrel.schema.table import Check, Column, Name, Serial, Table


def alter_column(change: c.AlterColumn, builder: Builder) -> Iterator[Step]:
    """Anything but the name, in an order in which each statement finds what it needs."""
    old, new = change.old, change.new
    if old.computed is not None and old.computed.stored and new.computed is None:
        plain = replace(old, computed=None)
        yield builder.alter(
            change.table,
            f"ALTER COLUMN {COMPILER.quote(new.name)} DROP EXPRESSION",
            done=probes.has_column(change.table, new.name, "attgenerated = ''"),
        )
        builder.advance(c.AlterColumn(change.table, old, plain))
        yield from alter_column(replace(change, old=plain), builder)
        return
    if old.computed != new.computed:
        raise UnsupportedError(
            f"PostgreSQL cannot change how {change.table}.{new.name} is computed",
            hint="Remove the column and add it anew.",
        )
    yield from identity.stop(change, builder)
    yield from _type_and_default(change, has_other_type(old, new), builder)
    yield from _nullness(change, builder)
    yield from identity.start(change, builder)
    yield from label_checks(change.table, old, new, builder, unproven=change.unproven)
    if old.comment != new.comment:
        yield builder.comment(change.table, new.comment, new.name)


def has_other_type(old: Column, new: Column) -> bool:
    """Return True if types or collations differ, as PostgreSQL tells them apart."""
    return (COMPILER.type(old.type), old.collation) != (COMPILER.type(new.type), new.collation)


# -- type and default ----------------------------------------------------------------------------


def _type_and_default(change: c.AlterColumn, typed: bool, builder: Builder) -> Iterator[Step]:
    old, new = change.old, change.new
    had = old.default is not None and old.generated is None and old.computed is None
    has = new.default is not None and new.generated is None and new.computed is None
    name = COMPILER.quote(old.name)
    if typed:
        if had:
            yield builder.alter(change.table, f"ALTER COLUMN {name} DROP DEFAULT")
        yield from _set_type_with_dependents(change, builder)
        if has:
            yield columns.set_default(change.table, new, builder)
    elif had and not has and not isinstance(new.generated, Serial):
        yield builder.alter(change.table, f"ALTER COLUMN {name} DROP DEFAULT")
    elif has and (not had or old.default != new.default):
        yield columns.set_default(change.table, new, builder)


def _set_type_with_dependents(change: c.AlterColumn, builder: Builder) -> Iterator[Step]:
    """Expressions over the column are parsed anew where the new type is of another family."""
    before, after = casts.shape(change.old.type), casts.shape(change.new.type)
    if before.family == after.family and not before.is_enum and not after.is_enum:
        yield set_type(change.table, change.old, change.new, builder)
        return
    table = builder.table(change.table)
    found = dependents.of_columns(table, {change.old.name}, builder)
    yield from dependents.drop(found, builder)
    yield set_type(change.table, change.old, change.new, builder)
    now = table.with_column(change.old.name, change.new)
    yield from dependents.recreate(found, {table.at: now}, builder)


def set_type(
    at: Name, old: Column, new: Column, builder: Builder, *, has_keys: bool = True
) -> Step:
    """ALTER COLUMN ... TYPE. ``has_keys`` False: foreign keys have stepped aside before."""
    before, after = casts.shape(old.type), casts.shape(new.type)
    name = COMPILER.quote(old.name)
    made = casts.cut(name, before, after) if new.lossy else casts.using(name, before, after)
    using = f" USING {made}" if made else ""
    may_fail = before != after and casts.may_fail(before, after)
    collate = COMPILER.collate(new.collation)
    rewrites = casts.rewrites(before, after)
    table = builder.table(at)
    is_checked = has_other_type(old, new) and bool(checks_on(table, old.name))
    scans = not rewrites and (is_checked or is_read_for_indexes(table, old, new))
    action = f"ALTER COLUMN {name} TYPE {COMPILER.type(new.type)}{collate}{using}"
    lost = None if at in builder.fresh else losses.lost(name, before, after)
    hazards = {
        HazardCode.LOSES_DATA: new.lossy and lost is not None,
        HazardCode.REWRITES_TABLE: rewrites,
        HazardCode.SCANS_TABLE: scans,
        HazardCode.MAY_FAIL_ON_ROWS: may_fail,
    }
    step = builder.step(
        action,
        (at, Lock.ACCESS_EXCLUSIVE),
        *(_key_partners(table, old.name, builder) if has_keys else ()),
        scans=scans,
        rewrites=rewrites,
        hazards=[code for code, is_hazard in hazards.items() if is_hazard],
        subject=f"{at}.{old.name}",
    )
    is_looked_at = at not in builder.fresh and (may_fail or lost is not None)
    lost = None if new.lossy else lost
    retype = ColumnTypeChange(table, old, new, action, made or name, lost, is_looked_at)
    return type_step(step, TypeChange(at, (retype,)))


_MOMENTS = {"TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITHOUT TIME ZONE"}


def is_read_for_indexes(table: Table, old: Column, new: Column) -> bool:
    """Return True if indexes are built anew though the rows stay: another order, or expressions."""
    name = frozenset({old.name})
    indexed = [index for index in table.indexes if index.columns_among(name)]
    if (old.collation, COMPILER.type(old.type)) == (new.collation, COMPILER.type(new.type)):
        return False
    bases = {casts.shape(each.type).base for each in (old, new)}
    if _collation(old) != _collation(new) or bases == _MOMENTS:
        return bool(indexed) or any(each.columns_among(name) for each in table.constraints)
    return any(
        len(index.columns) < len(index.parts) or index.where is not None for index in indexed
    )


def checks_on(table: Table, column: str) -> list[Check]:
    """Return the checks of a column. Under another type they hold for all rows again, which are read."""
    name = frozenset({column})
    return [
        each for each in table.constraints if isinstance(each, Check) and each.columns_among(name)
    ]


def _collation(column: Column) -> str:
    """The clause of a column's collation, or of its type's."""
    own = COMPILER.type(column.type).removeprefix(COMPILER.bare_type(column.type))
    return COMPILER.collate(column.collation) or own


def _key_partners(table: Table, column: str, builder: Builder) -> Locks:
    """A foreign key on the column, or to it, is made anew: its other end is locked as strongly."""
    ends = [key.target for key in table.foreign_keys if column in key.columns]
    ends += [
        other.at
        for other in builder.tracker.tables()
        for key in other.foreign_keys
        if key.target == table.at and column in key.target_columns
    ]
    return tuple((at, Lock.ACCESS_EXCLUSIVE) for at in dict.fromkeys(ends) if at != table.at)


# -- NULL ------------------------------------------------------------------------------------------


def _nullness(change: c.AlterColumn, builder: Builder) -> Iterator[Step]:
    at, old, new = change.table, change.old, change.new
    if old.null and not new.null:
        fill = columns.fill_of(new)
        if fill is not None:
            yield from columns.fill_rows(at, new, fill, builder.table(at), builder)
        yield columns.set_not_null(at, new, builder)
    elif new.null and not old.null:
        yield builder.alter(
            at,
            f"ALTER COLUMN {COMPILER.quote(new.name)} DROP NOT NULL",
            done=probes.has_column(at, new.name, "NOT attnotnull"),
        )


# -- the check of an enum that is no type of its own -----------------------------------------------


def label_checks(
    at: Name, old: Column, new: Column, builder: Builder, *, unproven: bool = False
) -> Iterator[Step]:
    """The check of the labels, where it differs."""
    table = builder.table(at)
    before, after = columns.label_check(old, table), columns.label_check(new, table)
    if before == after:
        return
    if before is not None:
        yield columns.drop_label_check(at, old, builder)
    yield from columns.add_label_check(new, table, builder, unproven=unproven)


STEPS: Makers = {c.AlterColumn: alter_column}
