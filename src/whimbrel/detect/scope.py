"""Detection for some apps only: the others stay as they are, but for what these need of them."""

from __future__ import annotations

from collections.abc import Iterable

from whimbrel.state.state import State


def limited(old: State, new: State, apps: Iterable[str]) -> State:
    """The new state with the models of all other apps as they were.

    Apps come along whose models the chosen ones point at and which are not there yet, apps whose
    models point at something that goes, and apps that a model may have moved from or to.
    """
    chosen = set(apps)
    while True:
        drawn = _drawn_along(old, new, chosen)
        if drawn <= chosen:
            break
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
    found.update(model.app for model in old.pointing_at(gone))
    return found | _moved_along(old, new, chosen)


def _moved_along(old: State, new: State, chosen: set[str]) -> set[str]:
    """Apps with a model that is gone, or new, where a chosen app has the same one new, or gone."""
    gone = [model for model in old if model.label not in new]
    born = [model for model in new if model.label not in old]
    pairs = [(one.app, two.app) for one in gone for two in born if one.name == two.name]
    return {app for pair in pairs if not chosen.isdisjoint(pair) for app in pair}
