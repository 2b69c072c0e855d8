"""From models to tables: what a state asks of a database.

A model lowers to its own table and to those of its many-to-many fields. A foreign key takes
its type from what it points at, here and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as AbstractSequence
from typing import Any

from whimbrel.errors import ModelError
from whimbrel.schema.domains import domains_in
from whimbrel.schema.table import (
    Check,
    Column,
    Constraint,
    Exclude,
    Identity,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Schema,
    Sequence,
    Table,
    Unique,
)
from whimbrel.schema.table import ForeignKey as ForeignKeyValue
from whimbrel.schema.types import Type, enum_types, make_type
from whimbrel.state import naming, options
from whimbrel.state.columns import Columns, Target
from whimbrel.state.fields.relations import ForeignKey, ManyToManyField
from whimbrel.state.model import Model, ModelField
from whimbrel.state.state import State


def lower(state: State, labels: Iterable[str] | None = None) -> Schema:
    """The schema of a state, or of some of its models (labels in lowercase).

    Raises `StateError` where a field points at a model or field that is not there.
    """
    labels = state.models if labels is None else labels
    chosen = [state.models[label] for label in labels if label in state.models]
    tables = tuple(table for model in chosen for table in tables_of(state, model))
    _refuse_one_name_for_two(chosen, tables)
    return Schema.of(tables, tuple(each for model in chosen for each in sequences_of(model)))


def tables_of(state: State, model: Model) -> tuple[Table, ...]:
    """The tables of one model, remembered with it while what it points at stays the same."""
    remembered: tuple[tuple[Model, ...], tuple[Table, ...]] | None = model.__dict__.get("_tables")
    if remembered is not None and all(state.find(each.label) is each for each in remembered[0]):
        return remembered[1]
    lowering = _Lowering(state, model)
    tables = tuple(lowering.tables())
    model.__dict__["_tables"] = (tuple(lowering.columns.looked_at.values()), tables)
    return tables


def sequences_of(model: Model) -> tuple[Sequence, ...]:
    """The sequences that a model names."""
    named = (each.field.sequence for each in model.fields if each.field.has_column)
    return tuple(each for each in named if each is not None) if model.options.managed else ()


def enums_of(model: Model) -> frozenset[Name]:
    """The names of the enum types that a model's own fields use."""
    found: frozenset[Name] | None = model.__dict__.get("_enums")
    if found is None:
        found = frozenset(name for each in model.fields for name in enum_names(each))
        model.__dict__["_enums"] = found
    return found


def domains_of(model: Model) -> tuple[Type, ...]:
    """The domains that a model's own fields use."""
    found: tuple[Type, ...] | None = model.__dict__.get("_domains")
    if found is None:
        plain = [each.field for each in model.fields if each.field.has_column]
        types = [each.column_type() for each in plain if each.relation is None]
        found = tuple(each for of in types for each in domains_in(of))
        model.__dict__["_domains"] = found
    return found


def enum_names(each: ModelField) -> frozenset[Name]:
    """The names of the enum types that a field itself brings."""
    if not each.field.has_column or each.field.relation is not None:
        return frozenset()
    return frozenset(
        Name(enum.schema, enum.name or naming.type_name(each.key))
        for enum in enum_types(each.field.column_type())
    )


class _Lowering:
    """One model on its way to tables."""

    def __init__(self, state: State, model: Model) -> None:
        self.model = model
        self.columns = Columns(state, model)

    def tables(self) -> Iterator[Table]:
        if self.model.options.managed:
            yield self._own_table()
            for each in self.model.fields:
                if isinstance(each.field, ManyToManyField) and each.field.through is None:
                    yield self._through_table(each, each.field)

    def _own_table(self) -> Table:
        model = self.model
        _refuse_one_column_for_two(model, self.columns.names)
        return Table(
            name=model.db_table,
            schema=model.options.schema,
            columns=tuple(
                self.columns.column(each) for each in model.fields if each.field.has_column
            ),
            constraints=tuple(self._constraints()),
            indexes=tuple(self._indexes()),
            comment=model.options.db_table_comment,
            options=model.options.dialect,
            key=model.key,
        )

    # -- constraints

    def _constraints(self) -> Iterator[Constraint]:
        yield from self._primary_key()
        for each in self.model.fields:
            if each.field.has_column:
                yield from self._field_constraints(each)
        for group in self.model.options.unique_together:
            keys = [self.model.field(name).key for name in group]
            yield Unique(
                self._name(keys, "together"),
                self.columns.names_of(group),
                named=False,
                key=f"{'|'.join(keys)}:together",
            )
        for part in self.model.options.constraints:
            yield from self._constraint(part)

    def _name(self, keys: AbstractSequence[str], kind: str) -> str:
        return naming.item_name(self.model.key, keys, kind)

    def _primary_key(self) -> Iterator[PrimaryKey]:
        fields = self.model.primary_key
        given = self.model.options.declared_key
        if fields:
            yield PrimaryKey(
                given.name if given else self._name([], "pk"),
                self.columns.names_of(each.name for each in fields),
                dialects=given.value.dialects if given else (),
                named=given is not None and given.value.name is not None,
                key=f"{self.model.key}:pk",
            )

    def _field_constraints(self, each: ModelField) -> Iterator[Constraint]:
        field, column = each.field, self.columns.names[each.name]
        if field.unique and self.columns.key_names != {each.name}:
            name = self._name([each.key], "uniq")
            yield Unique(name, (column,), named=False, key=f"{each.key}:uniq")
        check = field.check(column)
        if check is not None:
            yield Check(self._name([each.key], "check"), check, key=f"{each.key}:check")
        if isinstance(field, ForeignKey) and field.db_constraint:
            yield self._foreign_key(each, field)

    def _foreign_key(self, each: ModelField, field: ForeignKey) -> ForeignKeyValue:
        target = self.columns.target_of(self.model, each, field)
        named = field.db_constraint if isinstance(field.db_constraint, str) else None
        return ForeignKeyValue(
            name=named or self._name([each.key], "fk"),
            columns=(self.columns.names[each.name],),
            target=target.model.at,
            target_columns=target.columns,
            on_delete=field.on_delete.action,
            on_update=field.on_update,
            deferrable=field.deferrable,
            match=field.match,
            key=f"{each.key}:fk",
        )

    def _constraint(self, part: options.NamedItem) -> Iterator[Constraint]:
        value = self._in_columns(part)
        match value:
            case options.UniqueConstraint() if value.condition is None:
                yield Unique(
                    part.name,
                    value.fields,
                    value.deferrable,
                    not value.nulls_distinct,
                    value.include,
                    value.dialects,
                    named=value.name is not None,
                    key=part.key,
                )
            case options.CheckConstraint():
                yield Check(
                    part.name, value.condition, value.dialects, value.not_valid, key=part.key
                )
            case options.ExclusionConstraint():
                yield Exclude(
                    part.name,
                    value.expressions,
                    value.method,
                    value.condition,
                    value.deferrable,
                    value.dialects,
                    key=part.key,
                )
            case options.ForeignKeyConstraint():
                yield self._composite_key(part, value)

    def _in_columns(self, part: options.NamedItem) -> Any:
        """Return an index or a constraint of the model with columns where it has fields."""
        return part.value.replace_mentions(self.columns.name_of, self.columns.in_columns)

    def _composite_key(
        self, part: options.NamedItem, value: options.ForeignKeyConstraint
    ) -> ForeignKeyValue:
        target = self.columns.target(self.model, value.to, value.to_fields, part.name)
        return ForeignKeyValue(
            name=part.name,
            columns=value.fields,
            target=target.model.at,
            target_columns=target.columns,
            on_delete=value.on_delete.action,
            on_update=value.on_update,
            deferrable=value.deferrable,
            match=value.match,
            dialects=value.dialects,
            not_valid=value.not_valid,
            key=part.key,
        )

    # -- indexes

    def _indexes(self) -> Iterator[Index]:
        for each in self.model.fields:
            field = each.field
            if (
                field.db_index
                and field.has_column
                and not field.unique
                and self.columns.key_names != {each.name}
            ):
                parts = (IndexPart(self.columns.names[each.name]),)
                yield Index(self._name([each.key], "idx"), parts, key=f"{each.key}:idx")
        for part in self.model.options.items:
            if isinstance(part.value, options.Index | options.UniqueConstraint):
                yield from self._index(part)

    def _index(self, part: options.NamedItem) -> Iterator[Index]:
        if isinstance(part.value, options.UniqueConstraint) and part.value.condition is None:
            return
        value = self._in_columns(part)
        is_index = isinstance(value, options.Index)
        yield Index(
            name=part.name,
            parts=value.parts if is_index else tuple(map(IndexPart, value.fields)),
            unique=value.unique if is_index else True,
            method=value.method if is_index else None,
            include=value.include,
            where=value.condition,
            nulls_not_distinct=not value.nulls_distinct,
            options=value.options if is_index else (),
            dialects=value.dialects,
            key=part.key,
        )

    # -- many to many

    def _through_table(self, each: ModelField, field: ManyToManyField) -> Table:
        """The table between two models: a number, a key to each, and no pair twice."""
        key = f"{each.key}.through"
        target = self.columns.target(self.model, field.to, (), each.name)
        own = Target(self.model, self.model.primary_key)
        if len(own.fields) != 1:
            raise ModelError(
                f"{self.model.label}.{each.name} is many-to-many, and the primary key has {len(own.fields)} fields",
                place=self.model.place,
                hint="Give it a through= model.",
            )
        ends = (("from", own), ("to", target))
        names = naming.through_columns(self.model.name, target.model.name)
        columns = tuple(
            Column(name, self.columns.type_at(end.model, end.fields[0], key), key=f"{key}.{side}")
            for name, (side, end) in zip(names, ends, strict=True)
        )
        counter = Column(
            "id", make_type("sqlalchemy:BigInteger"), generated=Identity(), key=f"{key}.id"
        )
        return Table(
            name=field.db_table or naming.through_table_name(self.model.db_table, each.name),
            schema=self.model.options.schema,
            columns=(counter, *columns),
            constraints=tuple(self._through_constraints(key, names, ends, field)),
            indexes=tuple(
                Index(
                    naming.item_name(key, [f"{key}.{side}"], "idx"),
                    (IndexPart(name),),
                    key=f"{key}.{side}:idx",
                )
                for name, (side, _) in list(zip(names, ends, strict=True))[1:]
            ),
            key=key,
        )

    def _through_constraints(
        self,
        key: str,
        names: tuple[str, str],
        ends: tuple[tuple[str, Target], ...],
        field: ManyToManyField,
    ) -> Iterator[Constraint]:
        yield PrimaryKey(naming.item_name(key, [], "pk"), ("id",), key=f"{key}:pk")
        yield Unique(naming.item_name(key, [], "uniq"), names, key=f"{key}:uniq")
        for name, (side, end) in zip(names, ends, strict=True):
            if field.db_constraint:
                yield ForeignKeyValue(
                    name=naming.item_name(key, [f"{key}.{side}"], "fk"),
                    columns=(name,),
                    target=end.model.at,
                    target_columns=end.columns,
                    on_delete="CASCADE",
                    key=f"{key}.{side}:fk",
                )


# -- one place for two ---------------------------------------------------------------------------


def _refuse_one_name_for_two(models: list[Model], tables: tuple[Table, ...]) -> None:
    """Raise `ModelError` where two tables have one name."""
    if len({table.at for table in tables}) == len(tables):
        return
    times = Counter(table.at for table in tables)
    twice = next(at for at, number in times.items() if number > 1)
    keys = [table.key or "" for table in tables if table.at == twice]
    raise ModelError(
        f"the table {twice} is asked for {len(keys)} times: by {' and by '.join(keys)}",
        place=next((model.place for model in models if model.key in keys and model.place), None),
        hint="Give one of them another db_table.",
    )


def _refuse_one_column_for_two(model: Model, names: Mapping[str, str]) -> None:
    """Raise `ModelError` where two fields have one column. ``names``: field to column."""
    if len(set(names.values())) == len(names):
        return
    taken: dict[str, str] = {}
    for name, column in names.items():
        other = taken.setdefault(column, name)
        if other != name:
            raise ModelError(
                f"{model.label}: {other} and {name} both have the column {column}",
                place=model.place,
                hint="Give one of them another db_column.",
            )
