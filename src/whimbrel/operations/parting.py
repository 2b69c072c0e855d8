"""Two states that have come apart: how an operation finds both as it needs them.

What was in the database all along may come into the models later, by a
SeparateDatabaseAndState. The first operation that changes it finds it in the models alone: the
database has what the models say of it, and the operation is applied to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from whimbrel.errors import StateError
from whimbrel.state.state import State

if TYPE_CHECKING:
    from whimbrel.operations.base import Operation, States


def fitting(operation: Operation, app: str, states: States) -> States:
    """The states, with a database that an operation fits. Changes nothing where they are one."""
    if states.models is states.database:
        return states
    try:
        after = operation.apply(app, states.database)
        operation.refuse(app, states.database)
    except StateError:
        # Whoever applies it raises what is wrong, if that does not mend it.
        return states._replace(database=_adopted(states, operation.models(app)))
    pointed = _missing_targets(after, operation.models(app)) & states.models.models.keys()
    return states._replace(database=_adopted(states, pointed)) if pointed else states


def _missing_targets(state: State, labels: frozenset[str]) -> frozenset[str]:
    """What some models point at that is not there."""
    models = (state.models.get(label) for label in labels)
    pointed = {label for model in models if model is not None for label in model.relations}
    return frozenset(pointed - state.models.keys())


def _adopted(states: States, labels: frozenset[str]) -> State:
    """The database, in which models of these labels are what the models' state says of them."""
    models, database = states
    wanted = {label: models.models.get(label) for label in _with_targets(states, labels)}
    tables = {table for model in wanted.values() if model is not None for table in model.tables()}
    # Of a many-to-many table that is a model's own now, the models say that it is no field's.
    for label, model in database.models.items():
        if label in models.models and not tables.isdisjoint(map(model.between, model.fields)):
            wanted.setdefault(label, models.models[label])
    left = [
        label
        for label, model in database.models.items()
        if label not in models.models and (label in wanted or model.at in tables)
    ]
    return database.adopting([each for each in wanted.values() if each], left, models)


def _with_targets(states: States, labels: frozenset[str]) -> list[str]:
    """These, and what they point at and the database has not."""
    found = dict.fromkeys(sorted(labels))
    fresh = list(found)
    while fresh:
        model = states.models.models.get(fresh.pop())
        more = sorted(model.relations if model else ())
        new = [each for each in more if each not in states.database.models and each not in found]
        found.update(dict.fromkeys(new))
        fresh += new
    return list(found)


def joined(states: States) -> States:
    """One value, where both have become the same again."""
    models, database = states
    if models is database or models.models.keys() != database.models.keys():
        return states
    if any(each is not database.models[label] for label, each in models.models.items()):
        return states
    return states._replace(database=models) if models.has_births_of(database) else states
