"""Identities that a squash keeps: what it makes was once made under other names.

Constraints and indexes without a given name are named after identities, and so must be the same
in a database that went the long way and in one that ran the squash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from whimbrel.operations.base import Operation, model_in, replay
from whimbrel.state.model import Model, PinnedIdentity
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class KeepIdentities(Operation):
    """Models and fields that this migration makes have the identities of what it stands for.

    Written by squashmigrations, as a squash's first operation. ``identities``: by the name under
    which something is made here ("Article", "Article.headline") the identity that it had
    ("blog.Post", "blog.Post.title"). ``births``: how many more births under a name ("Article",
    "Article.headline") are to be counted than are seen here; may be less than none. Does nothing
    in the database.
    """

    identities: Mapping[str, str] = field(default_factory=dict)
    births: Mapping[str, int] = field(default_factory=dict)

    def apply(self, app: str, state: State) -> State:
        births = {
            f"{app}.{name}".lower(): number
            for name, number in self.births.items()
            if "." not in name
        }
        by_model = {name.lower(): pinned for name, pinned in self._by_model().items()}
        there = {name: each for name, each in by_model.items() if f"{app}.{name}" in state}
        coming = {f"{app}.{name}": each for name, each in by_model.items() if name not in there}
        models = [
            model_in(state, app, name, self).pin(pinned.fields, pinned.name_counts)
            for name, pinned in there.items()
        ]
        counted = state.pin(births, coming)
        return counted.with_models(*models).as_one_step(state, counted) if models else counted

    def _by_model(self) -> dict[str, PinnedIdentity]:
        """Return the pinned identity of each model, by its name here."""
        found: dict[str, PinnedIdentity] = {}
        for name, key in self.identities.items():
            model, _, own = name.partition(".")
            pinned = found.get(model, PinnedIdentity())
            changed = {"fields": {**pinned.fields, own: key}} if own else {"key": key}
            found[model] = pinned._replace(**changed)
        for name, number in self.births.items():
            model, _, own = name.partition(".")
            pinned = found.get(model, PinnedIdentity())
            if own:
                counts = {**pinned.name_counts, own: number}
                found[model] = pinned._replace(name_counts=counts)
        return found

    def models(self, app: str) -> frozenset[str]:
        return frozenset(
            f"{app}.{name.partition('.')[0]}".lower() for name in (*self.identities, *self.births)
        )

    def describe(self) -> str:
        return f"Keep the identities of {', '.join(self.identities) or 'what was made before'}"

    @property
    def fragment(self) -> str:
        return "keep_identities"


def find_identities_to_keep(
    app: str, before: State, operations: Sequence[Operation], wanted: State
) -> KeepIdentities | None:
    """Return the operation that gives what operations of ``app`` make the identities that it had.

    ``before`` is the state that they start from; ``wanted`` has what they lead to, with the
    identities that it is to have. None where nothing is needed.
    """
    plain = _after(app, before, operations)
    names = {model.label: _name_there(app, before, model) for model in plain.of_app(app)}
    identities = dict(_identities(names, plain, wanted))
    # Names of parts are counted under their model's identity: only now is it what it will be.
    known = _after(app, before, [KeepIdentities(identities), *operations])
    births = dict(_births(app, names, known, wanted))
    return KeepIdentities(identities, births) if identities or births else None


def _after(app: str, state: State, operations: Sequence[Operation]) -> State:
    return replay(app, operations, StatePair.of(state)).models


def differing_identities(made: State, wanted: State) -> list[str]:
    """The names of models and fields, in both states, that do not count as the same things."""
    labels = {*made.models, *wanted.models}
    found = [
        label
        for label in labels
        if made.name_counts.get(label, 0) != wanted.name_counts.get(label, 0)
    ]
    for label in labels:
        one, other = made.find(label), wanted.find(label)
        if one is None or other is None or one.key != other.key:
            found.append(label)
            continue
        if _counters(one) != _counters(other):
            found.append(f"{label}: births")
        theirs = {each.name: each.key for each in other.fields}
        found += [
            f"{label}.{each.name}" for each in one.fields if theirs.get(each.name) != each.key
        ]
    return sorted(found)


def _identities(names: Mapping[str, str], made: State, wanted: State) -> Iterator[tuple[str, str]]:
    for name, model, was in _pairs(names, made, wanted):
        if model.key != was.key:
            yield name, was.key
        keys = {each.name: each.key for each in was.fields}
        for each in model.fields:
            by_itself = f"{was.key}{each.key.removeprefix(model.key)}"
            key = keys.get(each.name, by_itself)
            if key != by_itself:
                yield f"{name}.{_born_as(each.key)}", key


def _births(
    app: str, names: Mapping[str, str], made: State, wanted: State
) -> Iterator[tuple[str, int]]:
    for label in sorted({*made.name_counts, *wanted.name_counts}):
        number = wanted.name_counts.get(label, 0) - made.name_counts.get(label, 0)
        if number and label.partition(".")[0] == app.lower():
            yield label.partition(".")[2], number
    for name, model, was in _pairs(names, made, wanted):
        has, had = _counters(model), _counters(was)
        for counter in sorted({*has, *had}):
            number = had.get(counter, 0) - has.get(counter, 0)
            if number:
                yield f"{name}.{counter}", number


def _pairs(
    names: Mapping[str, str], made: State, wanted: State
) -> Iterator[tuple[str, Model, Model]]:
    """The models that are in both, each with the name that it has, or gets, before all else."""
    for label, name in names.items():
        model, was = made.find(label), wanted.find(label)
        if model is not None and was is not None:
            yield name, model, was


def _name_there(app: str, before: State, model: Model) -> str:
    """The name that a model has before the operations, or is born with in them."""
    there = next((each for each in before.of_app(app) if each.key == model.key), None)
    return there.name if there is not None else _born_as(model.key)


def _born_as(key: str) -> str:
    """The name that something was born with: the last of its identity."""
    return key.rpartition(".")[2].partition("#")[0]


def _counters(model: Model) -> dict[str, int]:
    """The births that names come from: not those of parts under names of their own."""
    return {
        name: number for name, number in model.name_counts.items() if number and ":" not in name
    }
