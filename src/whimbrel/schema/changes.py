"""The changes: the closed set of what can differ between two schemas.

Each is a function on schemas too (`Change.apply`). An engine makes steps of changes; whoever needs
the table as it stands between two of them (a rebuild) folds `apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from whimbrel.schema.domains import name_of, replace_domains
from whimbrel.schema.table import (
    Column,
    Constraint,
    Index,
    Name,
    Schema,
    Sequence,
    Table,
)
from whimbrel.schema.types import ColumnType, EnumType, Type, replace_enums


@dataclass(frozen=True, slots=True)
class Change:
    """A difference that is to be made in the database, and is a function on schemas."""

    def apply(self, schema: Schema) -> Schema:
        """Return the schema after the change."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class CreateSchema(Change):
    name: str

    def apply(self, schema: Schema) -> Schema:
        return replace(schema, schemas=schema.schemas | {self.name})


@dataclass(frozen=True, slots=True)
class DropSchema(Change):
    name: str

    def apply(self, schema: Schema) -> Schema:
        return replace(schema, schemas=schema.schemas - {self.name})


@dataclass(frozen=True, slots=True)
class CreateEnum(Change):
    enum: EnumType

    def apply(self, schema: Schema) -> Schema:
        return replace(schema, enums={**schema.enums, self.enum.at: self.enum})


@dataclass(frozen=True, slots=True)
class DropEnum(Change):
    enum: EnumType

    def apply(self, schema: Schema) -> Schema:
        return replace(schema, enums=_without(schema.enums, self.enum.at))


@dataclass(frozen=True, slots=True)
class AlterEnum(Change):
    """Another name or schema, other values, or all of it. Columns of the type follow by themselves.

    unproven: see `AddColumn`.
    """

    old: EnumType
    new: EnumType
    unproven: bool = False

    def apply(self, schema: Schema) -> Schema:
        # Equal columns are exchanged too: two labels that swapped identities differ in nothing else.
        rest, by = _without(schema.enums, self.old.at), {self.old: self.new}
        tables = _with_types(schema, lambda of: replace_enums(of, by), self.old)
        return replace(schema, enums={**rest, self.new.at: self.new}, tables=tables)


@dataclass(frozen=True, slots=True)
class CreateDomain(Change):
    domain: Type

    def apply(self, schema: Schema) -> Schema:
        return replace(schema, domains={**schema.domains, name_of(self.domain): self.domain})


@dataclass(frozen=True, slots=True)
class DropDomain(Change):
    domain: Type

    def apply(self, schema: Schema) -> Schema:
        return replace(schema, domains=_without(schema.domains, name_of(self.domain)))


@dataclass(frozen=True, slots=True)
class AlterDomain(Change):
    """Another definition under the same name. Columns of the type follow by themselves."""

    old: Type
    new: Type

    def apply(self, schema: Schema) -> Schema:
        by = {self.old: self.new}
        domains = {**schema.domains, name_of(self.new): self.new}
        tables = _with_types(schema, lambda of: replace_domains(of, by), self.old)
        return replace(schema, domains=domains, tables=tables)


@dataclass(frozen=True, slots=True)
class CreateSequence(Change):
    sequence: Sequence

    def apply(self, schema: Schema) -> Schema:
        at = self.sequence.at
        return replace(schema, sequences={**schema.sequences, at: self.sequence})


@dataclass(frozen=True, slots=True)
class DropSequence(Change):
    sequence: Sequence

    def apply(self, schema: Schema) -> Schema:
        return replace(schema, sequences=_without(schema.sequences, self.sequence.at))


@dataclass(frozen=True, slots=True)
class AlterSequence(Change):
    old: Sequence
    new: Sequence

    def apply(self, schema: Schema) -> Schema:
        rest = _without(schema.sequences, self.old.at)
        return replace(schema, sequences={**rest, self.new.at: self.new})


@dataclass(frozen=True, slots=True)
class CreateTable(Change):
    """With its constraints and indexes, but for foreign keys whose target comes later."""

    table: Table

    def apply(self, schema: Schema) -> Schema:
        return _with_table(schema, self.table)


@dataclass(frozen=True, slots=True)
class DropTable(Change):
    table: Table

    def apply(self, schema: Schema) -> Schema:
        return replace(schema, tables=_without(schema.tables, self.table.at))


@dataclass(frozen=True, slots=True)
class RenameTable(Change):
    """Another name, another schema, or both."""

    old: Name
    new: Name

    def apply(self, schema: Schema) -> Schema:
        moved = replace(schema.tables[self.old], schema=self.new.schema, name=self.new.name)
        tables = {**_without(schema.tables, self.old), self.new: moved}
        return _follow_targets(schema, tables, {self.old: self.new}, {})


@dataclass(frozen=True, slots=True)
class AlterTable(Change):
    """Another comment or other dialect options; ``old`` and ``new`` differ in nothing else."""

    old: Table
    new: Table

    def apply(self, schema: Schema) -> Schema:
        table, new = schema.tables[self.new.at], self.new
        return _with_table(schema, replace(table, comment=new.comment, options=new.options))


@dataclass(frozen=True, slots=True)
class TableChange(Change):
    """A change of something in the table of that name."""

    table: Name

    def apply(self, schema: Schema) -> Schema:
        return _with_table(schema, self.alter(schema.tables[self.table]))

    def alter(self, table: Table) -> Table:
        """Return the table after the change."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class AddColumn(TableChange):
    """At the end of the table: the order of columns is no part of a schema.

    unproven: the labels of an enum that is no type of its own are looked at by `ValidateLabels`.
    """

    column: Column
    unproven: bool = False

    def alter(self, table: Table) -> Table:
        return replace(table, columns=(*table.columns, self.column))


@dataclass(frozen=True, slots=True)
class DropColumn(TableChange):
    column: Column

    def alter(self, table: Table) -> Table:
        return table.with_column(self.column.name, None)


@dataclass(frozen=True, slots=True)
class RenameColumn(TableChange):
    """Constraints, indexes and expressions that mention the column follow by themselves."""

    old: str
    new: str

    def apply(self, schema: Schema) -> Schema:
        names = {self.old: self.new}
        schema = _with_table(schema, schema.tables[self.table].rename_columns(names))
        return _follow_targets(schema, schema.tables, {}, {self.table: names})


@dataclass(frozen=True, slots=True)
class AlterColumn(TableChange):
    """Anything but the name. unproven: see `AddColumn`."""

    old: Column
    new: Column
    unproven: bool = False

    def alter(self, table: Table) -> Table:
        return table.with_column(self.old.name, self.new)


@dataclass(frozen=True, slots=True)
class AddConstraint(TableChange):
    """alone: in a transaction of its own, since it locks more than one table.

    using_index: the unique index of the table that becomes the constraint's own. by_partition: the
    table is a parent of partitions, each of which has it first.
    """

    constraint: Constraint
    alone: bool = False
    using_index: Index | None = None
    by_partition: bool = False

    def alter(self, table: Table) -> Table:
        if self.using_index is not None:
            table = _replace_index(table, self.using_index, None)
        return replace(table, constraints=(*table.constraints, self.constraint))


@dataclass(frozen=True, slots=True)
class DropConstraint(TableChange):
    """alone: see `AddConstraint`."""

    constraint: Constraint
    alone: bool = False

    def alter(self, table: Table) -> Table:
        return _replace_constraint(table, self.constraint, None)


@dataclass(frozen=True, slots=True)
class RenameConstraint(TableChange):
    old: Constraint
    new: Constraint

    def alter(self, table: Table) -> Table:
        return _replace_constraint(table, self.old, self.new)


@dataclass(frozen=True, slots=True)
class AddIndex(TableChange):
    """concurrently: writers do not wait while it is built, and no transaction holds it.

    On a parent of partitions: on one partition after the other.
    """

    index: Index
    concurrently: bool = False

    def alter(self, table: Table) -> Table:
        return replace(table, indexes=(*table.indexes, self.index))


@dataclass(frozen=True, slots=True)
class DropIndex(TableChange):
    """concurrently: see `AddIndex`."""

    index: Index
    concurrently: bool = False

    def alter(self, table: Table) -> Table:
        return _replace_index(table, self.index, None)


@dataclass(frozen=True, slots=True)
class RenameIndex(TableChange):
    old: Index
    new: Index

    def alter(self, table: Table) -> Table:
        return _replace_index(table, self.old, self.new)


# -- finer changes: an engine makes them of those above (`Engine.refine`), the differ never ----


@dataclass(frozen=True, slots=True)
class ValidateConstraint(TableChange):
    """A constraint that was added ``not_valid`` holds for all rows. constraint: as it is then."""

    constraint: Constraint

    def alter(self, table: Table) -> Table:
        return _replace_constraint(table, self.constraint, self.constraint)


@dataclass(frozen=True, slots=True)
class ValidateLabels(TableChange):
    """All rows have labels of the column's enum, which is no type of its own. No schema differs."""

    column: Column

    def alter(self, table: Table) -> Table:
        return table


@dataclass(frozen=True, slots=True)
class FillColumn(TableChange):
    """Rows without a value get what the column says (``fill``). No schema differs."""

    column: Column

    def alter(self, table: Table) -> Table:
        return table


@dataclass(frozen=True, slots=True)
class AddNotNull(TableChange):
    """Rows to come have a value; those that are there may have none until `ValidateNotNull`."""

    column: Column

    def alter(self, table: Table) -> Table:
        return table.with_column(self.column.name, self.column)


@dataclass(frozen=True, slots=True)
class ValidateNotNull(TableChange):
    """All rows have a value, after `AddNotNull`. No schema differs."""

    column: Column

    def alter(self, table: Table) -> Table:
        return table


@dataclass(frozen=True, slots=True)
class SetNotNull(TableChange):
    """All rows have a value. is_proven: a constraint says so already, and no row is looked at."""

    column: Column
    is_proven: bool = False

    def alter(self, table: Table) -> Table:
        return table.with_column(self.column.name, self.column)


# -- schemas after changes -------------------------------------------------------------------


def apply_all(schema: Schema, changes: Iterable[Change]) -> Schema:
    """The schema after the changes, in their order."""
    for change in changes:
        schema = change.apply(schema)
    return schema


def _with_types(
    schema: Schema, by: Callable[[ColumnType], ColumnType], old: ColumnType
) -> dict[Name, Table]:
    """Return the tables, those that use an enum type or a domain with the types of columns replaced."""

    def exchange(table: Table) -> Table:
        if old not in (*table.enums, *table.domains):
            return table
        columns = (replace(each, type=by(each.type)) for each in table.columns)
        return replace(table, columns=tuple(columns))

    return {at: exchange(table) for at, table in schema.tables.items()}


def _follow_targets(
    schema: Schema,
    tables: Mapping[Name, Table],
    moved: Mapping[Name, Name],
    names: Mapping[Name, Mapping[str, str]],
) -> Schema:
    followed = {at: table.follow_targets(moved, names) for at, table in tables.items()}
    return replace(schema, tables=followed)


def _replace_constraint(table: Table, old: Constraint, new: Constraint | None) -> Table:
    def is_it(each: Constraint) -> bool:
        return each.name == old.name if old.name else each == old

    exchanged = (new if is_it(each) else each for each in table.constraints)
    return replace(table, constraints=tuple(each for each in exchanged if each is not None))


def _replace_index(table: Table, old: Index, new: Index | None) -> Table:
    exchanged = (new if each.name == old.name else each for each in table.indexes)
    return replace(table, indexes=tuple(each for each in exchanged if each is not None))


V = TypeVar("V")


def _without(mapping: Mapping[Name, V], at: Name) -> dict[Name, V]:
    return {key: value for key, value in mapping.items() if key != at}


def _with_table(schema: Schema, table: Table) -> Schema:
    return replace(schema, tables={**schema.tables, table.at: table})
