"""Steps that change the types of columns: those of one table in a row are one statement.

One statement rewrites the table once, and looks at its rows once before it; a thousand would take a
million times what one takes, since each begins with the catalog of the whole table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import casts
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.engines.sql.losses import loss
from whimbrel.engines.step import Step
from whimbrel.schema.table import Column, Name, Table


@dataclass(frozen=True)
class ColumnTypeChange:
    """A column of a table that gets another type by an action of ALTER TABLE.

    ``made``: the expression of the new value. ``lost``: the condition on rows that would lose
    something by it, though PostgreSQL made a value of theirs; None where none can.
    """

    table: Table
    old: Column
    new: Column
    action: str
    made: str
    lost: str | None
    may_fail: bool

    def refuse(self, connection: Connection) -> None:
        """Raises `LossError` for a row that would lose something."""
        if self.lost is not None:
            self._refuse_where(connection, self.lost)

    def refuse_failing(self, connection: Connection) -> None:
        """The same where PostgreSQL ends in an error: of such a value all would be lost.

        A function catches it (PostgreSQL 13, 42.6.8); an assignment there is one as ALTER makes.
        """
        column, old = COMPILER.quote(self.old.name), COMPILER.bare_type(self.old.type)
        nested = connection.begin_nested()
        try:
            execute(
                connection,
                f"CREATE FUNCTION pg_temp.whimbrel_loses({column} {old}) RETURNS boolean "
                "LANGUAGE plpgsql AS $whimbrel$ "
                f"DECLARE whimbrel_made {COMPILER.bare_type(self.new.type)}; "
                f"BEGIN whimbrel_made := {self.made}; RETURN {self.lost or 'false'}; "
                "EXCEPTION WHEN data_exception OR integrity_constraint_violation "
                "THEN RETURN true; END $whimbrel$",
            )
            self._refuse_where(connection, f"pg_temp.whimbrel_loses({column})")
        finally:
            nested.rollback()

    def _refuse_where(self, connection: Connection, condition: str) -> None:
        key = self.table.primary_key.columns if self.table.primary_key is not None else ()
        names = [COMPILER.quote(column) for column in key if column != self.old.name]
        chosen = ", ".join([f"{COMPILER.quote(self.old.name)}::text", *names])
        at = COMPILER.at(self.table.at)
        row = execute(connection, f"SELECT {chosen} FROM {at} WHERE {condition} LIMIT 1").first()
        if row is not None:
            raise loss(self.table, self.old, self.new, tuple(row), COMPILER)


@dataclass(frozen=True)
class TypeChange:
    """The columns of the table ``at`` that get other types by one statement, and lose nothing by it.

    Rows are looked at before; and again where PostgreSQL refuses one, without saying which.
    """

    at: Name
    columns: tuple[ColumnTypeChange, ...]

    @property
    def alter(self) -> str:
        """The statement."""
        actions = ", ".join(each.action for each in self.columns)
        return f"ALTER TABLE {COMPILER.at(self.at)} {actions}"

    @property
    def looked_at(self) -> list[ColumnTypeChange]:
        """The columns of which a value could be lost."""
        return [each for each in self.columns if each.lost is not None]

    @property
    def query(self) -> str:
        """A query for a row that would lose something."""
        conditions = " OR ".join(f"({each.lost})" for each in self.looked_at)
        return f"SELECT 1 FROM {COMPILER.at(self.at)} WHERE {conditions} LIMIT 1"

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings while values change."""
        shapes = ((casts.shape(each.old.type), casts.shape(each.new.type)) for each in self.columns)
        return {name: to for pair in shapes for name, to in casts.settings(*pair).items()}

    @property
    def is_plain(self) -> bool:
        """True if no row can be in the way."""
        return not self.settings and not any(each.may_fail for each in self.columns)

    def offline(self) -> tuple[str, ...]:
        """The statements for whoever runs them without Whimbrel."""
        if self.is_plain:
            return (self.alter,)
        guard = []
        if self.looked_at:
            names = ", ".join(each.old.name for each in self.looked_at)
            said = text(f"{self.at} has rows that would lose something: look at {names}")
            raised = f"RAISE EXCEPTION '%', {said}"
            guard = [f"DO $$ BEGIN IF EXISTS ({self.query}) THEN {raised}; END IF; END $$"]
        set_back = dict.fromkeys(self.settings)
        return (*_set(self.settings), *guard, self.alter, *_set(set_back))

    def statements(self, connection: Connection) -> Iterator[str]:
        """Yield the statements on a database. Raises `LossError` with a row that would lose something."""
        if self.is_plain:
            yield self.alter
            return
        yield f"LOCK TABLE {COMPILER.at(self.at)} IN ACCESS EXCLUSIVE MODE"
        before = _settings_of(connection, self.settings)
        yield from _set(self.settings)
        looked_at = self.looked_at
        try:
            with connection.begin_nested():
                loses = bool(looked_at) and execute(connection, self.query).first() is not None
                if not loses:
                    execute(connection, self.alter)
        except (DataError, IntegrityError):
            for each in self.columns:
                with suppress(SQLAlchemyError):  # where the server does not let us look for the row
                    each.refuse_failing(connection)
            raise
        if loses:
            for each in looked_at:
                each.refuse(connection)
        yield from _set(before)


def type_step(step: Step, change: TypeChange) -> Step:
    """Return a step that changes the types of columns."""
    return replace(step, statements=change.offline(), settling=change)


def _settings_of(connection: Connection, names: Collection[str]) -> Mapping[str, str]:
    """Return the present values of settings."""
    asked = ", ".join(f"current_setting('{name}')" for name in names)
    found = execute(connection, f"SELECT {asked}").one() if names else ()
    return dict(zip(names, found, strict=True))


def _set(settings: Mapping[str, str | None]) -> list[str]:
    """The statements that set these until the end of the transaction; None: to the session's."""
    return [
        f"SET LOCAL {name} TO {'DEFAULT' if value is None else text(value)}"
        for name, value in settings.items()
    ]


def join_type_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """Return steps, with those in a row that change the types of one table's columns as one."""
    for at, group in groupby(steps, _changed_table):
        found = list(group)
        columns = tuple(
            column
            for each in found
            for column in (each.settling.columns if isinstance(each.settling, TypeChange) else ())
        )
        names = {column.old.name for column in columns}
        if at is None or len(found) == 1 or len(names) < len(columns):
            yield from found
        else:
            yield type_step(_all_of(found), TypeChange(at, columns))


def _changed_table(step: Step) -> Name | None:
    return step.settling.at if isinstance(step.settling, TypeChange) else None


def _all_of(steps: Sequence[Step]) -> Step:
    """Return one step with all that is known of several."""
    return replace(
        steps[0],
        also=tuple(change for step in steps[1:] for change in step.changes),
        tables=tuple(dict.fromkeys(lock for step in steps for lock in step.tables)),
        scans=any(step.scans for step in steps),
        rewrites=any(step.rewrites for step in steps),
        hazards=tuple(dict.fromkeys(hazard for step in steps for hazard in step.hazards)),
    )
