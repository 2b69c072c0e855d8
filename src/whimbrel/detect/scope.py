"""Detection for some apps only: the others stay as they are, but for what these need of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whimbrel.detect.references import fields_pointed_at
from whimbrel.detect.sanity import named_enums
from whimbrel.state.state import State


def limit_to_apps(old: State, new: State, apps: Iterable[str]) -> State:
    """The new state with the models of all other apps as they were.

    Apps come along whose models the chosen ones point at and which are not there yet, apps whose
    models point at something that goes, and apps that a model may have moved from or to.
    """
    chosen = set(apps)
    while not (drawn := _drawn_along(old, new, chosen)) <= chosen:
        chosen |= drawn
    models = {key: model for key, model in new.models.items() if model.app in chosen}
    models.update({key: model for key, model in old.models.items() if model.app not in chosen})
    return State(models)


def _drawn_along(old: State, new: State, chosen: set[str]) -> set[str]:
    found: set[str] = set()
    for model in new:
        if model.app in chosen:
            missing = [label for label in model.relations if label not in old]
            found.update(new.model(label).app for label in missing if label in new)
    gone = [label for label, each in old.models.items() if each.app in chosen and label not in new]
    found.update(model.app for model in old.referrers(gone))
    found.update(_by_fields(old, new, chosen))
    found.update(_by_enums(old, new, chosen))
    return found | _moved_along(old, new, chosen)


def _by_fields(old: State, new: State, chosen: set[str]) -> Iterator[str]:
    """Apps with a field that a chosen key needs, or with a key to a chosen field that goes."""
    for label, name in _pointed_at(new, chosen):
        if label in old and old.model(label).find(name) is None:
            yield new.model(label).app
    others = {model.app for model in old} - chosen
    for app in sorted(others):
        for label, name in _pointed_at(old, {app}):
            target = new.find(label)
            if target is not None and target.app in chosen and target.find(name) is None:
                yield app


def _pointed_at(state: State, apps: set[str]) -> Iterator[tuple[str, str]]:
    for model in state:
        if model.app in apps:
            for each in model.fields:
                yield from fields_pointed_at(model, each.field, state)


def _by_enums(old: State, new: State, chosen: set[str]) -> Iterator[str]:
    """Apps that share an enum type with a chosen one: its labels change for all of them."""
    apps: dict[object, set[str]] = {}
    for model, _, name in (*named_enums(old), *named_enums(new)):
        apps.setdefault(name, set()).add(model.app)
    for sharing in apps.values():
        if not chosen.isdisjoint(sharing):
            yield from sharing


def _moved_along(old: State, new: State, chosen: set[str]) -> set[str]:
    """Apps with a model that is gone, or new, where a chosen app has the same one new, or gone."""
    gone = [model for model in old if model.label not in new]
    born = [model for model in new if model.label not in old]
    pairs = [(one.app, two.app) for one in gone for two in born if one.name == two.name]
    return {app for pair in pairs if not chosen.isdisjoint(pair) for app in pair}
