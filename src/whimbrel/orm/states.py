"""What SQLAlchemy keeps of an instance: here instances live outside of its sessions.

They are "detached" in its words as soon as their row is there: a user may ``session.add`` one,
and SQLAlchemy knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import attributes


def loaded(
    model: type[Any], values: dict[str, Any], key: tuple[Any, ...], missing: Iterable[str]
) -> Any:
    """An instance of a row. ``missing``: attributes that are read when they are asked for."""
    manager = model.__mapper__.class_manager
    instance = manager.new_instance()
    instance.__dict__.update(values)
    state = attributes.instance_state(instance)
    state.key = (model.__mapper__._identity_class, key, None)
    if missing:
        state.expired_attributes.update(missing)
    return instance


def is_saved(instance: Any) -> bool:
    """Whether its row is known to be there."""
    return attributes.instance_state(instance).key is not None


def mark_saved(instance: Any, missing: Iterable[str] = ()) -> None:
    """Its row is there now, with values of the database's own in ``missing``."""
    state = attributes.instance_state(instance)
    model = type(instance).__mapper__
    state.key = (model._identity_class, tuple(model.primary_key_from_instance(instance)), None)
    state._commit_all(instance.__dict__)
    for name in missing:
        instance.__dict__.pop(name, None)
        state.expired_attributes.add(name)


def mark_gone(instance: Any) -> None:
    """Its row is gone."""
    attributes.instance_state(instance).key = None


def add_missing(instance: Any, values: Mapping[str, Any]) -> None:
    """Put in what was read."""
    state = attributes.instance_state(instance)
    for name, value in values.items():
        attributes.set_committed_value(instance, name, value)
        state.expired_attributes.discard(name)


def is_deferred(instance: Any, name: str) -> bool:
    """Whether an attribute was not read."""
    return name in sa.inspect(instance).expired_attributes
