"""Live tables under the names of the models that they become."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from whimbrel.schema.table import Column, ForeignKey, Name, Table
from whimbrel.schema.types import ColumnType
from whimbrel.sources.live.field_inference import same_type
from whimbrel.sources.live.names import class_name, field_name
from whimbrel.state.fields.relations import ForeignKey as ForeignKeyField
from whimbrel.state.lowering import tables_of
from whimbrel.state.model import Model
from whimbrel.state.state import State


@dataclass(frozen=True)
class LiveTable:
    """A table and the model that it is, or is to be. ``fields``: names of fields by column.

    ``keys``: by column, the foreign keys that are fields. ``pointed``: by column, the type of a key
    that points at it, where that is not the column's own (SQLite's INTEGER PRIMARY KEY).
    """

    table: Table
    app: str
    name: str
    fields: Mapping[str, str]
    keys: Mapping[str, ForeignKey] = field(default_factory=dict)
    pointed: Mapping[str, ColumnType] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.app}.{self.name}"

    def names_of(self, columns: Iterable[str]) -> list[str]:
        """The fields of columns."""
        return [self.fields[column] for column in columns]

    def is_key(self, columns: Collection[str]) -> bool:
        """True if these columns are the primary key."""
        key = self.table.primary_key
        return key is not None and key.columns == tuple(columns)


LiveTables = Mapping[Name, LiveTable]


def as_live_tables(
    tables: Iterable[Table], app: str, onto: State, known: LiveTables
) -> dict[Name, LiveTable]:
    """Return the live tables that become models of an app, beside those that are known."""
    tables = list(tables)
    there = {at: place.table for at, place in known.items()} | {each.at: each for each in tables}
    taken = {model.name.lower() for model in onto.of_app(app)}
    found: dict[Name, LiveTable] = {}
    for table in tables:
        name = class_name(table.name, app, taken, table.schema)
        taken.add(name.lower())
        keys = keys_of_fields(table, there)
        found[table.at] = LiveTable(table, app, name, fields_of(table, keys), keys)
    return found


def fields_of(
    table: Table, keys: Mapping[str, ForeignKey], taken: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The names of fields for the columns of a table, after those that are taken already."""
    found = dict(taken or {})
    used = set(found.values())
    # A key takes "author" and "author_id"; a plain column of such a name goes before it.
    for column in sorted(table.columns, key=lambda column: column.name in keys):
        if column.name in found:
            continue
        points = column.name in keys
        others = used | {each.name for each in table.columns if points and each is not column}
        name = field_name(column.name, points, others if points else used)
        found[column.name] = name
        used |= {name, f"{name}_id"} if points else {name}
    return {column.name: found[column.name] for column in table.columns}


def keys_of_fields(table: Table, there: Mapping[Name, Table]) -> dict[str, ForeignKey]:
    """By column, the first foreign key that a field can say: of it alone, to a table that is there."""
    columns = {column.name: column for column in table.columns}
    found: dict[str, ForeignKey] = {}
    for key in table.foreign_keys:
        alone = len(key.columns) == 1 and key.target in there
        if alone and _can_be_a_field(key, columns[key.columns[0]]):
            found.setdefault(key.columns[0], key)
    return found


def _can_be_a_field(key: ForeignKey, column: Column) -> bool:
    """A field cannot set what cannot be null to NULL; a constraint of the model can."""
    if key.on_delete == "SET NULL" and not column.null:
        return False
    if key.on_delete == "SET DEFAULT" and column.default is None:
        return False
    return column.computed is None


def tables_of_models(state: State, live: Mapping[Name, Table]) -> dict[Name, LiveTable]:
    """The places of the models that there are, with the tables that they have in the database.

    Of a model whose table is not there, the table that it asks for.
    """
    return {each.table.at: each for each in (_place(state, model, live) for model in state)}


def _place(state: State, model: Model, live: Mapping[Name, Table]) -> LiveTable:
    at = model.at
    asked = next((table for table in tables_of(state, model) if table.at == at), None)
    fields = {
        each.field.column_name(each.name): each.name
        for each in model.fields
        if each.field.has_column
    }
    pointed = {
        each.field.column_name(each.name): each.field.column_type()
        for each in model.fields
        if each.field.has_column and not isinstance(each.field, ForeignKeyField)
    }
    table = live.get(at) or asked or Table(at.name, (), schema=at.schema)
    return LiveTable(table, model.app, model.name, fields, pointed=pointed)


def follows(table: Table, column: str, there: Mapping[Name, LiveTable], dialect: str) -> bool:
    """True if a foreign key's column has its target's type, and the way there is no circle."""
    seen: set[tuple[Name, str]] = set()
    here: tuple[Name, str] | None = (table.at, column)
    of = table.column(column).type
    while here is not None:
        if here in seen:
            return False
        seen.add(here)
        place = there.get(here[0])
        key = place.keys.get(here[1]) if place is not None else None
        here = (key.target, key.target_columns[0]) if key is not None else None
        if here is None or len(seen) > 1:
            continue
        target = there[here[0]]
        pointed = target.pointed.get(here[1]) or target.table.column(here[1]).type
        if not same_type(pointed, of, dialect):
            return False
    return True
