"""Steps for columns that count: identity columns, and those that own a sequence (SERIAL)."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.base import Hazard, Lock, Step
from whimbrel.engines.postgresql.compiler import SPELLING
from whimbrel.engines.postgresql.steps import builder as w
from whimbrel.engines.postgresql.steps.builder import Work
from whimbrel.engines.postgresql.steps.sequences import kept_in_bounds, recounted
from whimbrel.engines.sql.literals import text
from whimbrel.schema import changes as c
from whimbrel.schema.table import Column, Identity, Name, Serial
from whimbrel.state.naming import shorten


def stop(change: c.AlterColumn, work: Work) -> Iterator[Step]:
    """The column no longer counts as it did: its sequence goes."""
    old, new = change.old.generated, change.new.generated
    if old is None or type(old) is type(new):
        return
    altered = f"ALTER COLUMN {SPELLING.quote(change.old.name)}"
    if isinstance(old, Identity):
        probe = w.has_column(change.table, change.old.name, "attidentity = ''")
        yield work.alter(change.table, f"{altered} DROP IDENTITY", change, done=probe)
        return
    # The default goes first, since it holds on to the sequence; then nobody remembers the name.
    sql = _drop_owned(change.table, change.old.name)
    yield work.step(sql, change, (change.table, Lock.ACCESS_EXCLUSIVE))


def _owned(at: Name, column: str) -> str:
    """The name of the sequence that a column owns, as text."""
    return f"pg_get_serial_sequence({text(SPELLING.at(at))}, {text(column)})"


def _drop_owned(at: Name, column: str) -> str:
    return (
        f"DO $$ DECLARE owned text := {_owned(at, column)}; BEGIN "
        f"ALTER TABLE {SPELLING.at(at)} ALTER COLUMN {SPELLING.quote(column)} DROP DEFAULT; "
        "IF owned IS NOT NULL THEN EXECUTE 'DROP SEQUENCE ' || owned; END IF; END $$"
    )


def start(change: c.AlterColumn, work: Work) -> Iterator[Step]:
    """The column counts from now on, or in another way, from after the largest number that is there."""
    old, new = change.old.generated, change.new.generated
    if isinstance(old, Identity) and isinstance(new, Identity):
        yield from _identity_altered(change, old, new, work)
    elif isinstance(old, Serial) and isinstance(new, Serial):
        yield from _serial_resized(change, work)
    elif isinstance(new, Identity):
        yield from _identity_added(change, new, work)
    elif isinstance(new, Serial):
        yield from _serial_added(change, work)


def _identity_added(change: c.AlterColumn, identity: Identity, work: Work) -> Iterator[Step]:
    at, column = change.table, change.new
    yield work.alter(
        at,
        f"ALTER COLUMN {SPELLING.quote(column.name)} ADD {SPELLING.identity(identity)}",
        change,
        hazards=(Hazard.MAY_FAIL_ON_ROWS,) if change.old.null else (),
        done=w.has_column(at, column.name, "attidentity <> ''"),
    )
    yield _moved_on(at, column, identity, change, work)


def _moved_on(at: Name, column: Column, identity: Identity, change: c.Change, work: Work) -> Step:
    """The sequence goes past the numbers that are there already."""
    name = SPELLING.quote(column.name)
    end, beyond = ("max", ">=") if (identity.increment or 1) > 0 else ("min", "<=")
    first = identity.start if identity.start is not None else (1 if end == "max" else -1)
    return work.step(
        f"SELECT setval({_owned(at, column.name)}, {end}({name})) FROM {SPELLING.at(at)} "
        f"HAVING {end}({name}) {beyond} {first}",
        change,
        (at, Lock.ACCESS_SHARE),
        scans=True,
    )


def _identity_altered(
    change: c.AlterColumn, old: Identity, new: Identity, work: Work
) -> Iterator[Step]:
    altered = [f"SET {said}" for said in recounted(old, new)]
    if old.always != new.always:
        altered.insert(0, f"SET GENERATED {SPELLING.strictness(new)}")
    if altered:
        at, name = change.table, change.new.name
        sql = (
            f"ALTER TABLE {SPELLING.at(at)} ALTER COLUMN {SPELLING.quote(name)} {' '.join(altered)}"
        )
        owned = f"{_owned(at, name)}::regclass"
        sql = kept_in_bounds(sql, owned, old, new)
        yield work.step(sql, change, (at, Lock.ACCESS_EXCLUSIVE))


def _serial_added(change: c.AlterColumn, work: Work) -> Iterator[Step]:
    at, column = change.table, change.new
    place = Name(at.schema, shorten(f"{at.name}_{column.name}_seq"))
    sequence, name = SPELLING.at(place), SPELLING.quote(column.name)
    yield work.step(
        f"CREATE SEQUENCE {sequence} AS {SPELLING.type(column.type)} "
        f"OWNED BY {SPELLING.at(at)}.{name}",
        change,
        (at, Lock.ACCESS_SHARE),
        done=w.exists(place),
    )
    default = f"nextval({text(sequence)}::regclass)"
    yield work.alter(at, f"ALTER COLUMN {name} SET DEFAULT {default}", change)
    yield _moved_on(at, column, Identity(), change, work)


def _serial_resized(change: c.AlterColumn, work: Work) -> Iterator[Step]:
    """A sequence that was made for the old type would end where that does."""
    kind = SPELLING.type(change.new.type)
    if kind != SPELLING.type(change.old.type):
        owned = _owned(change.table, change.new.name)
        yield work.step(
            f"DO $$ BEGIN EXECUTE 'ALTER SEQUENCE ' || {owned} || ' AS {kind}'; END $$", change
        )
