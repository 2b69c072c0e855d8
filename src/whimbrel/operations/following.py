"""What follows when a field gets another name, or its column does; and what is made of a field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from whimbrel.schema.expressions import SQL, Q
from whimbrel.state.fields.others import GeneratedField
from whimbrel.state.fields.relations import ForeignKey, ManyToManyField
from whimbrel.state.model import Model, ModelField
from whimbrel.state.options import ForeignKeyConstraint, NamedItem, Options
from whimbrel.state.state import State

# -- what is made of a field -----------------------------------------------------------------


def made_of(state: State, model: Model, each: ModelField) -> list[str]:
    """Return the names of what mentions a field, in its own model and in others.

    What SQL text mentions is not counted: a word in it may be a column, or something else.
    """
    found = [part.name for part in model.options.items if each.name in part.value.names()]
    for option in ("unique_together", "primary_key"):
        given = getattr(model.options, option)
        if any(each.name in group for group in (given if option == "unique_together" else [given])):
            found.append(option)
    found += [
        other.name
        for other in model.fields
        if isinstance(other.field, GeneratedField)
        and isinstance(other.field.expression, Q)
        and each.name in other.field.expression.names()
    ]
    return found + list(_referring_keys(state, model, each.name))


def _referring_keys(state: State, model: Model, name: str) -> Iterator[str]:
    """The keys, of this model and of others, that name a field as what they point at."""
    label = model.label.lower()
    for other in state.referrers([label]):
        yield from (
            f"{other.label}.{each.name}"
            for each in other.fields
            if isinstance(each.field, ForeignKey)
            and (each.field.to.lower(), each.field.to_field) == (label, name)
            and each.name != name
        )
        yield from (
            f"{other.label}: {part.name}"
            for part in other.options.constraints
            if isinstance(part.value, ForeignKeyConstraint)
            and part.value.to.lower() == label
            and name in part.value.to_fields
        )


# -- what follows ----------------------------------------------------------------------------


def rename_field_in(model: Model, old: ModelField, new: ModelField) -> Model:
    """The model with a field exchanged, and with what speaks of its name or its column following."""
    names = {old.name: new.name} if old.name != new.name else {}
    columns = _column_renames(old, new)
    changed = model.with_field(old.name, new)
    if not names and not columns:
        return changed
    fields = tuple(_rename_in_generated(each, names, columns) for each in changed.fields)
    return replace(
        changed, fields=fields, options=_rename_in_options(model.options, names, columns)
    )


def _column_renames(old: ModelField, new: ModelField) -> dict[str, str]:
    if not (old.field.has_column and new.field.has_column):
        return {}
    before, after = old.field.column_name(old.name), new.field.column_name(new.name)
    return {before: after} if before != after else {}


def _rename_in_generated(
    each: ModelField, names: Mapping[str, str], columns: Mapping[str, str]
) -> ModelField:
    if not isinstance(each.field, GeneratedField):
        return each
    said = each.field.expression  # SQL speaks of columns, a Q of fields
    expression = said.rename(columns if isinstance(said, SQL) else names)
    return each._replace(field=each.field.replace(expression=expression))


def _rename_in_options(
    options: Options, names: Mapping[str, str], columns: Mapping[str, str]
) -> Options:
    def all_of(fields: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in fields)

    def ordered(name: str) -> str:
        return (
            f"-{names.get(name[1:], name[1:])}" if name.startswith("-") else names.get(name, name)
        )

    def parts(given: tuple[NamedItem, ...]) -> tuple[NamedItem, ...]:
        return tuple(
            replace(part, value=part.value.rename(names, in_sql=columns)) for part in given
        )

    return replace(
        options,
        ordering=tuple(map(ordered, options.ordering)),
        unique_together=tuple(map(all_of, options.unique_together)),
        primary_key=all_of(options.primary_key),
        indexes=parts(options.indexes),
        constraints=parts(options.constraints),
    )


def rename_target_field(state: State, model: Model, old: str, new: str) -> list[Model]:
    """The other models whose keys name the renamed field as what they point at."""
    label = model.label.lower()
    others = (each for each in state.referrers([label]) if each.label.lower() != label)
    changed = ((other, rename_targets_in(other, label, old, new)) for other in others)
    return [after for before, after in changed if after is not before]


def rename_targets_in(model: Model, label: str, old: str, new: str) -> Model:
    """The model, whose keys to the model of that label name a field of it, after a rename."""
    fields = tuple(_rename_to_field(each, label, old, new) for each in model.fields)
    options = replace(
        model.options,
        constraints=tuple(
            _rename_to_fields(part, label, old, new) for part in model.options.constraints
        ),
    )
    if fields == model.fields and options == model.options:
        return model
    return replace(model, fields=fields, options=options)


def _rename_to_field(each: ModelField, label: str, old: str, new: str) -> ModelField:
    field = each.field
    if isinstance(field, ForeignKey) and field.to.lower() == label and field.to_field == old:
        return each._replace(field=field.replace(to_field=new))
    if (
        isinstance(field, ManyToManyField)
        and (field.through or "").lower() == label
        and field.through_fields
    ):
        names = tuple(new if name == old else name for name in field.through_fields)
        return each._replace(field=field.replace(through_fields=names))
    return each


def _rename_to_fields(part: NamedItem, label: str, old: str, new: str) -> NamedItem:
    value = part.value
    if not isinstance(value, ForeignKeyConstraint) or value.to.lower() != label:
        return part
    to_fields = tuple(new if name == old else name for name in value.to_fields)
    return replace(part, value=value.replace(to_fields=to_fields))
