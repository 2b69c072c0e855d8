"""Referrers: the apps whose migrations ever pointed at a model. They come before its removal.

A key that was removed long ago is in no state any more, and yet the migration that made it
needs what it pointed at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from whimbrel.detect.tasks import LATEST, AppMigration
from whimbrel.history.loader import History
from whimbrel.operations import (
    DeleteModel,
    MoveModel,
    Operation,
    RemoveField,
    RenameField,
    RenameModel,
)
from whimbrel.state.model import Model
from whimbrel.state.state import State


def after_all_that_pointed(found: Iterable[AppMigration], history: History) -> list[AppMigration]:
    """New migrations, waiting for the apps that once pointed at a model that goes or is renamed."""
    migrations = list(found)
    state = history.project_state()
    taken = [frozenset(_labels_taken_away(each, state)) for each in migrations]
    pointing = _apps_pointing(history, frozenset().union(*taken))
    return [
        _waiting(each, {app for key in keys for app in pointing.get(key, ())})
        for each, keys in zip(migrations, taken, strict=True)
    ]


def _waiting(migration: AppMigration, apps: Collection[str]) -> AppMigration:
    known = {app for app, _ in migration.dependencies} | {migration.app}
    more = tuple((app, LATEST) for app in sorted(apps) if app not in known)
    return replace(migration, dependencies=(*migration.dependencies, *more)) if more else migration


def _labels_taken_away(migration: AppMigration, state: State) -> Iterable[str]:
    """The identities of models of which something goes, or gets another name."""
    for operation in migration.operations:
        label = _label(migration.app, operation)
        model = state.find(label) if label is not None else None
        if model is not None:
            yield model.key


def _label(app: str, operation: Operation) -> str | None:
    match operation:
        case DeleteModel(name):
            return f"{app}.{name}"
        case RenameModel(old_name=name):
            return f"{app}.{name}"
        case MoveModel(name=name, from_app=from_app):
            return f"{from_app}.{name}"
        case RemoveField(model_name=name) | RenameField(model_name=name):
            return f"{app}.{name}"
    return None


def _apps_pointing(history: History, keys: frozenset[str]) -> dict[str, set[str]]:
    """By the identity of a model, the apps with a migration that made something point at it."""
    found: dict[str, set[str]] = {}
    if not keys:
        return found
    for node, before, after in history.states(node.key for node in history.graph.order()):
        for model in _changed_models(before.models, after.models):
            for key in _targets_of(model, after.models) & keys:
                found.setdefault(key, set()).add(node.app)
    return found


def _changed_models(before: State, after: State) -> list[Model]:
    labels = after.touched_since(before)
    was, now = before.models, after.models
    return [
        now[label] for label in labels or now if label in now and now[label] is not was.get(label)
    ]


def _targets_of(model: Model, state: State) -> set[str]:
    targets = (state.find(label) for label in model.relations)
    return {target.key for target in targets if target is not None}
