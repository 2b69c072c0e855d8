"""References of models, fields, indexes and constraints: what they are made of and point at."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.detect.sanity import enum_name
from whimbrel.detect.tasks import Token, has_field, has_model, has_primary_key
from whimbrel.schema.expressions import SQL, Expression
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.others import GeneratedField
from whimbrel.state.fields.relations import ForeignKey, ManyToManyField
from whimbrel.state.model import Model
from whimbrel.state.options import (
    ForeignKeyConstraint,
    Index,
    NamedItem,
    PrimaryKeyConstraint,
    UniqueConstraint,
)
from whimbrel.state.state import State


def labels_of(field: Field) -> frozenset[str]:
    """The labels, in lowercase, of what a field points at."""
    through = getattr(field, "through", None)
    return frozenset(label.lower() for label in (field.relation, through) if label)


def needs_of_field(model: Model, name: str, new: State) -> frozenset[Token]:
    """Return what must be there before a field: what it points at, what it is made of."""
    field = model.field(name).field
    tokens = {has_model(label) for label in labels_of(field)}
    tokens.update(has_field(label, key) for label, key in fields_pointed_at(model, field, new))
    tokens.update(has_field(model.label, each) for each in made_of(model, field))
    if field.relation and not getattr(field, "to_field", None):
        tokens.add(has_primary_key(field.relation))
    if isinstance(field, ManyToManyField) and not field.through:
        tokens.add(has_primary_key(model.label))
    return frozenset(tokens - {has_model(model.label), has_field(model.label, name)})


def fields_pointed_at(model: Model, field: Field, state: State) -> Iterator[tuple[str, str]]:
    """The fields that a relation's keys point at, as label and name; a table between points at both."""
    if isinstance(field, ManyToManyField) and not field.through:
        yield from ((model.label, each.name) for each in model.primary_key)
    target = state.find(field.relation) if field.relation else None
    if target is not None:
        to_field = field.to_field if isinstance(field, ForeignKey) else None
        names = [to_field] if to_field else [each.name for each in target.primary_key]
        yield from ((target.label, name) for name in names)
    if isinstance(field, ManyToManyField) and field.through:
        yield from ((field.through, name) for name in field.through_fields or ())


def apps_of_referrers(state: State, label: str, name: str) -> frozenset[str]:
    """The apps whose keys point at this field: their files know it as it was."""
    target = (label.lower(), name)
    models = state.referrers([label.lower()])
    return frozenset(model.app for model in models if target in _keys_of(model, state))


def _keys_of(model: Model, state: State) -> Iterator[tuple[str, str]]:
    """The fields that a model's keys point at, with their labels in lowercase."""
    for each in model.fields:
        found = fields_pointed_at(model, each.field, state)
        yield from ((label.lower(), name) for label, name in found)
    for part in model.options.constraints:
        if isinstance(part.value, ForeignKeyConstraint):
            yield from ((part.value.to.lower(), name) for name in part.value.to_fields)


def enums_in(field: Field) -> frozenset[Token]:
    """Return the token of an enum type that a field shares by name: it is as it will be for all of them."""
    name = enum_name(field)
    return frozenset({("enum", name[0] or "", name[1])} if name else ())


def made_of(model: Model, field: Field) -> frozenset[str]:
    """The fields of the model that a generated field is made of."""
    if not isinstance(field, GeneratedField):
        return frozenset()
    return _in_expression(model, field.expression)


def _in_expression(model: Model, expression: Expression) -> frozenset[str]:
    """Text speaks of columns, a Q of fields."""
    columns = [each for each in model.fields if each.field.has_column]
    if not isinstance(expression, SQL):
        return frozenset(expression.columns(frozenset(each.name for each in columns)))
    names = {each.field.column_name(each.name): each.name for each in columns}
    return frozenset(names[column] for column in expression.columns(frozenset(names)))


def fields_in(model: Model, part: NamedItem) -> frozenset[str]:
    """The fields of the model that an index or constraint names or mentions."""
    names, expressions = part.value.mentions()
    return frozenset(names.union(*(_in_expression(model, each) for each in expressions)))


def needs_of_item(model: Model, part: NamedItem) -> frozenset[Token]:
    """Return what must be there before an index or a constraint."""
    tokens = {has_field(model.label, name) for name in fields_in(model, part)}
    value = part.value
    if isinstance(value, ForeignKeyConstraint):
        tokens.add(has_model(value.to))
        tokens.update(has_field(value.to, name) for name in value.to_fields)
    return frozenset(tokens - {has_model(model.label)})


def is_key(part: NamedItem) -> bool:
    """Return True if a foreign key may point at what it is made of."""
    value = part.value
    return isinstance(value, UniqueConstraint | PrimaryKeyConstraint) or (
        isinstance(value, Index) and value.unique
    )
