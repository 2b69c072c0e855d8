"""The changes: the closed set of what can differ between two schemas, and each as a function.

`apply` carries a change out on a value. An engine makes steps of changes; whoever needs the
table as it stands between two of them (a rebuild) folds `apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import TypeVar

from whimbrel.schema.domains import name_of, replace_domains
from whimbrel.schema.table import Column, Constraint, Index, Name, Schema, Sequence, Table
from whimbrel.schema.types import EnumType, Type, replace_enums


@dataclass(frozen=True, slots=True)
class Change:
    """What must differ in the database."""


@dataclass(frozen=True, slots=True)
class CreateSchema(Change):
    name: str


@dataclass(frozen=True, slots=True)
class DropSchema(Change):
    name: str


@dataclass(frozen=True, slots=True)
class CreateEnum(Change):
    enum: EnumType


@dataclass(frozen=True, slots=True)
class DropEnum(Change):
    enum: EnumType


@dataclass(frozen=True, slots=True)
class AlterEnum(Change):
    """Another name or schema, other values, or all of it. Columns of the type follow by themselves."""

    old: EnumType
    new: EnumType


@dataclass(frozen=True, slots=True)
class CreateDomain(Change):
    domain: Type


@dataclass(frozen=True, slots=True)
class DropDomain(Change):
    domain: Type


@dataclass(frozen=True, slots=True)
class AlterDomain(Change):
    """What a domain says, under the same name. Columns of the type follow by themselves."""

    old: Type
    new: Type


@dataclass(frozen=True, slots=True)
class CreateSequence(Change):
    sequence: Sequence


@dataclass(frozen=True, slots=True)
class DropSequence(Change):
    sequence: Sequence


@dataclass(frozen=True, slots=True)
class AlterSequence(Change):
    old: Sequence
    new: Sequence


@dataclass(frozen=True, slots=True)
class CreateTable(Change):
    """With its constraints and indexes, but for foreign keys whose target comes later."""

    table: Table


@dataclass(frozen=True, slots=True)
class DropTable(Change):
    table: Table


@dataclass(frozen=True, slots=True)
class RenameTable(Change):
    """Another name, another schema, or both."""

    old: Name
    new: Name


@dataclass(frozen=True, slots=True)
class AlterTable(Change):
    """Another comment or other dialect options; ``old`` and ``new`` differ in nothing else."""

    old: Table
    new: Table


@dataclass(frozen=True, slots=True)
class TableChange(Change):
    """A change of something in the table of that name."""

    table: Name


@dataclass(frozen=True, slots=True)
class AddColumn(TableChange):
    """At the end of the table: the order of columns is no part of a schema."""

    column: Column


@dataclass(frozen=True, slots=True)
class DropColumn(TableChange):
    column: Column


@dataclass(frozen=True, slots=True)
class RenameColumn(TableChange):
    """What is made of the column (constraints, indexes, expressions) follows by itself."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class AlterColumn(TableChange):
    """Anything but the name."""

    old: Column
    new: Column


@dataclass(frozen=True, slots=True)
class AddConstraint(TableChange):
    constraint: Constraint


@dataclass(frozen=True, slots=True)
class DropConstraint(TableChange):
    constraint: Constraint


@dataclass(frozen=True, slots=True)
class RenameConstraint(TableChange):
    old: Constraint
    new: Constraint


@dataclass(frozen=True, slots=True)
class AddIndex(TableChange):
    index: Index


@dataclass(frozen=True, slots=True)
class DropIndex(TableChange):
    index: Index


@dataclass(frozen=True, slots=True)
class RenameIndex(TableChange):
    old: Index
    new: Index


# -- changes as functions --------------------------------------------------------------------


def apply_all(schema: Schema, changes: Iterable[Change]) -> Schema:
    """The schema after the changes, in their order."""
    for change in changes:
        schema = apply(change, schema)
    return schema


@singledispatch
def apply(change: Change, schema: Schema) -> Schema:
    """The schema after one change."""
    raise TypeError(f"no such change: {change!r}")


@apply.register
def _(change: CreateSchema, schema: Schema) -> Schema:
    return replace(schema, schemas=schema.schemas | {change.name})


@apply.register
def _(change: DropSchema, schema: Schema) -> Schema:
    return replace(schema, schemas=schema.schemas - {change.name})


@apply.register
def _(change: CreateEnum, schema: Schema) -> Schema:
    return replace(schema, enums={**schema.enums, change.enum.at: change.enum})


@apply.register
def _(change: DropEnum, schema: Schema) -> Schema:
    return replace(schema, enums=_without(schema.enums, change.enum.at))


@apply.register
def _(change: AlterEnum, schema: Schema) -> Schema:
    rest = _without(schema.enums, change.old.at)
    by = {change.old: change.new}

    def exchanged(table: Table) -> Table:
        # Equal columns are exchanged too: two labels that swapped identities differ in nothing else.
        if change.old not in table.enums:
            return table
        columns = tuple(
            replace(column, type=replace_enums(column.type, by)) for column in table.columns
        )
        return replace(table, columns=columns)

    return replace(
        schema,
        enums={**rest, change.new.at: change.new},
        tables={at: exchanged(table) for at, table in schema.tables.items()},
    )


@apply.register
def _(change: CreateDomain, schema: Schema) -> Schema:
    return replace(schema, domains={**schema.domains, name_of(change.domain): change.domain})


@apply.register
def _(change: DropDomain, schema: Schema) -> Schema:
    return replace(schema, domains=_without(schema.domains, name_of(change.domain)))


@apply.register
def _(change: AlterDomain, schema: Schema) -> Schema:
    by = {change.old: change.new}

    def exchanged(table: Table) -> Table:
        if change.old not in table.domains:
            return table
        columns = (replace(each, type=replace_domains(each.type, by)) for each in table.columns)
        return replace(table, columns=tuple(columns))

    return replace(
        schema,
        domains={**schema.domains, name_of(change.new): change.new},
        tables={at: exchanged(table) for at, table in schema.tables.items()},
    )


@apply.register
def _(change: CreateSequence, schema: Schema) -> Schema:
    at = change.sequence.at
    return replace(schema, sequences={**schema.sequences, at: change.sequence})


@apply.register
def _(change: DropSequence, schema: Schema) -> Schema:
    return replace(
        schema,
        sequences=_without(schema.sequences, change.sequence.at),
    )


@apply.register
def _(change: AlterSequence, schema: Schema) -> Schema:
    rest = _without(schema.sequences, change.old.at)
    return replace(schema, sequences={**rest, change.new.at: change.new})


@apply.register
def _(change: CreateTable, schema: Schema) -> Schema:
    return _with_table(schema, change.table)


@apply.register
def _(change: DropTable, schema: Schema) -> Schema:
    return replace(schema, tables=_without(schema.tables, change.table.at))


@apply.register
def _(change: RenameTable, schema: Schema) -> Schema:
    moved = replace(schema.tables[change.old], schema=change.new.schema, name=change.new.name)
    tables = {**_without(schema.tables, change.old), change.new: moved}
    return _with_targets_followed(schema, tables, {change.old: change.new}, {})


@apply.register
def _(change: AlterTable, schema: Schema) -> Schema:
    table = schema.tables[change.new.at]
    return _with_table(
        schema, replace(table, comment=change.new.comment, options=change.new.options)
    )


@apply.register
def _(change: AddColumn, schema: Schema) -> Schema:
    return _altered(
        schema, change.table, lambda table: replace(table, columns=(*table.columns, change.column))
    )


@apply.register
def _(change: DropColumn, schema: Schema) -> Schema:
    return _altered(schema, change.table, lambda table: table.with_column(change.column.name, None))


@apply.register
def _(change: RenameColumn, schema: Schema) -> Schema:
    names = {change.old: change.new}
    schema = _altered(schema, change.table, lambda table: table.rename_columns(names))
    return _with_targets_followed(schema, schema.tables, {}, {change.table: names})


def _with_targets_followed(
    schema: Schema,
    tables: Mapping[Name, Table],
    moved: Mapping[Name, Name],
    names: Mapping[Name, Mapping[str, str]],
) -> Schema:
    followed = {at: table.follow_targets(moved, names) for at, table in tables.items()}
    return replace(schema, tables=followed)


@apply.register
def _(change: AlterColumn, schema: Schema) -> Schema:
    return _altered(
        schema, change.table, lambda table: table.with_column(change.old.name, change.new)
    )


@apply.register
def _(change: AddConstraint, schema: Schema) -> Schema:
    return _altered(
        schema,
        change.table,
        lambda table: replace(table, constraints=(*table.constraints, change.constraint)),
    )


@apply.register
def _(change: DropConstraint, schema: Schema) -> Schema:
    return _altered(schema, change.table, lambda table: _constraint(table, change.constraint, None))


@apply.register
def _(change: RenameConstraint, schema: Schema) -> Schema:
    return _altered(schema, change.table, lambda table: _constraint(table, change.old, change.new))


def _constraint(table: Table, old: Constraint, new: Constraint | None) -> Table:
    def is_it(each: Constraint) -> bool:
        return each.name == old.name if old.name else each == old

    exchanged = (new if is_it(each) else each for each in table.constraints)
    return replace(table, constraints=tuple(each for each in exchanged if each is not None))


@apply.register
def _(change: AddIndex, schema: Schema) -> Schema:
    return _altered(
        schema, change.table, lambda table: replace(table, indexes=(*table.indexes, change.index))
    )


@apply.register
def _(change: DropIndex, schema: Schema) -> Schema:
    return _altered(schema, change.table, lambda table: _index(table, change.index, None))


@apply.register
def _(change: RenameIndex, schema: Schema) -> Schema:
    return _altered(schema, change.table, lambda table: _index(table, change.old, change.new))


def _index(table: Table, old: Index, new: Index | None) -> Table:
    exchanged = (new if each.name == old.name else each for each in table.indexes)
    return replace(table, indexes=tuple(each for each in exchanged if each is not None))


V = TypeVar("V")


def _without(mapping: Mapping[Name, V], at: Name) -> dict[Name, V]:
    return {key: value for key, value in mapping.items() if key != at}


def _with_table(schema: Schema, table: Table) -> Schema:
    return replace(schema, tables={**schema.tables, table.at: table})


def _altered(schema: Schema, at: Name, by: Callable[[Table], Table]) -> Schema:
    return _with_table(schema, by(schema.tables[at]))
