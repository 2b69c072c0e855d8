"""Operations on fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from whimbrel.errors import StateError
from whimbrel.operations.base import Operation, model_in
from whimbrel.schema.expressions import SQL, Default
from whimbrel.schema.table import IndexPart
from whimbrel.state.fields.base import NOT_PROVIDED, Field
from whimbrel.state.fields.others import GeneratedField
from whimbrel.state.fields.relations import ForeignKey, ManyToManyField
from whimbrel.state.lowering import enums_of
from whimbrel.state.model import Model, ModelField
from whimbrel.state.options import (
    CheckConstraint,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    Options,
    Part,
    PrimaryKeyConstraint,
    UniqueConstraint,
    but,
)
from whimbrel.state.state import State, born_labels, bound, enum_labels


@dataclass(frozen=True)
class _FieldOperation(Operation):
    """An operation on the field ``name`` of the model ``model_name``."""

    model_name: str
    name: str
    positional: ClassVar[int] = 2

    def models(self, app: str) -> frozenset[str]:
        return frozenset({f"{app}.{self.model_name}".lower()})


@dataclass(frozen=True)
class AddField(_FieldOperation):
    """A new field. ``preserve_default`` False: its default is for rows that are there already, no longer."""

    field: Field
    preserve_default: bool = True
    positional: ClassVar[int] = 3

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        field = bound(_with_fill(self.field, self.preserve_default), app, model.name)
        return state.with_models(model.with_new_field(self.name, field))

    def describe(self) -> str:
        return f"Add field {self.name} to {self.model_name}"

    @property
    def fragment(self) -> str:
        return f"{self.model_name.lower()}_{self.name.lower()}"


def _with_fill(field: Field, preserve_default: bool) -> Field:
    """The field as it stays, with what rows that are there already get."""
    fill = fill_of(field)
    if preserve_default:
        return field.but(fill=fill)
    return field.but(fill=fill, default=NOT_PROVIDED)


def fill_of(field: Field) -> Default | None:
    """What rows that are there already get: the field's default, called once if it is callable."""
    if field.default is not NOT_PROVIDED and callable(field.default):
        return field.but(default=NOT_PROVIDED, db_default=field.default()).column_default()
    if isinstance(field.default, SQL):
        return field.default
    return field.column_default()


@dataclass(frozen=True)
class RemoveField(_FieldOperation):
    """A field goes, with its column and what is in it."""

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        gone = model.field(self.name)
        used = [part.name for part in _parts(model) if self.name in _names_in(part)]
        used += (
            ["unique_together"]
            if any(self.name in group for group in model.options.unique_together)
            else []
        )
        if used:
            raise StateError(
                f"{model.label}.{gone.name} cannot be removed while {', '.join(used)} is made of it",
                place=self.describe(),
                mend="Remove that index or constraint before it.",
            )
        return state.with_models(model.with_field(self.name, None))

    def describe(self) -> str:
        return f"Remove field {self.name} from {self.model_name}"

    @property
    def fragment(self) -> str:
        return f"remove_{self.model_name.lower()}_{self.name.lower()}"


@dataclass(frozen=True)
class AlterField(_FieldOperation):
    """A field is something else now. ``preserve_default`` as in `AddField`, for rows with NULL."""

    field: Field
    preserve_default: bool = True
    positional: ClassVar[int] = 3

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        old = model.field(self.name)
        new = bound(_with_fill(self.field, self.preserve_default), app, model.name)
        new = born_labels(new, old.field.label_keys)
        changed = _renamed_in(model, old, ModelField(old.name, new, old.key))
        return state.with_models(
            changed, *_sharing(state, changed, enum=new, of=changed.field(old.name))
        )

    def describe(self) -> str:
        return f"Alter field {self.name} of {self.model_name}"

    @property
    def fragment(self) -> str:
        return f"alter_{self.model_name.lower()}_{self.name.lower()}"


@dataclass(frozen=True)
class RenameField(_FieldOperation):
    """A field gets another name; indexes, constraints and conditions that speak of it follow."""

    model_name: str
    name: str
    new_name: str
    positional: ClassVar[int] = 3

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        old = model.field(self.name)
        if model.find(self.new_name) is not None:
            raise StateError(
                f"{model.label} has a field {self.new_name!r} already", place=self.describe()
            )
        renamed = _renamed_in(model, old, ModelField(self.new_name, old.field, old.key))
        births = {**renamed.births, self.new_name: renamed.births.get(self.new_name, 0) + 1}
        renamed = replace(renamed, births=births)
        return state.with_models(renamed, *_pointing(state, model, self.name, self.new_name))

    def describe(self) -> str:
        return f"Rename field {self.name} of {self.model_name} to {self.new_name}"

    @property
    def fragment(self) -> str:
        return f"rename_{self.name.lower()}_{self.model_name.lower()}_{self.new_name.lower()}"


@dataclass(frozen=True)
class RenameEnumValue(_FieldOperation):
    """A label of an enum field gets another name, in every row; fields that share the type follow."""

    old: str
    new: str
    positional: ClassVar[int] = 4

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        entry = model.field(self.name)
        labels = enum_labels(entry.field)
        if self.old not in labels or self.new in labels:
            raise StateError(
                f"the labels of {model.label}.{self.name} are {', '.join(labels) or 'none'}",
                place=self.describe(),
                mend="Name one of them, and a new one that is not among them.",
            )
        field = _relabelled(entry.field, self.old, self.new)
        changed = model.with_field(self.name, ModelField(entry.name, field, entry.key))
        return state.with_models(
            changed, *_sharing(state, changed, enum=field, of=changed.field(self.name))
        )

    def describe(self) -> str:
        return f"Rename value {self.old} of {self.model_name}.{self.name} to {self.new}"

    @property
    def fragment(self) -> str:
        return f"rename_{self.old.lower()}_{self.model_name.lower()}_{self.name.lower()}"


# -- enums that fields share ----------------------------------------------------------------


def _relabelled(field: Field, old: str, new: str) -> Field:
    keys = {(new if label == old else label): key for label, key in field.label_keys.items()}
    default = new if field.plain(field.default) == old else field.default
    labels = tuple(new if label == old else label for label in enum_labels(field))
    return _with_labels(field, labels, keys).but(default=default)


def _with_labels(field: Field, labels: tuple[str, ...], keys: Mapping[str, str]) -> Field:
    if hasattr(field, "values"):
        return field.but(values=labels, enum_class=None, label_keys=keys)
    declared = field.__dict__["type"]
    values = tuple(type(declared.values[0])(label) for label in labels)
    return field.but(type=replace(declared, values=values), label_keys=keys)


def _sharing(state: State, model: Model, enum: Field, of: ModelField) -> list[Model]:
    """The other models, and fields, that use the enum type which a field has changed."""
    labels = enum_labels(enum)
    names = _enum_names(of) if labels else frozenset()
    if not names:
        return []
    found = []
    for other in (model if each.label == model.label else each for each in state):
        if names.isdisjoint(enums_of(other)):
            continue
        fields = tuple(_sharing_field(each, names, labels, enum) for each in other.fields)
        if fields != other.fields:
            found.append(replace(other, fields=fields))
    return found


def _sharing_field(
    each: ModelField, names: frozenset[Any], labels: tuple[str, ...], enum: Field
) -> ModelField:
    if (
        each.field.label_keys == enum.label_keys
        or names.isdisjoint(_enum_names(each))
        or not enum_labels(each.field)
    ):
        return each
    return ModelField(each.name, _with_labels(each.field, labels, enum.label_keys), each.key)


def _enum_names(each: ModelField) -> frozenset[Any]:
    if not each.field.has_column or each.field.relation is not None:
        return frozenset()
    return enums_of(Model("", "", "", fields=(each,)))


# -- what follows when a field is renamed -----------------------------------------------------


def _parts(model: Model) -> tuple[Part, ...]:
    return (*model.options.indexes, *model.options.constraints)


def _names_in(part: Part) -> frozenset[str]:
    """The fields that an index or a constraint names outright."""
    value = part.value
    match value:
        case Index():
            return frozenset((*value.fields, *value.include))
        case UniqueConstraint():
            return frozenset((*value.fields, *value.include))
        case ForeignKeyConstraint() | PrimaryKeyConstraint():
            return frozenset(value.fields)
        case ExclusionConstraint():
            return frozenset(of for of, _ in value.expressions if isinstance(of, str))
    return frozenset()


def _renamed_in(model: Model, old: ModelField, new: ModelField) -> Model:
    """The model with a field exchanged, and with what speaks of its name or its column following."""
    names = {old.name: new.name} if old.name != new.name else {}
    columns = _column_renames(old, new)
    changed = model.with_field(old.name, new)
    if not names and not columns:
        return changed
    fields = tuple(_generated_renamed(each, names, columns) for each in changed.fields)
    return replace(changed, fields=fields, options=_options_renamed(model.options, names, columns))


def _column_renames(old: ModelField, new: ModelField) -> dict[str, str]:
    if not (old.field.has_column and new.field.has_column):
        return {}
    before, after = old.field.column_name(old.name), new.field.column_name(new.name)
    return {before: after} if before != after else {}


def _expression(value: Any, names: Mapping[str, str], columns: Mapping[str, str]) -> Any:
    """Text speaks of columns, a Q of fields."""
    if value is None:
        return None
    return value.rename(columns if isinstance(value, SQL) else names)


def _generated_renamed(
    each: ModelField, names: Mapping[str, str], columns: Mapping[str, str]
) -> ModelField:
    if not isinstance(each.field, GeneratedField):
        return each
    expression = _expression(each.field.expression, names, columns)
    return each._replace(field=each.field.but(expression=expression))


def _options_renamed(
    options: Options, names: Mapping[str, str], columns: Mapping[str, str]
) -> Options:
    def all_of(fields: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in fields)

    def ordered(name: str) -> str:
        return (
            f"-{names.get(name[1:], name[1:])}" if name.startswith("-") else names.get(name, name)
        )

    def parts(given: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(
            replace(part, value=_part_renamed(part.value, names, columns)) for part in given
        )

    return replace(
        options,
        ordering=tuple(map(ordered, options.ordering)),
        unique_together=tuple(map(all_of, options.unique_together)),
        primary_key=all_of(options.primary_key),
        indexes=parts(options.indexes),
        constraints=parts(options.constraints),
    )


def _part_renamed(value: Any, names: Mapping[str, str], columns: Mapping[str, str]) -> Any:
    def all_of(fields: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in fields)

    def element(of: str | SQL) -> str | SQL:
        return of.rename(columns) if isinstance(of, SQL) else names.get(of, of)

    changed: dict[str, Any] = {}
    match value:
        case Index():
            changed["parts"] = tuple(
                IndexPart(
                    element(part.of), part.descending, part.nulls, part.opclass, part.collation
                )
                for part in value.parts
            )
        case ExclusionConstraint():
            changed["expressions"] = tuple(
                (element(of), operator) for of, operator in value.expressions
            )
        case UniqueConstraint() | ForeignKeyConstraint() | PrimaryKeyConstraint():
            changed["fields"] = all_of(value.fields)
    if isinstance(value, Index | UniqueConstraint):
        changed["include"] = all_of(value.include)
    if isinstance(value, Index | UniqueConstraint | ExclusionConstraint | CheckConstraint):
        changed["condition"] = _expression(value.condition, names, columns)
    return but(value, **changed)


def _pointing(state: State, model: Model, old: str, new: str) -> list[Model]:
    """The other models whose keys name the renamed field as what they point at."""
    label = model.label.lower()
    found = []
    for other in state.pointing_at([label]):
        if other.label.lower() == label:
            continue
        changed = replace(
            other,
            fields=tuple(_to_field_renamed(each, label, old, new) for each in other.fields),
            options=replace(
                other.options,
                constraints=tuple(
                    _to_fields_renamed(part, label, old, new) for part in other.options.constraints
                ),
            ),
        )
        if changed.fields != other.fields or changed.options != other.options:
            found.append(changed)
    return found


def _to_field_renamed(each: ModelField, label: str, old: str, new: str) -> ModelField:
    field = each.field
    if isinstance(field, ForeignKey) and field.to.lower() == label and field.to_field == old:
        return each._replace(field=field.but(to_field=new))
    if (
        isinstance(field, ManyToManyField)
        and (field.through or "").lower() == label
        and field.through_fields
    ):
        names = tuple(new if name == old else name for name in field.through_fields)
        return each._replace(field=field.but(through_fields=names))
    return each


def _to_fields_renamed(part: Part, label: str, old: str, new: str) -> Part:
    value = part.value
    if not isinstance(value, ForeignKeyConstraint) or value.to.lower() != label:
        return part
    to_fields = tuple(new if name == old else name for name in value.to_fields)
    return replace(part, value=but(value, to_fields=to_fields))
