"""Two states, and the changes between what they lower to.

Neighbours in history differ in a model or two: only those, and what points at them, are
lowered. States that are further apart are lowered whole.
"""

from __future__ import annotations

from collections.abc import Iterable

from whimbrel.schema.changes import Change
from whimbrel.schema.differ import diff
from whimbrel.schema.domains import name_of
from whimbrel.schema.table import Name, PrimaryKey, Schema, Table, Unique
from whimbrel.state.columns import key_types
from whimbrel.state.lowering import domains_of, enums_of, lower, sequences_of, tables_of
from whimbrel.state.state import State


def changes_between(before: State, after: State) -> list[Change]:
    """The ordered changes that make the schema of ``after`` of that of ``before``."""
    if before is after:
        return []
    return diff(*schemas_of(before, after))


def schemas_of(before: State, after: State) -> tuple[Schema, Schema]:
    """The schemas of two states, or the parts of them in which they can differ.

    A model that turns managed or unmanaged is in neither: its table stays as it is, and
    whoever it belongs to from now on finds it so.
    """
    touched = after.touched_since(before)
    if touched is None:
        touched = after.exchanged_since(before)
        if 2 * len(touched) >= max(len(before.models), len(after.models)):
            gone = _handed_over(before, after, [*before.models, *after.models])
            return _part(before, before.models, gone), _part(after, after.models, gone)
    labels = _with_what_follows(touched, before, after)
    handed_over = _handed_over(before, after, touched)
    old, new = _part(before, labels, handed_over), _part(after, labels, handed_over)
    parts = (old.schemas, new.schemas, old.sequences, new.sequences, old.domains, new.domains)
    if not any(parts):
        return old, new
    return _with_all_schemas(before, old, handed_over), _with_all_schemas(after, new, handed_over)


def _part(state: State, labels: Iterable[str], handed_over: frozenset[str]) -> Schema:
    if not handed_over:
        return lower(state, labels)
    models = ((label, state.models.get(label)) for label in labels)
    return lower(state, [at for at, model in models if model and model.key not in handed_over])


def _handed_over(before: State, after: State, labels: Iterable[str]) -> frozenset[str]:
    """The identities of models that are managed on one side only."""
    was, now = (
        {model.key: model.options.managed for model in map(state.models.get, labels) if model}
        for state in (before, after)
    )
    return frozenset(key for key in was if now.get(key, was[key]) != was[key])


def _with_all_schemas(state: State, part: Schema, handed_over: frozenset[str]) -> Schema:
    """A part, with the schemas, sequences and domains of all models: these go with their last user."""
    managed = [model for model in state if model.options.managed and model.key not in handed_over]
    sequences = [each for model in managed for each in sequences_of(model)]
    names = [model.options.schema for model in managed]
    names += [each.schema for each in sequences]
    names += [enum.schema for model in managed for enum in enums_of(model)]
    domains = dict(part.domains)
    for each in (each for model in managed for each in domains_of(model)):
        domains.setdefault(name_of(each), each)
    names += [at.schema for at in domains]
    return Schema(
        part.tables,
        part.enums,
        {each.at: each for each in sequences},
        part.schemas.union(name for name in names if name is not None),
        domains,
    )


# -- which models take part ------------------------------------------------------------------


def _with_what_follows(touched: Iterable[str], before: State, after: State) -> list[str]:
    """The touched models, those that point at what foreign keys see of them, those that share an enum."""
    labels = dict.fromkeys(sorted(touched))
    fresh = list(labels)
    while fresh:
        seen_otherwise = [
            label for label in fresh if _key_view(before, label) != _key_view(after, label)
        ]
        referrers = {
            model.label.lower()
            for state in (before, after)
            for model in (state.referrers(seen_otherwise) if seen_otherwise else ())
        }
        fresh = sorted(referrers - labels.keys())
        labels.update(dict.fromkeys(fresh))
    labels.update(dict.fromkeys(_sharing_enums(labels, before, after)))
    return list(labels)


def _key_view(state: State, label: str) -> object:
    """Return what foreign keys depend on: where a model's table is, its keys and their columns."""
    model = state.models.get(label)
    if model is None:
        return None
    if not model.options.managed:
        return model.at, key_types(state, model)
    table = tables_of(state, model)[0]
    keys = _keys(table)
    named = {name for _, columns in keys for name in columns}
    seen = [
        (column.key, column.name, column.type, column.computed)
        for column in table.columns
        if column.name in named
    ]
    return table.at, keys, seen


def _keys(table: Table) -> list[tuple[str | None, tuple[str, ...]]]:
    """The keys that a foreign key may point at: identity and columns."""
    keys = [
        (each.key, each.columns)
        for each in table.constraints
        if isinstance(each, PrimaryKey | Unique)
    ]
    return keys + [(each.key, each.columns) for each in table.indexes if each.unique]


def _sharing_enums(labels: Iterable[str], before: State, after: State) -> list[str]:
    """The models, in both states, that use an enum type which is not the same for these models."""
    was, now = _enums(before, labels), _enums(after, labels)
    if was == now:
        return []
    names = {name for name in (*was, *now) if was.get(name) != now.get(name)}
    return sorted({label for state in (before, after) for label in _users(state, names)})


def _users(state: State, names: set[Name]) -> set[str]:
    """The models that use one of these enum types, or point at one that does, and so on."""
    found: set[str] = set()
    fresh = {model.label.lower() for model in state if not names.isdisjoint(enums_of(model))}
    while fresh:
        found |= fresh
        fresh = {model.label.lower() for model in state.referrers(fresh)} - found
    return found


def _enums(state: State, labels: Iterable[str]) -> dict[Name, object]:
    """The enum types of some models, with the identities of their labels."""
    models = (state.models.get(label) for label in labels)
    return {
        enum.at: (enum, tuple(value.key for value in enum.values))
        for model in models
        if model is not None
        for table in tables_of(state, model)
        for enum in table.enums
    }
