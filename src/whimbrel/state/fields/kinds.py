"""Field classes of users: written as the field of ours that they lower to."""

from __future__ import annotations

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
    made = field.as_kind(nearest)
    if made == field:
        return made
    # The field by its type alone.
    made = field.as_kind(Field).replace(type=field.column_type(), label_keys={})
    if made == field:
        return made
    raise WriteError(
        f"the field class {type(field).__name__} brings what no field of Whimbrel's has",
        hint="A check(self, name) of its own belongs into Meta.constraints of the models, as "
        "models.CheckConstraint(...).",
    )
