"""Steps for two columns in step, the old one and one of another type: a trigger, and the rows before it.

The trigger is the last of its table to fire. It makes the new value of the old one; who writes the
new one (the action of a foreign key) writes the old one by that. A value that the new type does not
take leaves NULL there, so that nobody who writes the old one fails before the columns are swapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from sqlalchemy.engine import Connection

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import casts, losses, probes
from whimbrel.engines.postgresql.steps.builder import Builder, Makers
from whimbrel.engines.postgresql.steps.type_steps import ColumnTypeChange
from whimbrel.engines.sql.batches import batched_step
from whimbrel.engines.sql.literals import text
from whimbrel.engines.step import BatchedUpdate, Boundary, HazardCode, Lock, Step
from whimbrel.schema.expressions import SQL
from whimbrel.schema.swaps import AddSync, DropSync, FillSync, VerifySync
from whimbrel.schema.table import Check, Column, Name, Sync, Table
from whimbrel.state.naming import shorten


def sync_name(at: Name, column: str) -> str:
    """Return the name of a trigger: triggers fire by their names' order, and this is to be the last."""
    return shorten(f"zzz_whimbrel_{at.name}_{column}")


@dataclass(frozen=True)
class Conversion:
    """The values of a column and of the one of another type that is in step with it."""

    table: Table
    sync: Sync

    @cached_property
    def old(self) -> Column:
        return self.table.column(self.sync.old)

    @cached_property
    def new(self) -> Column:
        return self.table.column(self.sync.new)

    @cached_property
    def shapes(self) -> tuple[casts.Shape, casts.Shape]:
        """The two types, as PostgreSQL sees them."""
        return casts.shape(self.old.type), casts.shape(self.new.type)

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings under which values are the same in every session."""
        return casts.settings(*self.shapes)

    @property
    def may_fail(self) -> bool:
        """True if the new type does not take every value."""
        return casts.may_fail(*self.shapes)

    @cached_property
    def lost(self) -> str | None:
        """The condition of rows that would lose something, though a value is made of theirs."""
        return losses.lost(COMPILER.quote(self.old.name), *self.shapes)

    @property
    def is_carried(self) -> bool:
        """True if no row can lose anything by it, or be refused."""
        return not self.may_fail and (self.lost is None or self.new.lossy)

    def there(self, of: str) -> str:
        """The new value of an expression that is the old one, as it is assigned."""
        make = casts.cut if self.new.lossy else casts.using
        return make(of, *self.shapes) or of

    def back(self, of: str) -> str:
        """The old value of an expression that is the new one, as it is assigned."""
        return casts.using(of, *reversed(self.shapes)) or of

    def function(self, end: str = "") -> str:
        """The name of a function of it, quoted, with its schema."""
        return COMPILER.at(Name(self.table.schema, shorten(f"{self.sync.name}{end}")))

    @property
    def has_function(self) -> bool:
        """True if the new value is made by a function: it may fail, or goes by settings."""
        return self.may_fail or bool(self.settings)

    @property
    def value(self) -> str:
        """The new value in a query on the table."""
        name, kind = COMPILER.quote(self.old.name), COMPILER.bare_type(self.new.type)
        if self.has_function:
            return f"{self.function('_value')}({name})"
        made = self.there(name)
        return f"({made})::{kind}"

    def differ(self, one: str, other: str) -> str:
        """The condition that two values are not the same to the byte: those that only count as equal differ."""
        return f"record_image_ne(ROW({one}), ROW({other}))"

    @property
    def out_of_step(self) -> str:
        """The condition of rows whose columns do not hold the same."""
        return self.differ(COMPILER.quote(self.new.name), self.value)

    @property
    def check(self) -> Check:
        """The check that a row's new column holds what its old one does, and has lost nothing."""
        condition = f"NOT ({self.out_of_step}) AND NOT {self.function('_loses')}({COMPILER.quote(self.old.name)})"
        return Check(shorten(f"{self.sync.name}_check"), SQL(condition))


# -- the trigger -----------------------------------------------------------------------------------


def add_sync(change: AddSync, builder: Builder) -> Iterator[Step]:
    """Functions and a trigger: writers wait for an instant, and all who write after it are in step."""
    at = change.table
    conversion = Conversion(builder.table(at), change.sync)
    # The check calls these for whoever writes; what a trigger is made of needs no right.
    for end, made in functions(conversion).items():
        function = conversion.function(end)
        yield builder.step(made)
        yield builder.step(f"GRANT EXECUTE ON FUNCTION {function} TO PUBLIC")
    yield builder.step(_trigger_function(conversion))
    name, table = COMPILER.quote(change.sync.name), COMPILER.at(at)
    yield builder.step(
        f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {conversion.function()}()",
        (at, Lock.SHARE_ROW_EXCLUSIVE),
        done=_has_trigger(at, change.sync),
    )
    # What is replicated into the table is in step too.
    yield builder.step(
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
        (at, Lock.SHARE_ROW_EXCLUSIVE),
        done=f"{_has_trigger(at, change.sync)} AND tgenabled = 'A'",
    )


def functions(conversion: Conversion) -> dict[str, str]:
    """Return the functions of values that a conversion needs: the ends of their names, and what makes them."""
    found = {"_value": _value_function(conversion)} if conversion.has_function else {}
    return found if conversion.is_carried else {**found, "_loses": _loses_function(conversion)}


def _has_trigger(at: Name, sync: Sync) -> str:
    return (
        f"SELECT 1 FROM pg_trigger WHERE tgrelid = {probes.oid(at)} AND tgname = {text(sync.name)}"
    )


#: The errors of values that a type does not take (PostgreSQL 18, appendix A, classes 22 and 23).
_REFUSED = "EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN"


def _function(conversion: Conversion, head: str, body: str) -> str:
    settings = "".join(f" SET {name} TO {text(to)}" for name, to in conversion.settings.items())
    return (
        f"CREATE FUNCTION {head} LANGUAGE plpgsql SET search_path FROM CURRENT{settings} "
        f"AS $whimbrel$ {body} $whimbrel$"
    )


def _made(conversion: Conversion, of: str) -> str:
    """The statement that puts the new value into ``made``."""
    made = f"made := {conversion.there(of)};"
    return f"BEGIN {made} {_REFUSED} made := NULL; END;" if conversion.may_fail else made


def _trigger_function(conversion: Conversion) -> str:
    old, new = (COMPILER.quote(each.name) for each in (conversion.old, conversion.new))
    is_written = (
        f"(TG_OP = 'INSERT' AND NEW.{new} IS NOT NULL) "
        f"OR (TG_OP = 'UPDATE' AND {conversion.differ(f'NEW.{new}', f'OLD.{new}')})"
    )
    body = (
        f"DECLARE made {COMPILER.bare_type(conversion.new.type)}; BEGIN "
        f"{_made(conversion, f'NEW.{old}')} "
        f"IF {conversion.differ(f'NEW.{new}', 'made')} THEN "
        f"IF {is_written} THEN NEW.{old} := {conversion.back(f'NEW.{new}')}; "
        f"ELSE NEW.{new} := made; END IF; END IF; "
        "RETURN NEW; END"
    )
    return _function(conversion, f"{conversion.function()}() RETURNS trigger", body)


def _value_function(conversion: Conversion) -> str:
    old, new = (COMPILER.bare_type(each.type) for each in (conversion.old, conversion.new))
    body = f"DECLARE made {new}; BEGIN {_made(conversion, 'value')} RETURN made; END"
    return _function(
        conversion, f"{conversion.function('_value')}(value {old}) RETURNS {new}", body
    )


def _loses_function(conversion: Conversion) -> str:
    """It is called by all who write, once the check stands."""
    name, old = COMPILER.quote(conversion.old.name), COMPILER.bare_type(conversion.old.type)
    lost = None if conversion.new.lossy else conversion.lost
    body = (
        f"DECLARE whimbrel_made {COMPILER.bare_type(conversion.new.type)}; "
        f"BEGIN whimbrel_made := {conversion.there(name)}; RETURN {lost or 'false'}; "
        f"{_REFUSED} RETURN true; END"
    )
    return _function(
        conversion, f"{conversion.function('_loses')}({name} {old}) RETURNS boolean", body
    )


def drop_sync(change: DropSync, builder: Builder) -> Iterator[Step]:
    at = change.table
    conversion = Conversion(builder.table(at), change.sync)
    trigger, *others = drops(conversion)
    done = probes.is_false(_has_trigger(at, change.sync))
    yield builder.step(trigger, (at, Lock.ACCESS_EXCLUSIVE), done=done)
    yield from map(builder.step, others)


def drops(conversion: Conversion) -> list[str]:
    """The statements that drop the trigger, then its functions."""
    name, at = COMPILER.quote(conversion.sync.name), COMPILER.at(conversion.table.at)
    names = map(conversion.function, ("", *functions(conversion)))
    return [
        f"DROP TRIGGER IF EXISTS {name} ON {at}",
        *(f"DROP FUNCTION IF EXISTS {each}" for each in names),
    ]


# -- the rows that are there -----------------------------------------------------------------------


def fill_sync(change: FillSync, builder: Builder) -> Iterator[Step]:
    """Batches along the primary key. A batch reads and writes in one statement: it overwrites nothing newer.

    The new column has statistics before anybody asks for it.
    """
    table = builder.table(change.table)
    conversion = Conversion(table, change.sync)
    update = BatchedUpdate(
        table.at,
        table.primary_key.columns if table.primary_key is not None else (),
        ((change.sync.new, conversion.value),),
        conversion.out_of_step,
    )
    yield batched_step("postgresql", update, change=change)
    analyze = builder.step(
        f"ANALYZE {COMPILER.at(table.at)} ({COMPILER.quote(change.sync.new)})",
        (table.at, Lock.SHARE_UPDATE_EXCLUSIVE),
    )
    yield replace(analyze, boundary=Boundary.OWN)


def verify_sync(change: VerifySync, builder: Builder) -> Iterator[Step]:
    """Rows are looked at, and none is locked."""
    conversion = Conversion(builder.table(change.table), change.sync)
    look = Verification(conversion.table, change.sync)
    step = builder.step(
        look.offline,
        (change.table, Lock.ACCESS_SHARE),
        scans=True,
        hazards=(HazardCode.MAY_FAIL_ON_ROWS,),
        subject=f"{change.table}.{change.sync.old}",
    )
    yield replace(step, boundary=Boundary.OWN, settling=look)


@dataclass(frozen=True)
class Verification:
    """A look for a row that would lose something by its new column."""

    table: Table
    sync: Sync

    @property
    def _condition(self) -> str:
        loses = Conversion(self.table, self.sync).function("_loses")
        return f"{loses}({COMPILER.quote(self.sync.old)})"

    @property
    def offline(self) -> str:
        """The statement for whoever runs it without Whimbrel."""
        at = COMPILER.at(self.table.at)
        said = text(f"{self.table.at} has rows that would lose something: look at {self.sync.old}")
        return (
            f"DO $$ BEGIN IF EXISTS (SELECT 1 FROM {at} WHERE {self._condition}) "
            f"THEN RAISE EXCEPTION '%', {said}; END IF; END $$"
        )

    def statements(self, connection: Connection) -> Iterator[str]:
        """Yield nothing. Raises `LossError` with a row that would lose something."""
        old = self.table.column(self.sync.old)
        new = replace(self.table.column(self.sync.new), name=old.name)
        ColumnTypeChange(self.table, old, new, "", "", self._condition, True).refuse(connection)
        yield from ()


STEPS: Makers = {
    AddSync: add_sync,
    DropSync: drop_sync,
    FillSync: fill_sync,
    VerifySync: verify_sync,
}
