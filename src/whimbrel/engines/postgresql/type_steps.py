"""Steps that change the types of columns: those of one table in a row are one statement.

One statement rewrites the table once, and looks at its rows once before it; a thousand would take a
million times what one takes, since each begins with the catalog of the whole table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from whimbrel.engines.base import Step
from whimbrel.engines.postgresql import casts
from whimbrel.engines.postgresql.spelling import SPELLING
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.engines.sql.losses import loss
from whimbrel.schema.table import Column, Name, Table


@dataclass(frozen=True)
class Retype:
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

    @property
    def settings(self) -> Mapping[str, str]:
        """What must be set while its values change."""
        return casts.settings(casts.shape(self.old.type), casts.shape(self.new.type))

    def refuse(self, connection: Connection) -> None:
        """Raises `LossError` for a row that would lose something."""
        if self.lost is not None:
            self._refuse_where(connection, self.lost)

    def refuse_failing(self, connection: Connection) -> None:
        """The same where PostgreSQL ends in an error: of such a value all would be lost.

        A function catches it (PostgreSQL 13, 42.6.8); an assignment there is one as ALTER makes.
        """
        column, old = SPELLING.quote(self.old.name), SPELLING.bare_type(self.old.type)
        nested = connection.begin_nested()
        try:
            execute(
                connection,
                f"CREATE FUNCTION pg_temp.whimbrel_loses({column} {old}) RETURNS boolean "
                "LANGUAGE plpgsql AS $whimbrel$ "
                f"DECLARE whimbrel_made {SPELLING.bare_type(self.new.type)}; "
                f"BEGIN whimbrel_made := {self.made}; RETURN {self.lost or 'false'}; "
                "EXCEPTION WHEN data_exception OR integrity_constraint_violation "
                "THEN RETURN true; END $whimbrel$",
            )
            self._refuse_where(connection, f"pg_temp.whimbrel_loses({column})")
        finally:
            nested.rollback()

    def _refuse_where(self, connection: Connection, condition: str) -> None:
        key = self.table.primary_key.columns if self.table.primary_key is not None else ()
        names = [SPELLING.quote(column) for column in key if column != self.old.name]
        chosen = ", ".join([f"{SPELLING.quote(self.old.name)}::text", *names])
        at = SPELLING.at(self.table.at)
        row = execute(connection, f"SELECT {chosen} FROM {at} WHERE {condition} LIMIT 1").first()
        if row is not None:
            raise loss(self.table, self.old, self.new, tuple(row), SPELLING)


@dataclass(frozen=True)
class TypeStep(Step):
    """A step that gives columns of the table ``at`` other types."""

    at: Name | None = None
    columns: tuple[Retype, ...] = ()


def type_step(step: Step, at: Name, columns: Sequence[Retype]) -> TypeStep:
    """Return a step that changes the types of these columns, and loses nothing by it.

    Rows are looked at before; and again where PostgreSQL refuses one, without saying which.
    """
    known: dict[str, Any] = {each.name: getattr(step, each.name) for each in fields(Step)}
    actions = ", ".join(each.action for each in columns)
    known["sql"] = sql = f"ALTER TABLE {SPELLING.at(at)} {actions}"
    looked_at = [each for each in columns if each.lost is not None]
    conditions = " OR ".join(f"({each.lost})" for each in looked_at)
    query = f"SELECT 1 FROM {SPELLING.at(at)} WHERE {conditions} LIMIT 1"
    settings = {name: to for each in columns for name, to in each.settings.items()}

    def statements(connection: Connection) -> Iterator[str]:
        yield f"LOCK TABLE {SPELLING.at(at)} IN ACCESS EXCLUSIVE MODE"
        before = _settings_of(connection, settings)
        yield from _set(settings)
        try:
            with connection.begin_nested():
                is_lost = bool(looked_at) and execute(connection, query).first() is not None
                if not is_lost:
                    execute(connection, sql)
        except (DataError, IntegrityError):
            _refuse_failing(connection, columns)
            raise
        if is_lost:
            for each in looked_at:
                each.refuse(connection)
        yield from _set(before)

    if settings or any(each.may_fail for each in columns):
        guard = [_guard(at, looked_at, query)] if looked_at else []
        known["live"] = statements
        known["sql"] = ";\n".join([*_set(settings), *guard, sql, *_set(dict.fromkeys(settings))])
    return TypeStep(**known, at=at, columns=tuple(columns))


def _refuse_failing(connection: Connection, columns: Sequence[Retype]) -> None:
    """Raises `LossError` for a row that PostgreSQL refuses, if it lets us look for that."""
    for each in columns:
        with suppress(SQLAlchemyError):
            each.refuse_failing(connection)


def _settings_of(connection: Connection, names: Collection[str]) -> Mapping[str, str]:
    """What these settings are now."""
    asked = ", ".join(f"current_setting('{name}')" for name in names)
    found = execute(connection, f"SELECT {asked}").one() if names else ()
    return dict(zip(names, found, strict=True))


def _set(settings: Mapping[str, str | None]) -> list[str]:
    """The statements that set these until the end of the transaction; None: to the session's."""
    return [
        f"SET LOCAL {name} TO {'DEFAULT' if value is None else text(value)}"
        for name, value in settings.items()
    ]


def _guard(at: Name, columns: Sequence[Retype], query: str) -> str:
    """The statement that looks at the rows where it is not Whimbrel that runs what follows."""
    names = ", ".join(each.old.name for each in columns)
    said = text(f"{at} has rows that would lose something: look at {names}")
    return f"DO $$ BEGIN IF EXISTS ({query}) THEN RAISE EXCEPTION '%', {said}; END IF; END $$"


def joined(steps: Sequence[Step]) -> Iterator[Step]:
    """Return steps, with those in a row that change the types of one table's columns as one."""
    for at, group in groupby(steps, lambda each: each.at if isinstance(each, TypeStep) else None):
        found = list(group)
        columns = [
            column for each in found if isinstance(each, TypeStep) for column in each.columns
        ]
        names = {column.old.name for column in columns}
        if at is None or len(found) == 1 or len(names) < len(columns):
            yield from found
        else:
            yield type_step(_all_of(found), at, columns)


def _all_of(steps: Sequence[Step]) -> Step:
    """What is known of several steps at once."""
    return replace(
        steps[0],
        tables=tuple(dict.fromkeys(lock for step in steps for lock in step.tables)),
        scans=any(step.scans for step in steps),
        rewrites=any(step.rewrites for step in steps),
        hazards=tuple(dict.fromkeys(hazard for step in steps for hazard in step.hazards)),
    )
