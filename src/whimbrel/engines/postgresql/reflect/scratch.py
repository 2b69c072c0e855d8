"""A schema as PostgreSQL would spell it: put up in temporary tables, read back, taken back.

A temporary table needs no right but TEMPORARY, is in nobody's way, and shows what the database
makes of a definition. Foreign keys stay out of it: how they are spelled is known, and they would
lock what they point at. So do tablespaces.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.engines.postgresql.reflect import catalog, normal, reflecting
from whimbrel.engines.postgresql.reflect.reflecting import Surroundings
from whimbrel.engines.postgresql.reflect.rejoining import rejoined
from whimbrel.engines.postgresql.reflect.scratch_types import TEMPORARY, ScratchTypes
from whimbrel.engines.postgresql.steps import options as opts
from whimbrel.engines.sql import execute
from whimbrel.engines.step import Step
from whimbrel.errors import WhimbrelError
from whimbrel.schema import changes as c
from whimbrel.schema.table import Check, Exclude, ForeignKey, Name, Schema, Table, Unique
from whimbrel.schema.types import Type

#: The steps of changes: an engine's.
Make = Callable[[Sequence[c.Change], Schema], list[Step]]


def canonical(connection: Connection, schema: Schema, make: Make) -> Schema:
    """See `whimbrel.engines.base.Engine.canonical`."""
    with _taken_back(connection):
        around = Surroundings.of(connection, schema.schemas)
        plain = normal.plain(normal.in_one_naming(schema, around.default))
        read, domains = _read(connection, plain, around, make)
    tables = (
        rejoined(table, read[at], around.tablespace) if at in read else normal.guessed(table)
        for at, table in plain.tables.items()
    )
    made = Schema.of(tuple(tables), tuple(plain.sequences.values()))
    enums = {**made.enums, **plain.enums}
    domains = {**plain.domains, **domains, **made.domains}
    return Schema(made.tables, enums, made.sequences, plain.schemas, domains)


# -- a transaction that leaves nothing behind ------------------------------------------------------


@contextmanager
def _taken_back(connection: Connection) -> Iterator[None]:
    """A scope that is rolled back, whether or not a transaction is open."""
    if getattr(connection.connection.driver_connection, "autocommit", False):
        if connection.in_transaction():
            connection.commit()  # there is none: SQLAlchemy only thinks so
        connection.execution_options(isolation_level=connection.default_isolation_level)
        try:
            with _rolled_back(connection):
                yield
        finally:
            if not connection.invalidated:
                connection.execution_options(isolation_level="AUTOCOMMIT")
    else:
        with _rolled_back(connection):
            yield


@contextmanager
def _rolled_back(connection: Connection) -> Iterator[None]:
    """A savepoint in an open transaction; else a transaction."""
    begun = connection.begin_nested() if connection.in_transaction() else connection.begin()
    try:
        yield
    finally:
        if begun.is_active:
            begun.rollback()


#: Whether temporary tables can be made here at all.
_MAY_MAKE = """SELECT current_setting('transaction_read_only') = 'off'
    AND has_database_privilege(current_database(), 'TEMPORARY')"""
# Nothing here waits for anybody, so nothing should take long. What is temporary is found first.
_SETTINGS = """SELECT set_config('lock_timeout', '3s', true),
    set_config('statement_timeout', '60s', true),
    set_config('search_path', concat_ws(', ', 'pg_temp',
        nullif(current_setting('search_path'), '')), true)"""


# -- tables there and back -------------------------------------------------------------------------


def _read(
    connection: Connection, schema: Schema, around: Surroundings, make: Make
) -> tuple[dict[Name, Table], dict[Name, Type]]:
    """The tables that could be made, as they came back, and the domains."""
    if not schema.tables or not execute(connection, _MAY_MAKE).scalar():
        return {}, {}
    execute(connection, _SETTINGS)
    scratch_types = ScratchTypes.needed(connection, schema, around)
    for statement in scratch_types.statements():
        _tried(connection, [statement])
    # What a domain is made of comes before it.
    of = scratch_types.domains.items()
    made = {at: each for at, each in of if _tried(connection, [scratch_types.of_domain(each)])}
    scratch_types = replace(scratch_types, domains=made)
    domains = scratch_types.read_domains(connection, around) if made else {}
    if scratch_types.enums:
        # With the default schema as it was: the temporary one is first now.
        again = replace(around, enums=around.enum_types(connection))
        around = scratch_types.known(again)
    scratch = _Scratch(connection, around, scratch_types, make)
    found: dict[Name, Table] = {}
    for group in _groups(schema.tables.values()):
        with _rolled_back(connection):
            found.update(scratch.there_and_back(group))
    return found, domains


#: How many tables at a time: each holds some locks until it is taken back.
_AT_A_TIME = 200


def _groups(tables: Iterable[Table]) -> Iterator[list[Table]]:
    """Tables of one database schema (in the temporary one their names must not meet), some at a time."""
    by_schema: dict[str | None, list[Table]] = {}
    for table in tables:
        by_schema.setdefault(table.schema, []).append(table)
    for each in by_schema.values():
        related = _related(each)
        if related:
            yield related
        alone = [table for table in each if table not in related] if related else each
        yield from (alone[n : n + _AT_A_TIME] for n in range(0, len(alone), _AT_A_TIME))


def _related(tables: Sequence[Table]) -> list[Table]:
    """Those that inherit, and what they inherit from: they go together, those above first."""
    above = {table.at: _parents(table) for table in tables if _parents(table)}
    parents = {at for each in above.values() for at in each}

    def depth(at: Name) -> int:
        return 1 + max((depth(each) for each in above[at]), default=0) if at in above else 0

    related = [table for table in tables if table.at in above or table.at in parents]
    return sorted(related, key=lambda table: depth(table.at))


def _parents(table: Table) -> list[Name]:
    return opts.parents(opts.own(table.options).get("inherits") or ())


class _Scratch:
    def __init__(
        self, connection: Connection, around: Surroundings, scratch_types: ScratchTypes, make: Make
    ) -> None:
        self.connection, self.around = connection, around
        self.scratch_types, self.make = scratch_types, make

    def there_and_back(self, group: list[Table]) -> dict[Name, Table]:
        """All tables of one database schema, at once if that works."""
        there = {table.at for table in group}
        temporary = [self._temporary(table, there) for table in group]
        if not self._made(temporary):
            for table in temporary:
                if not self._made([table]):
                    self._made_in_pieces(table)
        names = catalog.listed(table.name for table in group)
        which = f"{catalog.SCRATCH} AND c.relname = ANY({names})"
        read = reflecting.tables(self.connection, self.around, which)
        schema = group[0].schema
        return {Name(schema, each.name): self.scratch_types.taken_out(each) for each in read}

    def _temporary(self, table: Table, there: Collection[Name]) -> Table:
        """The table as it is made in the temporary schema. ``there``: what else is made there."""
        indexes = (replace(each, options=_here(each.options)) for each in table.indexes)
        # With parents as they are called in the temporary schema, if they are there.
        inherits = f"{opts.PREFIX}inherits"
        options = tuple(pair for pair in _here(table.options) if pair[0] != inherits)
        if parents := tuple(str(Name(TEMPORARY, at.name)) for at in _parents(table) if at in there):
            options = (*options, (inherits, parents))
        constraints = (each for each in table.constraints if not isinstance(each, ForeignKey))
        return self.scratch_types.put_in(
            replace(
                table,
                schema=TEMPORARY,
                constraints=tuple(constraints),
                indexes=tuple(indexes),
                options=options,
            )
        )

    def _made(self, tables: Sequence[Table]) -> bool:
        return self._carried_out([c.CreateTable(table) for table in tables], Schema())

    def _made_in_pieces(self, table: Table) -> None:
        """The table, and of its constraints and indexes those that can be made."""
        apart = [each for each in table.constraints if isinstance(each, Check | Exclude | Unique)]
        kept = tuple(each for each in table.constraints if each not in apart)
        alone = replace(table, constraints=kept, indexes=())
        if not self._made([alone]):
            return
        before = Schema.of((alone,))
        for constraint in apart:
            self._carried_out([c.AddConstraint(table.at, constraint)], before)
        for index in table.indexes:
            self._carried_out([c.AddIndex(table.at, index)], before)

    def _carried_out(self, changes: Sequence[c.Change], before: Schema) -> bool:
        try:
            steps = self.make(changes, before)
            statements = [statement for step in steps for statement in step.statements]
        except WhimbrelError:
            return False
        return _tried(self.connection, statements)


def _tried(connection: Connection, statements: Sequence[str]) -> bool:
    """Run statements, all or none; False where the database refuses one."""
    # psycopg sends what has no parameters as it is, however many statements that are.
    if connection.dialect.driver.startswith("psycopg"):
        statements = ["\n;\n".join(statements)]
    savepoint = connection.begin_nested()
    try:
        for statement in statements:
            execute(connection, statement)
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise
        savepoint.rollback()
        return False
    savepoint.commit()
    return True


def _here(options: Iterable[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    """Options without a tablespace, which may not be there, or not be ours to use; nor a log."""
    return tuple(
        (name, value) for name, value in options if not name.endswith(("tablespace", "unlogged"))
    )
