"""Two states, and the changes between what they lower to.

Neighbours in history differ in a model or two: only those, and what points at them, are
lowered. States that are further apart are lowered whole.
"""

from __future__ import annotations

from collections.abc import Iterable

from whimbrel.schema.changes import Change
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Name, PrimaryKey, Schema, Table, Unique
from whimbrel.state.lowering import enums_of, lower, sequences_of, tables_of
from whimbrel.state.state import State


def changes_between(before: State, after: State) -> list[Change]:
    """The ordered changes that make the schema of ``after`` of that of ``before``."""
    if before is after:
        return []
    return diff(*schemas_of(before, after))


def schemas_of(before: State, after: State) -> tuple[Schema, Schema]:
    """The schemas of two states, or the parts of them in which they can differ."""
    touched = after.touched_since(before)
    if touched is None:
        touched = before.touched_since(after)
    if touched is None:
        return lower(before), lower(after)
    labels = _with_what_follows(touched, before, after)
    return _part(before, labels), _part(after, labels)


def _part(state: State, labels: list[str]) -> Schema:
    """The schema of some models; but schemas and sequences are those of all, if any has one."""
    part = lower(state, labels)
    if not part.schemas and not part.sequences:
        return part
    tables = {model.options.schema for model in state if model.options.managed}
    schemas = frozenset(name for name in tables if name) | part.schemas
    sequences = {
        Name(each.schema, each.name): each for model in state for each in sequences_of(model)
    }
    return Schema(part.tables, part.enums, sequences or part.sequences, schemas)


def _with_what_follows(touched: Iterable[str], before: State, after: State) -> list[str]:
    """The touched models, those that point at what foreign keys see of them, those that share an enum."""
    labels = dict.fromkeys(sorted(touched))
    fresh = list(labels)
    while fresh:
        seen_otherwise = [label for label in fresh if _face(before, label) != _face(after, label)]
        pointing = {
            model.label.lower()
            for state in (before, after)
            for model in (state.pointing_at(seen_otherwise) if seen_otherwise else ())
        }
        fresh = sorted(pointing - labels.keys())
        labels.update(dict.fromkeys(fresh))
    labels.update(dict.fromkeys(_sharing_enums(labels, before, after)))
    return list(labels)


def _face(state: State, label: str) -> object:
    """What a foreign key can see of a model: where its table is, and its keys."""
    model = state.models.get(label)
    if model is None or not model.options.managed:
        return None
    table = tables_of(state, model)[0]
    keys = _keys(table)
    return table.at, {name: table.column(name).type for name in keys}


def _keys(table: Table) -> list[str]:
    """The columns that a foreign key may point at."""
    keys = [each.columns for each in table.constraints if isinstance(each, PrimaryKey | Unique)]
    keys += [each.columns for each in table.indexes if each.unique]
    return sorted({name for columns in keys for name in columns})


def _sharing_enums(labels: Iterable[str], before: State, after: State) -> list[str]:
    """The models, in both states, that use an enum type which one of these models uses."""
    names = {
        name
        for state in (before, after)
        for label in labels
        if label in state.models
        for name in enums_of(state.models[label])
    }
    if not names:
        return []
    return sorted(
        {
            model.label.lower()
            for state in (before, after)
            for model in state
            if not names.isdisjoint(enums_of(model))
        }
    )
