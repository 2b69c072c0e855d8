"""Operations on fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from whimbrel.errors import StateError
from whimbrel.operations.base import Operation, model_in
from whimbrel.operations.enums import Labels, initial_labels, share_labels
from whimbrel.operations.following import (
    made_of,
    rename_field_in,
    rename_target_field,
    rename_targets_in,
)
from whimbrel.schema.expressions import SQL, Default
from whimbrel.state.enums import assign_identities, enum_labels
from whimbrel.state.fields.base import NOT_PROVIDED, Field
from whimbrel.state.fields.relations import ManyToManyField, alterable
from whimbrel.state.lowering import enum_names
from whimbrel.state.model import Model, ModelField
from whimbrel.state.state import State, bind
from whimbrel.state.value_checks import refuse_unfit_default


@dataclass(frozen=True)
class _FieldOperation(Operation):
    """An operation on the field ``name`` of the model ``model_name``."""

    model_name: str
    name: str
    positional: ClassVar[int] = 2


@dataclass(frozen=True)
class AddField(_FieldOperation):
    """A new field. ``preserve_default`` False: its default is for rows that are there already, no longer."""

    field: Field
    preserve_default: bool = True
    positional: ClassVar[int] = 3

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        field = bind(_with_fill(self.field, self.preserve_default), app, model.name)
        changed = model.with_new_field(self.name, field)
        labels = initial_labels(state, changed.field(self.name))
        if labels is None:
            return state.with_models(changed)
        return share_labels(state, changed, self.name, labels)

    def refuse_misfits(self, app: str, state: State) -> None:
        refuse_unfit_default(self.name, self.field, self.describe())

    def describe(self) -> str:
        return f"Add field {self.name} to {self.model_name}"

    @property
    def fragment(self) -> str:
        return f"{self.model_name.lower()}_{self.name.lower()}"


def _with_fill(field: Field, preserve_default: bool) -> Field:
    """The field as it stays, with what rows that are there already get."""
    fill = fill_of(field)
    if preserve_default:
        return field.replace(fill=fill)
    return field.replace(fill=fill, default=NOT_PROVIDED)


def fill_of(field: Field) -> Default | None:
    """Return the value for rows that are there already: the field's default, called once if it is callable."""
    if field.default is not NOT_PROVIDED and callable(field.default):
        return field.replace(default=NOT_PROVIDED, db_default=field.default()).column_default()
    if isinstance(field.default, SQL):
        return field.default
    return field.column_default()


@dataclass(frozen=True)
class RemoveField(_FieldOperation):
    """A field goes, with its column and what is in it."""

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        gone = model.field(self.name)
        used = made_of(state, model, gone)
        if used:
            raise StateError(
                f"{model.label}.{gone.name} cannot be removed while {', '.join(used)} is made of it",
                place=self.describe(),
                hint="Remove or alter that before it.",
            )
        return state.with_models(model.with_field(self.name, None))

    def describe(self) -> str:
        return f"Remove field {self.name} from {self.model_name}"

    @property
    def fragment(self) -> str:
        return f"remove_{self.model_name.lower()}_{self.name.lower()}"


@dataclass(frozen=True)
class AlterField(_FieldOperation):
    """A field is something else now. ``preserve_default`` as in `AddField`, for rows with NULL.

    ``lossy``: values may be cut to the new type: strings to its length, numbers to its digits,
    moments to their date. Else the migration is refused while rows would lose something by it.
    """

    field: Field
    preserve_default: bool = True
    lossy: bool = False
    positional: ClassVar[int] = 3

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        old = model.field(self.name)
        new = bind(_with_fill(self.field, self.preserve_default), app, model.name)
        new = assign_identities(new, old.field.label_keys).replace(lossy=self.lossy)
        entry = ModelField(old.name, new, old.key)
        changed = rename_field_in(model, old, entry)
        is_other = enum_names(entry) != enum_names(old)
        labels = initial_labels(state, entry) if is_other else Labels.of(new)
        if labels is None or not labels.labels:
            return state.with_models(changed)
        return share_labels(state, changed, old.name, labels)

    def refuse(self, app: str, state: State) -> None:
        model = state.find(f"{app}.{self.model_name}")
        old = model.find(self.name) if model is not None else None
        if model is None or old is None or not model.options.managed:
            return
        new = bind(self.field, app, model.name)
        if not alterable(old.field, new):
            raise StateError(
                f"{model.label}.{old.name} is {_what(old.field)} and cannot be altered to "
                f"{_what(new)}: its rows would be lost, or point at others",
                place=self.describe(),
                hint=_instead(model, old, new),
            )

    def refuse_misfits(self, app: str, state: State) -> None:
        refuse_unfit_default(self.name, self.field, self.describe())

    def describe(self) -> str:
        return f"Alter field {self.name} of {self.model_name}"

    @property
    def fragment(self) -> str:
        return f"alter_{self.model_name.lower()}_{self.name.lower()}"


def _what(field: Field) -> str:
    """Return what holds a field's values, in words."""
    if not isinstance(field, ManyToManyField):
        return "a column"
    through = f" through {field.through}" if field.through else ""
    return f"a many-to-many field to {field.to}{through}"


def _instead(model: Model, old: ModelField, new: Field) -> str:
    """Return what to write for an alteration that cannot keep the rows."""
    name, kept = old.name, f"{old.name}_old"
    lines = (
        f"To keep what is in it, write RenameField({model.name!r}, {name!r}, {kept!r}), "
        f"AddField({model.name!r}, {name!r}, ...), a RunPython that copies the rows, and "
        f"RemoveField({model.name!r}, {kept!r}); without the first, the third and with "
        f"RemoveField({model.name!r}, {name!r}), they go."
    )
    if isinstance(old.field, ManyToManyField) and isinstance(new, ManyToManyField):
        table = model.through_table(old)
        if new.through is not None and table is not None:
            lines += (
                f" Where {new.through} is to have the table that is there (db_table={table.name!r}), "
                "say it of the models alone: SeparateDatabaseAndState(state_operations=[...])."
            )
    return lines


@dataclass(frozen=True)
class RenameField(_FieldOperation):
    """A field gets another name; indexes, constraints and conditions that speak of it follow."""

    new_name: str
    positional: ClassVar[int] = 3

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        old = model.field(self.name)
        if model.find(self.new_name) is not None:
            raise StateError(
                f"{model.label} has a field {self.new_name!r} already", place=self.describe()
            )
        renamed = rename_field_in(model, old, ModelField(self.new_name, old.field, old.key))
        name_counts = {
            **renamed.name_counts,
            self.new_name: renamed.name_counts.get(self.new_name, 0) + 1,
        }
        renamed = rename_targets_in(
            replace(renamed, name_counts=name_counts), model.label.lower(), self.name, self.new_name
        )
        return state.with_models(
            renamed, *rename_target_field(state, model, self.name, self.new_name)
        )

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
        field = model.field(self.name).field
        labels = enum_labels(field)
        if self.old not in labels or self.new in labels:
            raise StateError(
                f"the labels of {model.label}.{self.name} are {', '.join(labels) or 'none'}",
                place=self.describe(),
                hint="Name one of them, and a new one that is not among them.",
            )
        by = {self.old: self.new}
        renamed = Labels(
            tuple(by.get(label, label) for label in labels),
            {by.get(label, label): key for label, key in field.label_keys.items()},
            by,
        )
        return share_labels(state, model, self.name, renamed)

    def describe(self) -> str:
        return f"Rename value {self.old} of {self.model_name}.{self.name} to {self.new}"

    @property
    def fragment(self) -> str:
        return f"rename_{self.old.lower()}_{self.model_name.lower()}_{self.name.lower()}"
