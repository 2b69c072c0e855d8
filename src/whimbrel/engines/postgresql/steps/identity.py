"""Steps for columns that count: identity columns, and those that own a sequence (SERIAL)."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import probes
from whimbrel.engines.postgresql.steps.builder import Builder
from whimbrel.engines.postgresql.steps.sequences import kept_in_bounds, recounted
from whimbrel.engines.sql.literals import text
from whimbrel.engines.step import HazardCode, Lock, Step
from whimbrel.schema import changes as c
from whimbrel.schema.table import Column, Identity, Name, PrimaryKey, Serial, Table, Unique
from whimbrel.state.naming import shorten


def stop(change: c.AlterColumn, builder: Builder) -> Iterator[Step]:
    """The column no longer counts as it did: its sequence goes."""
    old, new = change.old.generated, change.new.generated
    if old is None or type(old) is type(new) or _counts_on(change, builder):
        return
    altered = f"ALTER COLUMN {COMPILER.quote(change.old.name)}"
    if isinstance(old, Identity):
        probe = probes.has_column(change.table, change.old.name, "attidentity = ''")
        yield builder.alter(change.table, f"{altered} DROP IDENTITY", done=probe)
        return
    # The default goes first, since it holds on to the sequence; then nobody remembers the name.
    sql = (
        f"DO $$ DECLARE owned text := {_owned(change.table, change.old.name)}; BEGIN "
        f"ALTER TABLE {COMPILER.at(change.table)} {altered} DROP DEFAULT; "
        "IF owned IS NOT NULL THEN EXECUTE 'DROP SEQUENCE ' || owned; END IF; END $$"
    )
    yield builder.step(sql, (change.table, Lock.ACCESS_EXCLUSIVE))


def _owned(at: Name, column: str) -> str:
    """The name of the sequence that a column owns, as text."""
    return f"pg_get_serial_sequence({text(COMPILER.at(at))}, {text(column)})"


def start(change: c.AlterColumn, builder: Builder) -> Iterator[Step]:
    """The column counts from now on, or in another way, from after the largest number that is there."""
    old, new = change.old.generated, change.new.generated
    if isinstance(old, Identity) and isinstance(new, Identity):
        yield from _alter_identity(change, old, new, builder)
    elif isinstance(old, Serial) and isinstance(new, Serial):
        # A sequence that was made for the old type would end where that does.
        kind = COMPILER.type(change.new.type)
        if kind != COMPILER.type(change.old.type):
            owned = _owned(change.table, change.new.name)
            sql = f"DO $$ BEGIN EXECUTE 'ALTER SEQUENCE ' || {owned} || ' AS {kind}'; END $$"
            yield builder.step(sql)
    elif isinstance(new, Identity) and _counts_on(change, builder):
        yield _turn_into_identity(change, new, builder)
    elif isinstance(new, Identity):
        yield from _add_identity(change, new, builder)
    elif isinstance(new, Serial):
        yield from _add_serial(change, builder)


def _add_identity(change: c.AlterColumn, identity: Identity, builder: Builder) -> Iterator[Step]:
    at, column = change.table, change.new
    yield builder.alter(
        at,
        f"ALTER COLUMN {COMPILER.quote(column.name)} ADD {COMPILER.identity(identity)}",
        hazards=(HazardCode.MAY_FAIL_ON_ROWS,) if change.old.null else (),
        done=probes.has_column(at, column.name, "attidentity <> ''"),
    )
    yield _move_on(at, column, identity, builder)


def _counts_on(change: c.AlterColumn, builder: Builder) -> bool:
    """True for a column that was added with a sequence, to become an identity column in the end."""
    is_turned = isinstance(change.old.generated, Serial)
    is_turned = is_turned and isinstance(change.new.generated, Identity)
    return is_turned and (change.table, change.new.name) in builder.added


def _turn_into_identity(change: c.AlterColumn, identity: Identity, builder: Builder) -> Step:
    """The identity's own sequence goes on where the column's ended; no row is looked at."""
    at, name = change.table, COMPILER.quote(change.new.name)
    altered = f"ALTER TABLE {COMPILER.at(at)} ALTER COLUMN {name}"
    owned = _owned(at, change.new.name)
    sql = (
        f"DO $$ DECLARE owned text := {owned}; last bigint; is_used boolean; BEGIN "
        "EXECUTE 'SELECT last_value, is_called FROM ' || owned INTO last, is_used; "
        f"{altered} DROP DEFAULT; EXECUTE 'DROP SEQUENCE ' || owned; "
        f"{altered} ADD {COMPILER.identity(identity)}; "
        f"PERFORM setval({owned}, last, is_used); END $$"
    )
    return builder.step(sql, (at, Lock.ACCESS_EXCLUSIVE))


def _move_on(at: Name, column: Column, identity: Identity, builder: Builder) -> Step:
    """The sequence goes past the numbers that are there already."""
    name = COMPILER.quote(column.name)
    end, beyond = ("max", ">=") if (identity.increment or 1) > 0 else ("min", "<=")
    first = identity.start if identity.start is not None else (1 if end == "max" else -1)
    is_led = _is_led_by(builder.table(at), column.name)
    return builder.step(
        f"SELECT setval({_owned(at, column.name)}, {end}({name})) FROM {COMPILER.at(at)} "
        f"HAVING {end}({name}) {beyond} {first}",
        (at, Lock.ACCESS_SHARE),
        scans=not is_led,
        hazards=() if is_led else (HazardCode.SCANS_TABLE,),
    )


def _is_led_by(table: Table, column: str) -> bool:
    """True if an index tells the largest number of a column."""
    whole = [
        each for each in table.indexes if each.where is None and each.method in (None, "btree")
    ]
    keys = [each for each in table.constraints if isinstance(each, PrimaryKey | Unique)]
    return column in [*(each.parts[0].of for each in whole), *(each.columns[0] for each in keys)]


def _alter_identity(
    change: c.AlterColumn, old: Identity, new: Identity, builder: Builder
) -> Iterator[Step]:
    altered = [f"SET {said}" for said in recounted(old, new)]
    if old.always != new.always:
        altered.insert(0, f"SET GENERATED {COMPILER.strictness(new)}")
    if altered:
        at, name = change.table, change.new.name
        sql = (
            f"ALTER TABLE {COMPILER.at(at)} ALTER COLUMN {COMPILER.quote(name)} {' '.join(altered)}"
        )
        owned = f"{_owned(at, name)}::regclass"
        sql = kept_in_bounds(sql, owned, old, new)
        yield builder.step(sql, (at, Lock.ACCESS_EXCLUSIVE))


def _add_serial(change: c.AlterColumn, builder: Builder) -> Iterator[Step]:
    at, column = change.table, change.new
    place = sequence_name(at, column)
    sequence, name = COMPILER.at(place), COMPILER.quote(column.name)
    yield builder.step(
        f"CREATE SEQUENCE {sequence} AS {COMPILER.type(column.type)} "
        f"OWNED BY {COMPILER.at(at)}.{name}",
        (at, Lock.ACCESS_SHARE),
        done=probes.exists(place),
    )
    default = f"nextval({text(sequence)}::regclass)"
    yield builder.alter(at, f"ALTER COLUMN {name} SET DEFAULT {default}")
    if (at, column.name) not in builder.added:
        yield _move_on(at, column, Identity(), builder)


def sequence_name(at: Name, column: Column) -> Name:
    """Return the name of the sequence that a column gets."""
    return Name(at.schema, shorten(f"{at.name}_{column.name}_seq"))
