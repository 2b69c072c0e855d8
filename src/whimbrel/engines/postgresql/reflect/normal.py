"""The normal form of a schema, as far as no database is needed: names, foreign keys, counters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.reflect.columns import counting
from whimbrel.engines.postgresql.reflect.types import array_of, known_type
from whimbrel.engines.postgresql.steps import options
from whimbrel.engines.postgresql.steps.sequences import bounds
from whimbrel.schema.expressions import SQL, Constant
from whimbrel.schema.table import Column, Constraint, ForeignKey, Name, Schema, Sequence, Table
from whimbrel.schema.types import ColumnType, EnumType, Type, replace_enums
from whimbrel.state.naming import LONGEST


def plain(schema: Schema) -> Schema:
    """The schema with what has only one form in that form, and nothing of other dialects."""
    tables = [_table(table, schema) for table in schema.tables.values()]
    sequences = [_sequence(each) for each in schema.sequences.values()]
    enums = [native(enum) for enum in schema.enums.values() if COMPILER.has_type_of(enum)]
    return Schema(
        {table.at: table for table in tables},
        {enum.at: enum for enum in enums},
        {each.at: each for each in sequences},
        schema.schemas,
        Schema.of(tuple(tables)).domains,
    )


def in_one_naming(schema: Schema, default: str | None) -> Schema:
    """Return a schema in which all of the default one has its name, if anything there has it."""
    if default is None or default not in schema.schemas:
        return schema
    types = {each: replace(each, schema=default) for each in all_enums(schema) if not each.schema}
    tables = [_said_to_be_in(table, default, types) for table in schema.tables.values()]
    sequences = [replace(each, schema=each.schema or default) for each in schema.sequences.values()]
    enums = [types.get(each, each) for each in schema.enums.values()]
    return Schema(
        {table.at: table for table in tables},
        {each.at: each for each in enums},
        {each.at: each for each in sequences},
        schema.schemas,
    )


def all_enums(schema: Schema) -> Iterator[EnumType]:
    """The enum types of a schema, and of the columns in it."""
    yield from schema.enums.values()
    for table in schema.tables.values():
        yield from table.enums


def _said_to_be_in(table: Table, default: str, types: Mapping[EnumType, EnumType]) -> Table:
    def constraint(of: Constraint) -> Constraint:
        if not isinstance(of, ForeignKey) or of.target.schema is not None:
            return of
        return replace(of, target=Name(default, of.target.name))

    return replace(
        table,
        schema=table.schema or default,
        columns=tuple(replace(c, type=replace_enums(c.type, types)) for c in table.columns),
        constraints=tuple(map(constraint, table.constraints)),
    )


def cut(name: str) -> str:
    """A name as the server keeps it: its first 63 bytes (18, 4.1.1)."""
    raw = name.encode()
    return name if len(raw) <= LONGEST else raw[:LONGEST].decode(errors="ignore")


def native(enum: EnumType) -> EnumType:
    """An enum as a type of the database: it knows no VARCHAR that would stand in for it."""
    return replace(enum, name=cut(enum.name), native=True, check=True, length=None)


def _sequence(of: Sequence) -> Sequence:
    low, high = bounds(of)
    said = {
        "increment": 1 if of.increment is None else of.increment,
        "minvalue": low,
        "maxvalue": high,
        "cache": 1 if of.cache is None else of.cache,
        "cycle": of.cycle,
    }
    usual = low if said["increment"] > 0 else high
    start = usual if of.start is None else of.start
    counted = counting({**said, "start": start}, "bigint")
    return Sequence(cut(of.name), of.schema, **counted, key=of.key)


# -- tables ----------------------------------------------------------------------------------------


def _table(table: Table, schema: Schema) -> Table:
    names = {each.name: cut(each.name) for each in table.columns if cut(each.name) != each.name}
    renamed = table.rename_columns(names) if names else table
    named = (replace(each, name=cut(each.name)) for each in renamed.constraints)
    return replace(
        renamed,
        name=cut(table.name),
        columns=tuple(map(_column, renamed.columns)),
        constraints=tuple(
            foreign_key(each, schema) if isinstance(each, ForeignKey) else each for each in named
        ),
        indexes=tuple(replace(each, name=cut(each.name)) for each in renamed.indexes),
        options=tuple(sorted(_options(table.options), key=lambda pair: pair[0])),
        comment=table.comment or None,
    )


def _column(column: Column) -> Column:
    """Without what only other dialects hear: its type is PostgreSQL's own."""
    of = column.type.on("postgresql")
    return replace(column, type=of, comment=column.comment or None)


def foreign_key(key: ForeignKey, schema: Schema) -> ForeignKey:
    """A foreign key: what is meant where nothing is said, is not said."""
    target = Name(key.target.schema, cut(key.target.name))
    there = schema.tables.get(key.target)
    primary = there.primary_key if there is not None else None
    columns = key.target_columns or (primary.columns if primary is not None else ())
    match = (key.match or "SIMPLE").upper()
    return replace(
        key,
        target=target,
        target_columns=tuple(map(cut, columns)),
        on_delete=_action(key.on_delete),
        on_update=_action(key.on_update),
        match=None if match == "SIMPLE" else match,
    )


def _action(said: str | None) -> str | None:
    if said is None:
        return None
    action, separator, columns = said.partition("(")
    action = " ".join(action.upper().split())
    if separator:
        return f"{action} ({columns}"
    return None if action == "NO ACTION" else action


def _options(said: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    """PostgreSQL's own options that a table keeps."""
    own = options.own(said)
    for name in ("partition_by", "tablespace", "unlogged", "using"):
        if own.get(name):
            yield f"{options.PREFIX}{name}", own[name]
    if stored := options.pairs(own.get("with")):
        yield f"{options.PREFIX}with", stored
    if own.get("inherits"):
        parents = tuple(map(str, options.parents(own["inherits"])))
        yield f"{options.PREFIX}inherits", parents[0] if len(parents) == 1 else parents


# -- types, as well as can be told without asking --------------------------------------------------

_ALIASES = {
    "varchar": "character varying",
    "char": "character",
    "float": "double precision",
    "decimal": "numeric",
}


def guessed(table: Table) -> Table:
    """A table that the database did not make: types and plain defaults as they would be told."""
    columns = []
    for each in table.columns:
        default = each.default
        if isinstance(default, Constant):
            default = SQL(_cast(COMPILER.default(default, each.type), each.type))
        columns.append(replace(each, type=_guessed(each.type), default=default))
    return replace(table, columns=tuple(columns))


def _cast(literal: str, of: ColumnType) -> str:
    """A literal with the type that it has in a default: ``'a'::character varying``."""
    if literal.startswith("'") and literal.endswith("'"):
        return f"{literal}::{_spelled(of).partition('(')[0]}"
    is_negative = literal.startswith("-") and literal[1:].isdigit()
    return f"'{literal}'::integer" if is_negative else literal


def _guessed(of: ColumnType) -> ColumnType:
    if isinstance(of, EnumType) and COMPILER.has_type_of(of):
        return native(of)
    if isinstance(of, Type) and (item := dict(of.kwargs).get("item_type")):
        return array_of(_guessed(item))
    spelled = _spelled(of)
    return known_type(f"{spelled}(1)" if spelled == "character" else spelled) or of


def _spelled(of: ColumnType) -> str:
    """A type in the words of ``format_type``."""
    if isinstance(of, EnumType) and COMPILER.has_type_of(of):
        return COMPILER.type(of)
    spelled = COMPILER.bare_type(of).lower().replace(", ", ",")
    word = spelled.partition("(")[0]
    return spelled.replace(word, _ALIASES.get(word, word), 1)
