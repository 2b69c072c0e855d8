"""The state: all models at one point of history."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from whimbrel.errors import StateError
from whimbrel.state.enums import assign_identities
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.relations import RelationField, full_label
from whimbrel.state.model import Model, PinnedIdentity
from whimbrel.state.naming import identity
from whimbrel.state.options import ForeignKeyConstraint, Options, normal_options


class State:
    """An immutable mapping of labels (in lowercase: "blog.post") to models.

    A state knows which models the step that made it has touched, so that the difference of
    two neighbours costs what was touched, not what there is.
    """

    __slots__ = ("_from", "_models", "_name_counts", "_pinned", "_referrers", "_serial", "_touched")

    def __init__(
        self,
        models: Mapping[str, Model] | None = None,
        name_counts: Mapping[str, int] | None = None,
        pinned: Mapping[str, PinnedIdentity] | None = None,
    ) -> None:
        self._models = models if models is not None else {}
        self._name_counts = name_counts if name_counts is not None else {}
        self._pinned = pinned if pinned is not None else {}
        self._serial = object()
        self._from: object | None = None
        self._touched: frozenset[str] = frozenset()
        self._referrers: Mapping[str, frozenset[str]] | None = None

    def __repr__(self) -> str:
        shown = (
            f"{model.label}({', '.join(map(repr, model.fields))}, {model.options})"
            for model in self
        )
        return f"State({'; '.join(shown)})"

    # -- looking

    @property
    def models(self) -> Mapping[str, Model]:
        """By label in lowercase, in the order of their birth."""
        return self._models

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def __contains__(self, label: str) -> bool:
        return label.lower() in self._models

    def find(self, label: str) -> Model | None:
        """The model of that label ("blog.Post", any case), or None."""
        return self._models.get(label.lower())

    def model(self, label: str) -> Model:
        """The model of that label. Raises `StateError`, with the nearest name that there is."""
        found = self._models.get(label.lower())
        if found is None:
            near = difflib.get_close_matches(label.lower(), self._models, n=1)
            there = f"Did you mean {self._models[near[0]].label}?" if near else None
            raise StateError(f"there is no model {label} at this point of history", hint=there)
        return found

    def of_app(self, app: str) -> list[Model]:
        """The models of one app, in the order of their birth."""
        return [model for model in self if model.app == app]

    def referrers(self, labels: Iterable[str]) -> Iterator[Model]:
        """The models that point at one of these labels (in lowercase)."""
        if self._referrers is None:
            self._referrers = _referrers_after({}, {}, self._models)
        found = {other for label in labels for other in self._referrers.get(label, ())}
        return (self._models[label] for label in sorted(found))

    def touched_since(self, before: State) -> frozenset[str] | None:
        """Labels touched by the one step between two states, whichever way; None if unknown."""
        if before is self:
            return frozenset()
        if self._from is before._serial:
            return self._touched
        return before._touched if before._from is self._serial else None

    def exchanged_since(self, before: State) -> frozenset[str]:
        """Labels of models that are not the very same in two states, however far apart these are.

        States share what no operation between them has touched.
        """
        was, now = before.models, self.models
        return frozenset(label for label in (*was, *now) if was.get(label) is not now.get(label))

    # -- making another

    def _derive(
        self, models: Mapping[str, Model], name_counts: Mapping[str, int], touched: Iterable[str]
    ) -> State:
        made = State(models, name_counts, self._pinned)
        made._from = self._serial
        made._touched = frozenset(touched)
        if self._referrers is not None:
            made._referrers = _referrers_after(
                self._referrers, *_where_relations_differ(self, made)
            )
        return made

    def as_one_step(self, before: State, between: State) -> State:
        """This state as if one step had made it: ``before`` made ``between``, and that this."""
        made = State(self._models, self._name_counts, self._pinned)
        made._from = before._serial
        made._touched = between._touched | self._touched
        made._referrers = self._referrers
        return made

    def with_models(self, *models: Model) -> State:
        """The state with models put in, or exchanged for those of the same label."""
        labels = {model.label.lower(): model for model in models}
        return self._derive({**self._models, **labels}, self._name_counts, labels)

    def without(self, label: str) -> State:
        """The state without a model. Raises `StateError` where there is none."""
        gone = self.model(label).label.lower()
        rest = {key: model for key, model in self._models.items() if key != gone}
        return self._derive(rest, self._name_counts, [gone])

    def adopt(self, models: Iterable[Model], left: Iterable[str], of: State) -> State:
        """The state with models of another state as they are there, and without those at ``left``."""
        gone = frozenset(left)
        come = {model.label.lower(): model for model in models}
        rest = {label: model for label, model in self._models.items() if label not in gone}
        name_counts = {
            **self._name_counts,
            **{label: of._name_counts.get(label, 1) for label in come},
        }
        return self._derive({**rest, **come}, name_counts, gone | come.keys())

    def has_name_counts_of(self, other: State) -> bool:
        """Return True if the next new name gets the same identity in both."""
        return (self._name_counts, self._pinned) == (other._name_counts, other._pinned)

    @property
    def name_counts(self) -> Mapping[str, int]:
        """The number of times that a lowercase label was given to a model."""
        return self._name_counts

    def pin(self, name_counts: Mapping[str, int], pinned: Mapping[str, PinnedIdentity]) -> State:
        """The state with labels counted on, and what models are that are born from now on.

        By label in lowercase.
        """
        counted = {
            label: self._name_counts.get(label, 0) + number for label, number in name_counts.items()
        }
        made = self._derive(self._models, {**self._name_counts, **counted}, ())
        made._pinned = {**self._pinned, **pinned}
        return made

    def relabel(self, old: str, model: Model, others: Iterable[Model]) -> State:
        """The state with a model under a new label in its old place, and ``others`` exchanged."""
        old = old.lower()
        new = model.label.lower()
        if new != old and new in self._models:
            raise StateError(f"there is a model {model.label} already")
        by = {
            old: model,
            **{other.label.lower(): other for other in others if other.label.lower() != new},
        }
        models = {
            (new if key == old else key): by.get(key, value) for key, value in self._models.items()
        }
        return self._derive(
            models, self._name_counts, {old, new, *(key for key in by if key != old)}
        )

    def with_new_model(
        self,
        app: str,
        name: str,
        fields: Iterable[tuple[str, Field]],
        options: Mapping[str, Any] | None = None,
        bases: Iterable[str] = (),
        place: str | None = None,
    ) -> State:
        """The state with a model that is born now. Raises `StateError` where the label is taken."""
        label = f"{app}.{name}"
        if label in self:
            raise StateError(f"there is a model {label} already")
        label, known = label.lower(), self._pinned.get(label.lower(), PinnedIdentity())
        count = self._name_counts.get(label, 0) + 1
        key = known.key or identity(f"{app}.{name}", count)
        model = new_model(app, name, key, fields, options or {}, bases, place, known)
        made = self._derive(
            {**self._models, label: model}, {**self._name_counts, label: count}, [label]
        )
        if label in self._pinned:
            made._pinned = {other: each for other, each in self._pinned.items() if other != label}
        return made


def _where_relations_differ(old: State, new: State) -> tuple[dict[str, Model], dict[str, Model]]:
    """The touched models, before and after, that point at something else now."""
    before, after = old.models, new.models
    nothing: frozenset[str] = frozenset()
    differ = [
        label
        for label in new.touched_since(old) or ()
        if (before[label].relations if label in before else nothing)
        != (after[label].relations if label in after else nothing)
    ]
    return (
        {label: before[label] for label in differ if label in before},
        {label: after[label] for label in differ if label in after},
    )


def _referrers_after(
    referrers: Mapping[str, frozenset[str]], gone: Mapping[str, Model], come: Mapping[str, Model]
) -> Mapping[str, frozenset[str]]:
    """Return the labels of referrers, by label, after models went and came; the same mapping if none did."""
    if not gone and not come:
        return referrers
    found = dict(referrers)
    for label, model in gone.items():
        for target in model.relations:
            found[target] = found[target] - {label}
    for label, model in come.items():
        for target in model.relations:
            found[target] = found.get(target, frozenset()) | {label}
    return found


def new_model(
    app: str,
    name: str,
    key: str,
    fields: Iterable[tuple[str, Field]],
    options: Mapping[str, Any],
    bases: Iterable[str] = (),
    place: str | None = None,
    pinned: PinnedIdentity | None = None,
) -> Model:
    """A model with all that is in it born together. ``pinned``: what of it was there before."""
    given = normal_options(options)
    parts = {kind: tuple(given.pop(kind, ())) for kind in ("indexes", "constraints")}
    model = Model(app, name, key, options=Options(**given), bases=tuple(bases), place=place)
    if pinned is not None:
        model = model.pin(pinned.fields, pinned.name_counts)
    for field_name, field in fields:
        model = model.with_new_field(field_name, bind(field, app, name))
    for kind, values in parts.items():
        for value in values:
            model, part = model.add_item(bind_item(value, app, name))
            model = model.with_options(**{kind: (*getattr(model.options, kind), part)})
    return model


def bind(field: Field, app: str, model: str) -> Field:
    """A field with the full labels of what it points at, and identities for its labels."""
    if isinstance(field, RelationField):
        field = field.bound_to(app, model)
    return assign_identities(field)


def bind_item(value: Any, app: str, model: str) -> Any:
    """An index or constraint with the full label of what it points at."""
    if isinstance(value, ForeignKeyConstraint):
        return value.replace(to=full_label(value.to, app, model))
    return value
