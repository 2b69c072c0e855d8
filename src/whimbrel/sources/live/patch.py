"""A state with what differs taken from the live database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from whimbrel.schema.table import (
    Column,
    Constraint,
    Identity,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Table,
)
from whimbrel.sources.live.constraints import beside_others, key_field, with_parts
from whimbrel.sources.live.field_inference import field_of
from whimbrel.sources.live.field_patch import patch_field, without_check
from whimbrel.sources.live.fresh import with_models_of
from whimbrel.sources.live.tables import (
    LiveTable,
    LiveTables,
    as_live_tables,
    fields_of,
    keys_of_fields,
    tables_of_models,
)
from whimbrel.state.enums import assign_identities
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.relations import ForeignKey as ForeignKeyField
from whimbrel.state.fields.relations import ManyToManyField
from whimbrel.state.lowering import tables_of
from whimbrel.state.model import Model, ModelField
from whimbrel.state.options import NamedItem, PrimaryKeyConstraint
from whimbrel.state.state import State


def patched(
    state: State, expected: Schema, live: Schema, *, dialect: str, apps: Sequence[str] = ()
) -> State:
    """The state with what differs taken from the live database.

    ``expected`` is what the state asks for, spelled as that database spells it. What is equal on
    both sides stays untouched; what is missing in ``live`` is taken out; what only ``live`` has is
    born now. Tables of no model become models of the app whose label their name begins with, else
    of the first of ``apps``, else of the state's first.
    """
    patch = _Patch(state, expected, live, dialect, [*apps, *(model.app for model in state)])
    return with_models_of(patch.models(), patch.new, patch.there, live, dialect)


def _by_app(tables: Iterable[Table], labels: list[str]) -> dict[str, list[Table]]:
    """Tables by the app that they go to: the one with the longest label in their name."""
    longest_first = sorted(dict.fromkeys(labels), key=len, reverse=True)
    found: dict[str, list[Table]] = {}
    for table in tables:
        fitting = (app for app in longest_first if table.name.startswith(f"{app}_"))
        found.setdefault(next(fitting, labels[0] if labels else "main"), []).append(table)
    return found


class _Patch:
    """A state beside what it asks for and what there is.

    made: the state without the models that have no table. between: the identities of the
    many-to-many fields whose own tables are as expected. new: places of tables of no model;
    there: those, and the models that stay, each with the columns that its live table has.
    """

    def __init__(
        self, state: State, expected: Schema, live: Schema, dialect: str, labels: list[str]
    ) -> None:
        self.state, self.expected, self.live, self.dialect = state, expected, live, dialect
        self.made = state
        for model in state:
            if model.options.managed and model.at not in live.tables:
                self.made = self.made.without(model.label)
        self.between = frozenset(self._between())
        known = dict(self._known_tables())
        self.new: dict[Name, LiveTable] = {}
        for app, tables in _by_app(self._unclaimed_tables(), labels).items():
            self.new |= as_live_tables(tables, app, self.made, {**known, **self.new})
        self.there: LiveTables = {**known, **self.new}

    def models(self) -> State:
        """The state with each of its models patched, and without those that have no table."""
        made = self.made
        for model in self.made:
            if model.options.managed:
                new = _ModelPatch(self, model).patched()
                made = made if new is model else made.with_models(new)
        return made

    def _between(self) -> Iterator[str]:
        for model in self.made:
            for table in tables_of(self.state, model):
                live = self.live.tables.get(table.at)
                if live is None or table.key == model.key:
                    continue
                if not _differ(self.expected.tables[table.at], live):
                    yield str(table.key)

    def _unclaimed_tables(self) -> Iterator[Table]:
        """The live tables that belong to no model."""
        claimed = {model.at for model in self.made} | {
            table.at
            for model in self.made
            for table in tables_of(self.state, model)
            if table.key in self.between
        }
        return (table for at, table in self.live.tables.items() if at not in claimed)

    def _known_tables(self) -> Iterator[tuple[Name, LiveTable]]:
        for at, place in tables_of_models(self.state, self.live.tables).items():
            if place.label not in self.made:
                continue
            table, fields = place.table, place.fields
            own = self.made.model(place.label)
            keys = {
                column: key
                for column, key in keys_of_fields(table, self.live.tables).items()
                if column not in fields
                or isinstance(own.field(fields[column]).field, ForeignKeyField)
            }
            pointed = {
                name: of for name, of in place.pointed.items() if self._has_its_type(at, name)
            }
            yield (
                at,
                replace(place, fields=fields_of(table, keys, fields), keys=keys, pointed=pointed),
            )

    def _has_its_type(self, at: Name, column: str) -> bool:
        """True if a column has the type that its model gives it."""
        found = [
            {each.name: each.type for each in schema.tables[at].columns}.get(column)
            for schema in (self.expected, self.live)
            if at in schema.tables
        ]
        return None not in found and len(set(found)) == 1


def _differ(expected: Table, live: Table) -> bool:
    """True if two tables differ, but for names that the database does not have."""
    parts = [*live.constraints, *live.indexes]
    for part in (*expected.constraints, *expected.indexes):
        partner = next((each for each in parts if is_same(part, each)), None)
        if partner is None:
            return True
        parts.remove(partner)
    return bool(parts) or set(expected.columns) != set(live.columns)


def is_same(expected: Constraint | Index, live: Constraint | Index) -> bool:
    """True if two parts are one: equal, or equal but for a name that one of them does not have.

    The database may know none; and what a column's type asks for may have any.
    """
    unnamed = "" in (live.name, expected.name)
    return expected == live or (unnamed and replace(expected, name=live.name) == live)


class _ModelPatch:
    """One model beside its two tables.

    left: the live parts that nothing has claimed. kept: by identity of what was expected, the
    live parts that are so. lost: what was expected and is not there.
    """

    def __init__(self, patch: _Patch, model: Model) -> None:
        self.patch, self.model, self.made, self.there = patch, model, patch.made, patch.there
        self.at = model.at
        self.expected = patch.expected.tables[self.at]
        self.live = patch.live.tables[self.at]
        self.place = self.there[self.at]
        self.left: list[Constraint | Index] = [*self.live.constraints, *self.live.indexes]
        self.lost: dict[str, Constraint | Index] = {}
        self.kept: dict[str, Constraint | Index] = {}
        for part in (*self.expected.constraints, *self.expected.indexes):
            partner = next((each for each in self.left if is_same(part, each)), None)
            if partner is None:
                self.lost[part.key or part.name] = part
            else:
                self.left.remove(partner)
                self.kept[part.key or part.name] = partner

    def patched(self) -> Model:
        """The model; the very same one where nothing differs."""
        model = self._with_fields()
        bases = tuple(base for base in model.bases if base in self.made)
        model = model if bases == model.bases else replace(model, bases=bases)
        model = self._without_lost_parts(model)
        model = self._with_key(model)
        model = self._with_new_fields(model)
        if self.left:
            model = with_parts(model, self.place, self.left, self.there, self._beside_others)
        return self._with_table_options(model)

    def _beside_others(self, name: str, value: Any) -> Any:
        """A part that the database has otherwise: other databases have what they had."""
        options = self.model.options
        lost = (part for part in options.items if part.key in self.lost)
        was = next((part.value for part in lost if part.name == name), None)
        return value if was is None else beside_others(value, was, self.patch.dialect)

    # -- fields

    def _with_fields(self) -> Model:
        model = self.model
        for each in self.model.fields:
            new = self._field(each)
            if new is not each.field:
                kept = None if new is None else each._replace(field=new)
                model = model.with_field(each.name, kept)
        return model

    def _field(self, each: ModelField) -> Field | None:
        field = each.field
        if isinstance(field, ManyToManyField):
            return field if self._has_between(each, field) else None
        column = field.column_name(each.name)
        live = next((c for c in self.live.columns if c.name == column), None)
        if live is None:
            return None
        new = self._column(each, self.expected.column(column), live)
        return self._flags(each, self._pointing(each, new, live))

    def _has_between(self, each: ModelField, field: ManyToManyField) -> bool:
        """True if a many-to-many field has the tables that it needs."""
        if field.to not in self.made:
            return False
        if field.through is not None:
            return field.through in self.made
        return f"{each.key}.through" in self.patch.between

    def _column(self, each: ModelField, expected: Column, live: Column) -> Field:
        if expected == live:
            if each.field.sequence is None:
                return each.field
            found = self.patch.live.sequences.get(each.field.sequence.at)
            same = found == self.patch.expected.sequences.get(each.field.sequence.at)
            return each.field if same else each.field.replace(sequence=found)
        positive = f"{each.key}:check" in self.kept
        return patch_field(each.field, each.key, expected, live, self.patch.dialect, positive)

    def _flags(self, each: ModelField, field: Field) -> Field:
        """Without the parts that the field brings, and the database has not."""
        off = self._off(each) if {f"{each.key}:uniq", f"{each.key}:idx"} & self.lost.keys() else {}
        check = f"{each.key}:check"
        if check in self.lost and field.check("x") is not None:
            field = without_check(field)
        elif check in self.kept and field.check("x") is None:
            self.left.append(self.kept.pop(check))
        return field.replace(**off) if off else field

    def _off(self, each: ModelField) -> dict[str, bool]:
        """Return the options that a field asks for and has not; a unique field that is no more may ask for an index."""
        return {
            option: False
            for option, kind in (("unique", "uniq"), ("db_index", "idx"))
            if getattr(each.field, option) and f"{each.key}:{kind}" not in self.kept
        }

    def _pointing(self, each: ModelField, field: Field, live: Column) -> Field:
        """A foreign key as the database has it; a plain field where its target is gone."""
        if not isinstance(field, ForeignKeyField):
            return field
        changes: dict[str, Any] = {}
        if f"{each.key}:fk" in self.lost:
            changes["db_constraint"] = self._other_name_of_key(each)
        # A table that is somebody else's is not looked at.
        to = self.made.find(field.to)
        if to is not None and not to.options.managed:
            return field.replace(**changes) if changes else field
        target = self._target(field)
        if target is None:
            return self._plain(each, field, live)
        place, column = target
        if field.to_field is None and not place.is_key([column.name]):
            changes["to_field"] = place.fields[column.name]
        if not self._has_type(field, live, place.table, column):
            changes["type"] = live.type
        return field.replace(**changes) if changes else field

    def _other_name_of_key(self, each: ModelField) -> str | bool:
        """The name that the database has for a field's key; False where it has no such key."""
        lost = replace(self.lost[f"{each.key}:fk"], name="")
        found = next((part for part in self.left if replace(part, name="") == lost), None)
        if found is None:
            return False
        self.left.remove(found)
        return found.name

    def _has_type(self, key: ForeignKeyField, own: Column, target: Table, pointed: Column) -> bool:
        """True if a key's column has the type that its field says, or that comes by itself."""
        if key.type is not None:
            return self.expected.column(own.name).type == own.type
        before = self.patch.expected.tables.get(target.at, target)
        was = next((c.type for c in before.columns if c.name == pointed.name), pointed.type)
        untouched = (self.expected.column(own.name).type, was) == (own.type, pointed.type)
        return untouched or own.type == pointed.type

    def _plain(self, each: ModelField, field: ForeignKeyField, live: Column) -> Field:
        name = None if live.name == each.name else live.name
        return field_of(
            live,
            self.patch.dialect,
            db_column=name,
            primary_key=field.primary_key,
            unique=field.unique,
            db_index=field.db_index and not field.unique,
        )

    def _target(self, field: ForeignKeyField) -> tuple[LiveTable, Column] | None:
        """Return the target of a foreign key, if it is still there."""
        to = self.patch.state.find(field.to)
        if to is None or field.to not in self.made:
            return None
        place = self.there[to.at]
        pointed = to.field(field.to_field) if field.to_field else to.primary_key[0]
        column = pointed.field.column_name(pointed.name)
        return next(((place, c) for c in place.table.columns if c.name == column), None)

    def _with_new_fields(self, model: Model) -> Model:
        """Columns that no field has, at the end."""
        known = {
            each.field.column_name(each.name) for each in self.model.fields if each.field.has_column
        }
        for column in self.live.columns:
            if column.name not in known:
                name = self.place.fields[column.name]
                model = model.with_new_field(name, assign_identities(self._new_field(column, name)))
        return model

    def _new_field(self, column: Column, name: str) -> Field:
        flags: dict[str, Any] = {}
        if self.place.is_key([column.name]):
            flags["primary_key"] = True
        key = self.place.keys.get(column.name)
        if key is None:
            if name != column.name:
                flags["db_column"] = column.name
            return field_of(column, self.patch.dialect, **flags)
        self.left.remove(key)
        if key.name:
            flags["db_constraint"] = key.name
        return key_field(self.place, column, key, self.there, self.patch.dialect, **flags)

    # -- parts

    def _without_lost_parts(self, model: Model) -> Model:
        if not self.lost:
            return model
        options = model.options
        together = tuple(
            group
            for group in options.unique_together
            if f"{'|'.join(self.model.field(name).key for name in group)}:together" not in self.lost
        )
        return model.with_options(
            unique_together=together,
            indexes=tuple(part for part in options.indexes if part.key not in self.lost),
            constraints=tuple(self._items_to_keep(options.constraints)),
        )

    def _items_to_keep(self, parts: tuple[NamedItem, ...]) -> Iterator[NamedItem]:
        for part in parts:
            if isinstance(part.value, PrimaryKeyConstraint):
                if f"{self.model.key}:pk" not in self.lost:
                    yield part
            elif part.key not in self.lost:
                yield part

    def _with_key(self, model: Model) -> Model:
        """The model with the primary key that the database has, where it is another one."""
        live, lost = self.live.primary_key, self.lost.get(f"{self.model.key}:pk")
        if lost is None and (live is None or live not in self.left):
            return model
        model = model.with_options(primary_key=())
        if isinstance(lost, PrimaryKey) and live is not None and lost.columns == live.columns:
            return model
        alone = live.columns[0] if live is not None and len(live.columns) == 1 else None
        for each in model.fields:
            if not each.field.has_column:
                continue
            changes = self._off(each)
            is_key = each.field.column_name(each.name) == alone
            if is_key:
                self._free(each)
            if each.field.primary_key != is_key:
                changes["primary_key"] = is_key
            if changes:
                model = model.with_field(
                    each.name, each._replace(field=each.field.replace(**changes))
                )
        return model

    def _free(self, each: ModelField) -> None:
        """A field that is the key by itself brings no other part: those are the model's now."""
        parts = (self.kept.pop(f"{each.key}:{kind}", None) for kind in ("uniq", "idx"))
        self.left += [part for part in parts if part is not None]

    # -- the rest

    def _with_table_options(self, model: Model) -> Model:
        changes: dict[str, Any] = {}
        if self.expected.comment != self.live.comment:
            changes["db_table_comment"] = self.live.comment
        own = f"{self.patch.dialect}_"
        if self.expected.options != self.live.options:
            others = [each for each in model.options.dialect if not each[0].startswith(own)]
            changes["dialect"] = tuple(sorted((*others, *self.live.options)))
        # It is no option of a table that was read: its column counts in another way.
        options, counting = changes.get("dialect", model.options.dialect), f"{own}autoincrement"
        counts = any(isinstance(column.generated, Identity) for column in self.live.columns)
        if not counts and counting in dict(options):
            changes["dialect"] = tuple(each for each in options if each[0] != counting)
        return model.with_options(**changes) if changes else model
