"""A database as it should be and as it is, side by side; both without what is not ours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from sqlalchemy.engine import Connection

from whimbrel.config import OWN_TABLES, Config
from whimbrel.detect import AppMigration, FlagQuestioner, detect
from whimbrel.detect.questions import (
    Answer,
    FillQuestion,
    LossQuestion,
    NoLoss,
    NoNulls,
    Question,
    Renamed,
)
from whimbrel.engines import Engine
from whimbrel.schema.changes import Change
from whimbrel.schema.differ import diff
from whimbrel.schema.domains import in_schema, name_of, replace_domains
from whimbrel.schema.table import Check, Constraint, ForeignKey, Name, Schema, Table
from whimbrel.schema.types import EnumType, Type, replace_enums
from whimbrel.sources.live import patched
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

T = TypeVar("T")

#: Where Alembic keeps its record, if it is not told otherwise.
VERSION_TABLE = "alembic_version"


class Certain(FlagQuestioner):
    """Answers for a database, about which nothing needs to be asked.

    Nothing in it was renamed, as far as anybody can tell, and its rows have what they have.
    """

    def ask(self, question: Question) -> Answer:
        if isinstance(question, LossQuestion):
            return NoLoss()
        return NoNulls() if isinstance(question, FillQuestion) else Renamed(None)


#: Constraints and indexes, each by its table and name.
Invalid = frozenset[tuple[Name, str]]


@dataclass(frozen=True)
class Comparison:
    """A state, what it asks of a database, as that spells it, and what is there."""

    state: State
    expected: Schema
    live: Schema
    dialect: str
    #: Parts of what is expected that are there by name, and do not hold.
    invalid: Invalid = frozenset()
    #: Where a table goes that no model has: the first, if its name tells of none.
    apps: Sequence[str] = ()

    @cached_property
    def changes(self) -> list[Change]:
        """The changes that lead from what is expected to the database."""
        return diff(self.expected, self.live)

    @cached_property
    def patched(self) -> State:
        """The state that the database is of."""
        return patched(self.state, self.expected, self.live, dialect=self.dialect, apps=self.apps)

    @cached_property
    def operations(self) -> list[AppMigration]:
        """The differences in the words of operations."""
        return detect(self.state, self.patched, Certain()) if self.changes else []


Covers = Callable[[Name], bool]


def covering(config: Config, state: State, others: Collection[Name] = ()) -> Covers:
    """Return the scope of a comparison with a live database. others: more that are left alone."""
    left = {model.at for model in state if not model.options.managed}
    left.update(others)

    def covers(at: Name) -> bool:
        own = at.name in OWN_TABLES
        foreign = at in left or at.name == VERSION_TABLE
        return not own and not foreign and config.covers(at.schema, at.name)

    return covers


def compare(
    engine: Engine,
    connection: Connection,
    state: State,
    covers: Covers,
    apps: Sequence[str] = (),
) -> Comparison:
    """A state and the database that it should be of. Leaves the connection in no transaction.

    A table of the state that is not looked at counts as being as it should be.
    """
    whole = lower(state)
    wanted = only(whole, covers)
    wanted = replace(wanted, enums=_select(wanted.enums, wanted.used_enums))
    schemas = {None, *whole.schemas, *(at.schema for at in whole.tables)}
    found = engine.reflect(connection, sorted(schemas, key=lambda each: each or ""))
    rest = {at: table for at, table in whole.tables.items() if not covers(at)}
    expected, found, invalid = side_by_side(engine, connection, wanted, found, whole, rest)
    connection.rollback()
    live = _of_ours(only(found, covers), expected)
    return Comparison(
        state,
        _with_tables(expected, rest),
        _with_tables(live, rest),
        engine.dialect,
        invalid,
        apps,
    )


def side_by_side(
    engine: Engine,
    connection: Connection,
    wanted: Schema,
    live: Schema,
    whole: Schema,
    rest: Mapping[Name, Table] | None = None,
) -> tuple[Schema, Schema, Invalid]:
    """Return a schema and a live one under the same names, and what of the first does not hold.

    whole: has the names. rest: tables that are not looked at, and whose names are known.
    """
    expected = engine.canonical(connection, wanted)
    default = connection.dialect.default_schema_name
    expected, live = (_rename_schema(each, whole, default) for each in (expected, live))
    live = engine.match_identifier_case(live, _with_tables(expected, rest or {}))
    return expected, *_loosen_constraints(
        live, expected, _invalid_items(engine, connection, expected)
    )


def strangers(found: Comparison) -> tuple[Name, ...]:
    """The tables that are there and that no model has."""
    return tuple(sorted(found.live.tables.keys() - found.expected.tables.keys(), key=str))


def without_strangers(found: Comparison, but: Collection[Name] = ()) -> Comparison:
    """A comparison in which tables that no model has, and what only these use, are not there.

    but: those that stay in it all the same.
    """
    tables = _select(found.live.tables, {*found.expected.tables, *but})
    return replace(found, live=_of_ours(replace(found.live, tables=tables), found.expected))


def _invalid_items(engine: Engine, connection: Connection, expected: Schema) -> Invalid:
    """The constraints and indexes of a schema that a database has by name, and that do not hold."""
    default = connection.dialect.default_schema_name
    known = engine.invalid(connection)
    return frozenset(
        (at, part.name)
        for at, table in expected.tables.items()
        for part in (*table.constraints, *table.indexes)
        if (Name(at.schema or default, at.name), part.name) in known
    )


def _loosen_constraints(live: Schema, expected: Schema, invalid: Invalid) -> tuple[Schema, Invalid]:
    """A live schema with the constraints that may be NOT VALID, whether they are or not.

    Gives what is left of the invalid parts too.
    """
    tables = dict(live.tables)
    for at, table in expected.tables.items():
        loose = {
            part.name: part
            for part in table.constraints
            if isinstance(part, Check | ForeignKey) and part.not_valid
        }
        if at not in tables or not loose:
            continue
        there = {part.name for part in tables[at].constraints}
        known = (_loosen(part, loose) for part in tables[at].constraints)
        unread = (
            part for name, part in loose.items() if name not in there and (at, name) in invalid
        )
        tables[at] = replace(tables[at], constraints=(*known, *unread))
        invalid -= {(at, name) for name in loose}
    return replace(live, tables=tables), invalid


def _loosen(part: Constraint, loose: Mapping[str, Constraint]) -> Constraint:
    """A constraint as it is asked for by its name or, where the database gave that, by what it says."""
    if isinstance(part, Check | ForeignKey):
        asked = replace(part, not_valid=True)
        if part.name in loose or any(asked == replace(p, name=part.name) for p in loose.values()):
            return asked
    return part


def _rename_schema(schema: Schema, whole: Schema, default: str | None) -> Schema:
    """Return a database's schema under the names that a state has for it.

    The default database schema may be called by its name (``default``) for one model, and not be
    named for the next; a database tells all in one way.
    """
    if default is None or default not in whole.schemas:
        return schema
    tables = _Naming(default, whole.tables.keys())
    enums = _Naming(default, whole.enums.keys())
    domains = _Naming(default, whole.domains.keys())
    by = {enum: enums.enum(enum) for table in schema.tables.values() for enum in table.enums}
    named = [_rename_table(table, tables, by, domains) for table in schema.tables.values()]
    return replace(
        schema,
        tables={table.at: table for table in named},
        enums={enums.name(at): by.get(enum, enum) for at, enum in schema.enums.items()},
        domains={name_of(each): each for each in map(domains.domain, schema.domains.values())},
    )


@dataclass(frozen=True)
class _Naming:
    """The names of a state, for things in the default database schema."""

    default: str
    known: Collection[Name]

    def name(self, at: Name) -> Name:
        """The state's name for it, if it has one."""
        if at in self.known or at.schema not in (None, self.default):
            return at
        other = Name(None if at.schema else self.default, at.name)
        # What no model has is called plainly.
        return other if other in self.known else Name(None, at.name)

    def enum(self, enum: EnumType) -> EnumType:
        return replace(enum, schema=self.name(enum.at).schema)

    def domain(self, domain: Type) -> Type:
        return in_schema(domain, self.name(name_of(domain)).schema)


def _rename_table(
    table: Table, names: _Naming, enums: Mapping[EnumType, EnumType], domains: _Naming
) -> Table:
    def constraint(of: Constraint) -> Constraint:
        return replace(of, target=names.name(of.target)) if isinstance(of, ForeignKey) else of

    told = {each: domains.domain(each) for each in table.domains}
    columns = (
        replace(each, type=replace_enums(replace_domains(each.type, told), enums))
        for each in table.columns
    )
    return replace(
        table,
        schema=names.name(table.at).schema,
        columns=tuple(columns),
        constraints=tuple(map(constraint, table.constraints)),
    )


def only(schema: Schema, covers: Covers) -> Schema:
    """A schema with these tables only."""
    return replace(schema, tables={at: table for at, table in schema.tables.items() if covers(at)})


def _of_ours(live: Schema, expected: Schema) -> Schema:
    """Without enum types, sequences and schemas that no table of ours and no model has."""
    live = replace(live, sequences=_select(live.sequences, expected.sequences))
    there = {at.schema for at in live.tables} | expected.schemas
    return replace(
        live,
        enums=_select(live.enums, live.used_enums | expected.enums.keys()),
        domains={**_select(live.domains, expected.domains), **live.used_domains},
        schemas=frozenset(name for name in live.schemas if name in there),
    )


def _select(things: Mapping[Name, T], names: Collection[Name]) -> dict[Name, T]:
    return {at: each for at, each in things.items() if at in names}


def _with_tables(schema: Schema, more: Mapping[Name, Table]) -> Schema:
    return replace(schema, tables={**more, **schema.tables}) if more else schema
