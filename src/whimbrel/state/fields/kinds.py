"""Field classes of users: written as the field of ours that they lower to."""

from __future__ import annotations

from typing import Any

from whimbrel.errors import WriteError
from whimbrel.state.fields.base import Field


def is_own(of: type) -> bool:
    """Return True if a class of fields is Whimbrel's."""
    return of.__module__.partition(".")[0] == "whimbrel"


def in_own_words(field: Field) -> Field:
    """The same field as one of Whimbrel's: a class of the user's may change, history does not.

    Raises `WriteError` where the class brings what no field of ours has.
    """
    if is_own(type(field)):
        return field
    nearest = next(base for base in type(field).__mro__ if is_own(base))
    made = _seen_as(nearest, field)
    if made == field or (made := _plain(field)) == field:
        return made
    raise WriteError(
        f"the field class {type(field).__name__} brings what no field of Whimbrel's has",
        hint="A check(self, name) of its own belongs into Meta.constraints of the models, as "
        "models.CheckConstraint(...).",
    )


def _seen_as(kind: Any, field: Field) -> Field:
    made: Field = object.__new__(kind)
    made.__dict__.update(field.__dict__)
    made.__dict__.pop("_face", None)
    return made


def _plain(field: Field) -> Field:
    """The field by its type alone."""
    return _seen_as(Field, field).replace(type=field.column_type(), label_keys={})
