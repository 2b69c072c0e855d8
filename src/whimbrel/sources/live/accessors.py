"""Names for the other side of foreign keys, where those that come by themselves would meet."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.sources.mapping import attribute
from whimbrel.state.fields import ForeignKey
from whimbrel.state.state import State


def related_names(state: State, app: str) -> dict[str, str]:
    """By "app.Model.field", the ``related_name`` that a key of an app's models needs."""
    taken: dict[str, set[str]] = {
        model.label.lower(): {
            name
            for each in model.fields
            if each.field.has_column
            for name in (each.name, attribute(each.name, each.field))
        }
        for model in state
    }
    found: dict[str, str] = {}
    for at, field, model_name, name in _keys(state, app):
        known = taken.setdefault(field.to.lower(), set())
        by_itself = model_name if field.unique else f"{model_name}_set"
        free = (each for each in _names(by_itself, model_name, name) if each not in known)
        accessor = next(free, "+")
        if accessor != by_itself:
            found[at] = accessor
        known.add(accessor)
    return found


def _keys(state: State, app: str) -> Iterator[tuple[str, ForeignKey, str, str]]:
    for model in state.of_app(app):
        for each in model.fields:
            if isinstance(each.field, ForeignKey):
                at = f"{model.label}.{each.name}"
                yield at, each.field, model.name.lower(), each.name


def _names(by_itself: str, model: str, field: str) -> Iterator[str]:
    yield by_itself
    yield f"{model}_{field}_set"
    yield f"{field}_{model}_set"
