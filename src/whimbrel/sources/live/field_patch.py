"""A field whose column differs, with what differs taken from the live column."""

from __future__ import annotations

from typing import Any

from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Column
from whimbrel.sources.live.field_inference import default_of, field_of
from whimbrel.state.enums import assign_identities
from whimbrel.state.fields.base import NOT_PROVIDED, Field
from whimbrel.state.fields.numbers import BigIntegerField, IntegerField, SmallIntegerField
from whimbrel.state.fields.relations import ForeignKey
from whimbrel.state.naming import type_name


def patch_field(
    field: Field, key: str, expected: Column, live: Column, dialect: str, positive: bool
) -> Field:
    """The field with what differs between the columns; ``key`` is its identity.

    positive: whether the CHECK that its kind brings is still there. A foreign key's type is left: it is what its target has.
    """
    was, now = ((each.type, each.generated, each.computed) for each in (expected, live))
    if was != now and not isinstance(field, ForeignKey):
        return _recreate(field, key, expected, live, dialect, positive)
    changes: dict[str, Any] = {}
    if expected.null != live.null:
        changes["null"] = live.null
    if expected.comment != live.comment:
        changes["db_comment"] = live.comment
    if expected.collation != live.collation:
        changes["db_collation"] = live.collation
    if expected.default != live.default:
        changes |= _other_default(field, default_of(live, dialect))
    return field.replace(**changes)


def _recreate(
    field: Field, key: str, expected: Column, live: Column, dialect: str, positive: bool
) -> Field:
    """A field of the live column, with what the old one says beyond its column."""
    new = field_of(live, dialect, positive=positive, type_name=type_name(key))
    kept = ["primary_key", "unique", "db_index", "db_column", "sequence"]
    if live.default == expected.default and live.computed is None:
        kept += ["default", "db_default"]
    elif callable(field.default) and live.computed is None:
        kept += ["default"]
    new = new.replace(**{name: getattr(field, name) for name in kept})
    return assign_identities(new, field.label_keys)


def _other_default(field: Field, value: Any) -> dict[str, Any]:
    """A constant for Python too goes on being one; a callable stays."""
    if callable(field.default):
        return {"db_default": value}
    plain = value is not NOT_PROVIDED and not isinstance(value, SQL)
    if field.has_default and plain:
        return {"default": value, "db_default": NOT_PROVIDED}
    return {"default": NOT_PROVIDED, "db_default": value}


_UNCHECKED: dict[str, type[Field]] = {
    "Integer": IntegerField,
    "BigInteger": BigIntegerField,
    "SmallInteger": SmallIntegerField,
}


def without_check(field: Field) -> Field:
    """A kind that brings a CHECK, without it."""
    kind = _UNCHECKED[getattr(field, "type_name", "Integer")]
    plain = kind(**field.deconstruct()[2])
    return plain.replace(label_keys=field.label_keys)
