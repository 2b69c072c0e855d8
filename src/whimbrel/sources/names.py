"""Names for the tables and columns of others: models and fields."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from whimbrel.errors import ModelError


@dataclass(frozen=True)
class NamedTable:
    """A table under its model's name.

    fields: the names of its fields, by column. names_of: the dialect whose limits names have.
    """

    table: sa.Table
    app: str
    name: str
    place: str
    fields: dict[sa.Column[Any], str] = field(default_factory=dict)
    names_of: str = "postgresql"

    @property
    def label(self) -> str:
        return f"{self.app}.{self.name}"

    def field(self, column: Any) -> str:
        """The field of a column, which is given by itself or by its key."""
        return self.fields[self.table.columns[column] if isinstance(column, str) else column]

    def error(self, message: str, hint: str | None = None) -> ModelError:
        return ModelError(f"{self.label}: {message}", place=self.place, hint=hint)


def mappers_of(metadata: sa.MetaData) -> dict[sa.Table, list[orm.Mapper[Any]]]:
    """The mappers of the tables of a metadata, those of base classes first."""
    found: dict[sa.Table, list[orm.Mapper[Any]]] = {}
    # A metadata does not know the classes that are made of its tables: every mapper is looked at.
    registries: Iterable[orm.registry] = sys.modules[orm.Mapper.__module__]._all_registries()
    for mapper in chain.from_iterable(each.mappers for each in registries):
        table = mapper.local_table
        if isinstance(table, sa.Table) and table.metadata is metadata:
            found.setdefault(table, []).append(mapper)
    for mappers in found.values():
        mappers.sort(
            key=lambda mapper: (
                sum(1 for _ in mapper.iterate_to_root()),
                mapper.class_.__qualname__,
            )
        )
    return found


def fields_of(table: sa.Table, mappers: list[orm.Mapper[Any]]) -> dict[sa.Column[Any], str]:
    """The names of a table's fields: the attributes of its classes, else the columns' keys."""
    names: dict[sa.Column[Any], str] = {}
    taken: set[str] = set()
    for column in table.columns:
        name = identifier(_attribute(column, mappers) or str(column.key))
        while name in taken:
            name += "_"
        taken.add(name)
        names[column] = name
    return names


def _attribute(column: sa.Column[Any], mappers: list[orm.Mapper[Any]]) -> str | None:
    for mapper in mappers:
        try:
            return mapper.get_property_by_column(column).key
        except orm.exc.UnmappedColumnError:
            continue
    return None


def identifier(name: str) -> str:
    """A name that Python takes for a variable's."""
    plain = re.sub(r"\W", "_", name) or "_"
    return f"_{plain}" if plain[0].isdigit() else plain


def _own_name(table: sa.Table) -> str:
    return str(table.name)


def _name_with_schema(table: sa.Table) -> str:
    return f"{table.schema}_{table.name}" if table.schema else _own_name(table)


def model_names(
    tables: Iterable[sa.Table], mappers: dict[sa.Table, list[orm.Mapper[Any]]]
) -> dict[sa.Table, str]:
    """A name for each table: its class's, its own, with the schema, with a number; each once."""

    def class_name(table: sa.Table) -> str:
        return mappers[table][0].class_.__name__ if table in mappers else _own_name(table)

    names = dict.fromkeys(tables, "")
    open_tables = list(names)
    for name_of in (class_name, _own_name, _name_with_schema):
        for table in open_tables:
            names[table] = identifier(name_of(table))
        count = Counter(name.lower() for name in names.values())
        open_tables = [table for table in open_tables if count[names[table].lower()] > 1]
    for number, table in enumerate(open_tables[1:], start=2):
        names[table] = f"{names[table]}_{number}"
    return names
