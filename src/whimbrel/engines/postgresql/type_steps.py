"""Steps that change the types of columns: those of one table in a row are one statement.

One statement rewrites the table once, and looks at its rows once before it; a thousand would take a
million times what one takes, since each begins with the catalog of the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError

from whimbrel.engines.base import Step
from whimbrel.engines.postgresql.spelling import SPELLING
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.engines.sql.losses import loss
from whimbrel.schema.table import Column, Name, Table


@dataclass(frozen=True)
class Retype:
    """A column of a table that gets another type by an action of ALTER TABLE.

    ``lost``: the condition on rows that would lose something by it; None where none can.
    """

    table: Table
    old: Column
    new: Column
    action: str
    lost: str | None

    def refuse(self, connection: Connection) -> None:
        """Raises `LossError` for a row that would lose something."""
        self._refuse_where(connection, str(self.lost))

    def refuse_unreadable(self, connection: Connection) -> None:
        """The same where looking at a row may end in an error of PostgreSQL's: it would lose as well.

        A function catches it (PostgreSQL 13, 42.6.8), which is dropped with the session.
        """
        column, type = SPELLING.quote(self.old.name), SPELLING.type(self.old.type)
        execute(
            connection,
            f"CREATE OR REPLACE FUNCTION pg_temp.whimbrel_loses({column} {type}) RETURNS boolean "
            f"LANGUAGE plpgsql AS $whimbrel$ BEGIN RETURN {self.lost}; "
            "EXCEPTION WHEN data_exception THEN RETURN true; END $whimbrel$",
        )
        self._refuse_where(connection, f"pg_temp.whimbrel_loses({column})")

    def _refuse_where(self, connection: Connection, condition: str) -> None:
        key = self.table.primary_key.columns if self.table.primary_key is not None else ()
        names = [SPELLING.quote(column) for column in key if column != self.old.name]
        chosen = ", ".join([f"{SPELLING.quote(self.old.name)}::text", *names])
        at = SPELLING.at(self.table.at)
        row = execute(connection, f"SELECT {chosen} FROM {at} WHERE {condition} LIMIT 1").first()
        if row is not None:
            type = SPELLING.type(self.new.type)
            raise loss(self.table, self.old, self.new, type, tuple(row), SPELLING)


@dataclass(frozen=True)
class TypeStep(Step):
    """A step that gives columns of the table ``at`` other types."""

    at: Name | None = None
    columns: tuple[Retype, ...] = ()


def type_step(step: Step, at: Name, columns: Sequence[Retype]) -> TypeStep:
    """Return a step that looks at the rows before it changes the types of these columns."""
    known: dict[str, Any] = {each.name: getattr(step, each.name) for each in fields(Step)}
    actions = ", ".join(each.action for each in columns)
    known["sql"] = sql = f"ALTER TABLE {SPELLING.at(at)} {actions}"
    looked_at = [each for each in columns if each.lost is not None]
    conditions = " OR ".join(f"({each.lost})" for each in looked_at)
    query = f"SELECT 1 FROM {SPELLING.at(at)} WHERE {conditions} LIMIT 1"

    def statements(connection: Connection) -> Iterator[str]:
        yield f"LOCK TABLE {SPELLING.at(at)} IN ACCESS EXCLUSIVE MODE"
        try:
            with connection.begin_nested():
                is_lost = execute(connection, query).first() is not None
        except DataError:
            for each in looked_at:
                each.refuse_unreadable(connection)
            raise
        if is_lost:
            for each in looked_at:
                each.refuse(connection)
        yield sql

    if looked_at:
        known["live"] = statements
        known["sql"] = f"{_guard(at, looked_at, query)};\n{sql}"
    return TypeStep(**known, at=at, columns=tuple(columns))


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
