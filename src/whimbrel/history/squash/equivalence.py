"""Equivalence of two histories: in the models, the database, and for the rows that are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from whimbrel.detect.check import differences
from whimbrel.errors import WhimbrelError
from whimbrel.operations.base import Operation
from whimbrel.operations.fields import AddField, AlterField
from whimbrel.operations.identities import differing_identities
from whimbrel.schema.expressions import Default
from whimbrel.state.lowering import lower
from whimbrel.state.model import Model
from whimbrel.state.provenance import Origin, RowProvenance, given_in
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair


def first_difference(made: StatePair, wanted: StatePair) -> str | None:
    """Return the first difference between two states, in words; None where there is none.

    Compared are the models and their options, what they lower to, the identities of models and
    fields with how often names were given, and the names of indexes and constraints. The order
    of fields is no part of it.
    """
    for one, other in zip(made, wanted, strict=True):
        found = next(_differences(one, other), None) if one is not other else None
        if found is not None:
            return found
    return None


def _differences(made: State, wanted: State) -> Iterator[str]:
    yield from differences(made, wanted)
    yield from differing_identities(made, wanted)
    if _name_counters(made) != _name_counters(wanted):
        yield "how often names were given to models"
    labels = [label for label in made.models if made.models[label] is not wanted.models[label]]
    for label in labels:
        yield from _parts(made.models[label], wanted.models[label])
    if _schema(made, labels) != _schema(wanted, labels):
        yield f"the tables of {', '.join(labels)}"


def _name_counters(state: State) -> dict[str, int]:
    return {label: number for label, number in state.name_counts.items() if number}


def _parts(made: Model, wanted: Model) -> Iterator[str]:
    for kind in ("indexes", "constraints"):
        names, others = ({part.name for part in getattr(m.options, kind)} for m in (made, wanted))
        if names != others:
            yield f"the names of {kind} of {made.label}: {sorted(names ^ others)}"


def _schema(state: State, labels: Iterable[str]) -> Any:
    """Return the schema of models, as a value without order; None where they cannot be lowered."""
    try:
        schema = lower(state, labels)
    except WhimbrelError:
        return None
    tables = {
        at: (
            frozenset(table.columns),
            frozenset(table.constraints),
            frozenset(table.indexes),
            table.comment,
            table.options,
            table.key,
            frozenset((column.name, column.key) for column in table.columns),
        )
        for at, table in schema.tables.items()
    }
    return tables, dict(schema.enums), dict(schema.sequences), schema.schemas


# -- rows ------------------------------------------------------------------------------------


def keeps_rows(
    app: str, made: Sequence[Operation], wanted: Sequence[Operation], at: StatePair
) -> bool:
    """True if rows that are there before get the same from both, and lose the same."""
    # A function gives rows another value when the migration runs, unless a default keeps it.
    there = {model.label.lower() for model in at.database}
    if any(
        isinstance(each, AddField | AlterField)
        and callable(each.field.default)
        and not each.preserve_default
        and not there.isdisjoint(each.models(app))
        for each in wanted
    ):
        return False
    return rows_after(app, made, at) == rows_after(app, wanted, at)


def rows_after(app: str, operations: Sequence[Operation], at: StatePair) -> dict[str, Origin]:
    """Return the values in the end of rows that were there before, by the identity of the field."""
    rows = RowProvenance({model.key for model in at.database})
    states = at
    for operation in operations:
        for transition in operation.transitions(app, states):
            rows.take(transition.before.database, transition.after.database)
            states = transition.after
    return rows.changed_origins(states.database)


def values_of_rows(app: str, operations: Sequence[Operation], at: StatePair) -> dict[str, Default]:
    """Return the values that rows got where they had none, or NULL, by the identity of the field."""
    found = rows_after(app, operations, at).items()
    given = {key: given_in(origin) for key, origin in found}
    return {key: value for key, value in given.items() if value is not None}
