"""Enum types that several fields share: what one field says of the labels, all of them say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from whimbrel.schema.expressions import Constant, Expression, Q
from whimbrel.schema.table import Name
from whimbrel.state.enums import assign_identities, enum_labels, with_labels
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.others import GeneratedField
from whimbrel.state.lowering import enum_names, enums_of
from whimbrel.state.model import Model, ModelField
from whimbrel.state.state import State


@dataclass(frozen=True)
class Labels:
    """The labels of an enum type, in order, with their identities, and how they were renamed."""

    labels: tuple[str, ...]
    keys: Mapping[str, str]
    renamed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, each: Field) -> Labels:
        """Return the labels of a field."""
        return cls(enum_labels(each), each.label_keys)

    def said_by(self, each: Field) -> bool:
        """Return True if a field has just these labels."""
        return enum_labels(each) == self.labels and each.label_keys == self.keys

    def given_to(self, each: Field) -> Field:
        """The field with these labels; its defaults follow where one was renamed."""
        given = with_labels(each, self.labels, self.keys)
        if not self.renamed:
            return given
        fill = given.fill
        return given.replace(
            default=self._rename_label(given, given.default),
            db_default=self._rename_label(given, given.db_default),
            fill=Constant(self._rename_label(given, fill.value))
            if isinstance(fill, Constant)
            else fill,
        )

    def _rename_label(self, each: Field, value: Any) -> Any:
        """A label under its new name; of a list of them, each."""
        if isinstance(value, list | tuple):
            return type(value)(self._rename_label(each, inner) for inner in value)
        plain = each.plain(value)
        return self.renamed.get(plain, value) if isinstance(plain, str) else value


def share_labels(state: State, model: Model, name: str, labels: Labels) -> State:
    """The state with a model in it, and with labels for every field of the enum type of one field."""
    names = enum_names(model.field(name))
    others = (each for each in state if each.label != model.label)
    users = [each for each in others if names and not names.isdisjoint(enums_of(each))]
    followed = [(each, _saying(each, names, labels)) for each in users]
    changed = [after for before, after in followed if after is not before]
    return state.with_models(_saying(model, names, labels), *changed)


def _saying(model: Model, names: frozenset[Name], labels: Labels) -> Model:
    """The model, with these labels for its fields of an enum type."""
    own = {
        each.name
        for each in model.fields
        if not names.isdisjoint(enum_names(each)) and not labels.said_by(each.field)
    }
    if not own:
        return model
    fields = tuple(
        each._replace(field=labels.given_to(each.field)) if each.name in own else each
        for each in model.fields
    )
    changed = replace(model, fields=fields)
    return _rename_in_conditions(changed, own, labels.renamed) if labels.renamed else changed


def _rename_in_conditions(model: Model, own: Iterable[str], renamed: Mapping[str, str]) -> Model:
    """The model, whose conditions name labels as they are called now."""

    def expression(of: Expression) -> Expression:
        if isinstance(of, Q):
            for name in own:
                of = of.with_values(name, renamed)
        return of

    def field(of: Field) -> Field:
        if not isinstance(of, GeneratedField):
            return of
        return of.replace(expression=expression(of.expression))

    return model.replace_all(field, lambda item: item.replace_mentions(str, expression))


def initial_labels(state: State, each: ModelField) -> Labels | None:
    """The labels of a new field's enum type: if others have it already, none of theirs is lost."""
    if not enum_labels(each.field):
        return None
    names = enum_names(each)
    there = _field_of(state, names, each.key)
    if there is None:
        return Labels.of(each.field)
    old, new = enum_labels(there), enum_labels(each.field)
    labels = new if set(old) <= set(new) else tuple(dict.fromkeys((*old, *new)))
    return Labels.of(assign_identities(with_labels(each.field, labels, {}), there.label_keys))


def _field_of(state: State, names: frozenset[Name], but_key: str) -> Field | None:
    """Some other field of the enum type."""
    users = (model for model in state if not names.isdisjoint(enums_of(model)))
    entries = (each for model in users for each in model.fields if each.key != but_key)
    return next((each.field for each in entries if not names.isdisjoint(enum_names(each))), None)
