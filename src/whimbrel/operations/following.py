"""Changes that follow when a field gets another name, or its column does; and uses of a field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from whimbrel.schema.expressions import SQL, Q
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.others import GeneratedField
from whimbrel.state.fields.relations import ForeignKey, ManyToManyField
from whimbrel.state.model import Model, ModelField
from whimbrel.state.options import ForeignKeyConstraint, Options
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
    followed = changed.replace_all(
        lambda field: _rename_in_generated(field, names, columns),
        lambda item: item.rename(names, in_sql=columns),
    )
    return replace(followed, options=_rename_in_options(followed.options, names))


def _column_renames(old: ModelField, new: ModelField) -> dict[str, str]:
    if not (old.field.has_column and new.field.has_column):
        return {}
    before, after = old.field.column_name(old.name), new.field.column_name(new.name)
    return {before: after} if before != after else {}


def _rename_in_generated(
    field: Field, names: Mapping[str, str], columns: Mapping[str, str]
) -> Field:
    if not isinstance(field, GeneratedField):
        return field
    said = field.expression  # SQL speaks of columns, a Q of fields
    return field.replace(expression=said.rename(columns if isinstance(said, SQL) else names))


def _rename_in_options(options: Options, names: Mapping[str, str]) -> Options:
    def all_of(fields: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in fields)

    def ordered(name: str) -> str:
        plain = name.removeprefix("-")
        return f"{name[: -len(plain)]}{names.get(plain, plain)}"

    return replace(
        options,
        ordering=tuple(map(ordered, options.ordering)),
        unique_together=tuple(map(all_of, options.unique_together)),
        primary_key=all_of(options.primary_key),
    )


def rename_target_field(state: State, model: Model, old: str, new: str) -> list[Model]:
    """The other models whose keys name the renamed field as what they point at."""
    label = model.label.lower()
    others = (each for each in state.referrers([label]) if each.label.lower() != label)
    changed = ((other, rename_targets_in(other, label, old, new)) for other in others)
    return [after for before, after in changed if after is not before]


def rename_targets_in(model: Model, label: str, old: str, new: str) -> Model:
    """The model, whose keys to the model of that label name a field of it, after a rename."""

    def follow(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

    def field(of: Field) -> Field:
        if isinstance(of, ForeignKey) and of.to.lower() == label and of.to_field == old:
            return of.replace(to_field=new)
        if isinstance(of, ManyToManyField) and (of.through or "").lower() == label:
            return of.replace(through_fields=of.through_fields and follow(of.through_fields))
        return of

    def item(of: Any) -> Any:
        is_key = isinstance(of, ForeignKeyConstraint) and of.to.lower() == label
        return of.replace(to_fields=follow(of.to_fields)) if is_key else of

    return model.replace_all(field, item)
