"""The labels of enum fields, however the field was written, and their identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from whimbrel.schema.types import EnumType, EnumValue, Type, enum_types, replace_enums
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.others import ArrayField, EnumField
from whimbrel.state.naming import identity


def enum_labels(field: Field) -> tuple[str, ...]:
    """The labels of an enum field, or of an array of one; of any other field, none."""
    if isinstance(field, EnumField):
        return field.values
    if isinstance(field, ArrayField):
        return enum_labels(field.base_field)
    declared = field.__dict__.get("type")
    if isinstance(declared, EnumType):
        return declared.labels
    inside = enum_types(declared) if isinstance(declared, Type) else []
    return inside[0].labels if inside else ()


def with_labels(field: Field, labels: tuple[str, ...], keys: Mapping[str, str]) -> Field:
    """The field with other labels, of these identities."""
    if isinstance(field, EnumField):
        return field.replace(values=labels, enum_class=None, label_keys=keys)
    if isinstance(field, ArrayField):
        return field.replace(base_field=with_labels(field.base_field, labels, {}), label_keys=keys)
    declared = field.__dict__["type"]
    values = tuple(EnumValue(label) for label in labels)
    by = {enum: replace(enum, values=values) for enum in enum_types(declared)}
    return field.replace(type=replace_enums(declared, by), label_keys=keys)


def assign_identities(field: Field, before: Mapping[str, str] | None = None) -> Field:
    """An enum field whose labels have identities: those they had before, else new ones."""
    labels = enum_labels(field)
    if not labels:
        return field
    keys: dict[str, str] = {}
    taken = set((before or {}).values())
    for label in labels:
        key, times = (before or {}).get(label), 1
        while key is None:
            candidate = identity(label, times)
            key, times = (candidate if candidate not in taken else None), times + 1
        keys[label] = key
        taken.add(key)
    return field.replace(label_keys=keys)
