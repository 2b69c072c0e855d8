"""Fresh models of live tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from whimbrel.schema.expressions import SQL
from whimbrel.schema.order import by_dependency
from whimbrel.schema.table import (
    Check,
    Column,
    Constraint,
    Identity,
    Index,
    Schema,
    Unique,
)
from whimbrel.sources.live.constraints import is_plain_index, is_plain_unique, key_field, with_parts
from whimbrel.sources.live.field_inference import field_of, is_number
from whimbrel.sources.live.tables import LiveTable, LiveTables, as_live_tables, tables_of_models
from whimbrel.state import naming
from whimbrel.state.fields.base import Field
from whimbrel.state.options import schema_beside
from whimbrel.state.state import State


def models_of(live: Schema, app: str, *, dialect: str, onto: State | None = None) -> State:
    """The state that has a model of an app for each live table, after those of ``onto``.

    Lowered again it is the same schema, as far as a database of this dialect can tell. Names
    that come out by themselves are not given. A foreign key to a table that is neither in
    ``live`` nor a model of ``onto`` is left out: its column is a plain one.
    """
    state = onto if onto is not None else State()
    known = tables_of_models(state, live.tables)
    tables = [table for table in live.tables.values() if table.at not in known]
    places = as_live_tables(tables, app, state, known)
    return with_models_of(state, places, {**known, **places}, live, dialect)


def with_models_of(
    state: State, places: LiveTables, there: LiveTables, live: Schema, dialect: str
) -> State:
    """The state with a model for each of these places. ``there``: all that keys may point at."""
    for table in by_dependency(place.table for place in places.values())[0]:
        state = _Reading(places[table.at], there, live, dialect).onto(state)
    return state


class _Reading:
    """One table on its way to a model. ``left``: the parts of it that no field says."""

    def __init__(self, place: LiveTable, there: LiveTables, live: Schema, dialect: str) -> None:
        self.place, self.there, self.live, self.dialect = place, there, live, dialect
        self.table = place.table
        self.left: list[Constraint | Index] = [*self.table.constraints, *self.table.indexes]

    def onto(self, state: State) -> State:
        bare = state.with_new_model(self.place.app, self.place.name, ())
        self.key = bare.model(self.place.label).key
        options = dict(self._options())
        fields = [self._field(column) for column in self.table.columns]
        state = state.with_new_model(self.place.app, self.place.name, fields, options)
        model = with_parts(state.model(self.place.label), self.place, self.left, self.there)
        return state.with_models(model)

    # -- the table

    def _options(self) -> Iterator[tuple[str, Any]]:
        table = self.table
        if table.name != naming.table_name(self.place.app, self.place.name) or "." in table.name:
            yield "db_table", table.name
        schema = schema_beside(table.name, table.schema)
        if schema is not None:
            yield "schema", schema
        if table.comment:
            yield "db_table_comment", table.comment
        if table.options:
            yield "dialect", dict(table.options)
        key = self.table.primary_key
        if key and key.name in ("", self._name((), "pk")):  # else a constraint has to name it
            self.left.remove(key)
            if len(key.columns) > 1:
                yield "primary_key", self.place.names_of(key.columns)
        together = [self.place.names_of(each.columns) for each in self._together()]
        if together:
            yield "unique_together", together

    def _together(self) -> Iterator[Unique]:
        for each in list(self.left):
            if not isinstance(each, Unique) or each != Unique(each.name, each.columns):
                continue
            if each.name == self._name(self.place.names_of(each.columns), "together"):
                self.left.remove(each)
                yield each

    def _name(self, fields: Iterable[str], kind: str) -> str:
        """Return the name that an item of a field has by itself."""
        return naming.item_name(self.key, [f"{self.key}.{each}" for each in fields], kind)

    # -- fields

    def _field(self, column: Column) -> tuple[str, Field]:
        name = self.place.fields[column.name]
        key = self.place.keys.get(column.name)
        options = self._flags(column, name)
        if key is not None:
            self.left.remove(key)
            named = key.name not in ("", self._name([name], "fk"))
            said = {**options, **({"db_constraint": key.name} if named else {})}
            return name, key_field(self.place, column, key, self.there, self.dialect, **said)
        if column.name != name:
            options["db_column"] = column.name
        positive = self._positive(column, name)
        type_name = naming.type_name(f"{self.key}.{name}")
        field = field_of(
            self._counting(column), self.dialect, positive=positive, type_name=type_name, **options
        )
        return name, field

    def _flags(self, column: Column, name: str) -> dict[str, Any]:
        alone = self.place.is_key([column.name])
        uniques = (each for each in self.left if is_plain_unique(each, column.name))
        indexes = (each for each in self.left if is_plain_index(each, column.name))
        unique = not alone and self._take(uniques, self._name([name], "uniq"))
        index = not (alone or unique) and self._take(indexes, self._name([name], "idx"))
        said = {"primary_key": alone, "unique": unique, "db_index": index}
        return {option: True for option, value in said.items() if value}

    def _take(self, parts: Iterable[Constraint | Index], name: str) -> bool:
        """True if one of the parts is called this, or has no name: it is the field's then."""
        found = next((each for each in parts if each.name in ("", name)), None)
        if found is not None:
            self.left.remove(found)
        return found is not None

    def _positive(self, column: Column, name: str) -> bool:
        if column.computed or column.generated or not is_number(column.type, self.dialect):
            return False
        checks = (
            each for each in self.left if isinstance(each, Check) and _is_positive(each, column)
        )
        named = self._name([name], "check")
        return self._take((each for each in checks if each.name == named), named)

    def _counting(self, column: Column) -> Column:
        """A counting key of SQLite's in the size of the keys that point at it."""
        if self.dialect != "sqlite" or not isinstance(column.generated, Identity):
            return column
        pointing = (
            place.table.column(name)
            for place in self.there.values()
            for name, key in place.keys.items()
            if key.target == self.table.at and key.target_columns == (column.name,)
        )
        return next((replace(column, type=other.type) for other in pointing), column)


def _is_positive(check: Check, column: Column) -> bool:
    said = check.expression
    if not isinstance(said, SQL):
        return repr(said) == f"Q({column.name}__gte=0)"
    return re.sub(r"[()\"\s]", "", said.text) == f"{column.name}>=0"
