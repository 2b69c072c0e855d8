"""Faults of the models, found before anything is compared."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.errors import ModelError
from whimbrel.schema.domains import name_of
from whimbrel.schema.types import EnumType, database_types_in
from whimbrel.state.enums import enum_labels
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.others import EnumField
from whimbrel.state.lowering import domains_of, enums_of
from whimbrel.state.model import Model, ModelField
from whimbrel.state.state import State


def assert_sound(new: State) -> None:
    """Raise `ModelError` for models that no order of operations could lead to."""
    for model in new:
        missing = sorted(label for label in model.relations if label not in new)
        if missing:
            raise ModelError(
                f"{model.label} points at {missing[0]}, which is not there",
                place=model.place,
                hint="Is its app configured, and its module imported by the app's models?",
            )
    _assert_enums_agree(new)


def assert_types_stay(old: State, new: State) -> None:
    """Raise `ModelError` for a type of the migrations that the models leave to others now.

    It would have to go while columns have it, and new databases would not have it.
    """
    gone = _type_names(old) - _type_names(new)
    for model in new if gone else ():
        for each in model.fields:
            plain = each.field.has_column and each.field.relation is None
            for words in database_types_in(each.field.column_type()) if plain else ():
                if words.replace('"', "") in gone:
                    raise ModelError(
                        f"{model.label}.{each.name} leaves the type {words} to others, "
                        "and migrations made it",
                        place=model.place,
                        hint="Leave create_type=False out: the migrations go on making it.",
                    )


def _type_names(state: State) -> set[str]:
    """The enum types and domains that the models of a state bring along."""
    managed = [model for model in state if model.options.managed]
    enums = {str(name) for model in managed for name in enums_of(model)}
    return enums | {str(name_of(each)) for model in managed for each in domains_of(model)}


def _assert_enums_agree(new: State) -> None:
    first: dict[tuple[str | None, str], tuple[str, tuple[str, ...]]] = {}
    for model, each, name in named_enums(new):
        place, labels = f"{model.label}.{each.name}", enum_labels(each.field)
        where, before = first.setdefault(name, (place, labels))
        if before != labels:
            raise ModelError(
                f"the enum type {name[1]} has the labels {', '.join(before)} in {where}, "
                f"and {', '.join(labels)} in {place}",
                hint="Give both the same labels, or types of different names.",
            )


def named_enums(state: State) -> Iterator[tuple[Model, ModelField, tuple[str | None, str]]]:
    """The fields with an enum type that they share by its schema and name."""
    for model in state:
        for each in model.fields:
            name = enum_name(each.field)
            if name is not None:
                yield model, each, name


def enum_name(field: Field) -> tuple[str | None, str] | None:
    """The schema and name of a field's enum type, where it was given one to share."""
    if isinstance(field, EnumField):
        return (field.schema, field.name) if field.name else None
    declared = field.__dict__.get("type")
    if isinstance(declared, EnumType) and declared.name and declared.native:
        return declared.schema, declared.name
    return None
