"""What is wrong with the models before anything is compared."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.errors import ModelError
from whimbrel.schema.types import EnumType
from whimbrel.state.enums import enum_labels
from whimbrel.state.fields import EnumField, Field
from whimbrel.state.state import State


def assert_sound(new: State) -> None:
    """Raise `ModelError` for models that no order of operations could lead to."""
    for model in new:
        missing = sorted(label for label in model.relations if label not in new)
        if missing:
            raise ModelError(
                f"{model.label} points at {missing[0]}, which is not there",
                place=model.place,
                mend="Is its app configured, and its module imported by the app's models?",
            )
    _assert_enums_agree(new)


def _assert_enums_agree(new: State) -> None:
    first: dict[tuple[str | None, str], tuple[str, tuple[str, ...]]] = {}
    for place, field, name in _named_enums(new):
        labels = enum_labels(field)
        where, before = first.setdefault(name, (place, labels))
        if before != labels:
            raise ModelError(
                f"the enum type {name[1]} has the labels {', '.join(before)} in {where}, "
                f"and {', '.join(labels)} in {place}",
                mend="Give both the same labels, or types of different names.",
            )


def _named_enums(state: State) -> Iterator[tuple[str, Field, tuple[str | None, str]]]:
    for model in state:
        for each in model.fields:
            name = enum_name(each.field)
            if name is not None:
                yield f"{model.label}.{each.name}", each.field, name


def enum_name(field: Field) -> tuple[str | None, str] | None:
    """The schema and name of a field's enum type, where it was given one to share."""
    if isinstance(field, EnumField):
        return (field.schema, field.name) if field.name else None
    declared = field.__dict__.get("type")
    if isinstance(declared, EnumType) and declared.name and declared.native:
        return declared.schema, declared.name
    return None
