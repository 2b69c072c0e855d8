"""The state that SQLAlchemy keeps of an instance: here instances live outside of its sessions.

They are "detached" in its words as soon as their row is there: a user may ``session.add`` one,
and SQLAlchemy knows it.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import attributes


def make_instance(
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
    """True if its row is known to be there."""
    return attributes.instance_state(instance).key is not None


def mark_saved(
    instance: Any, missing: Iterable[str] = (), written: Iterable[str] | None = None
) -> None:
    """Note that its row is there now. ``missing``: attributes whose values only the database knows.

    written: the attributes that were written, where not all were.
    """
    state = attributes.instance_state(instance)
    model = type(instance).__mapper__
    state.key = (model._identity_class, tuple(model.primary_key_from_instance(instance)), None)
    if written is None:
        written = [each.attname for each in instance._meta.fields]
        state._commit_all(instance.__dict__)
    else:
        state._commit(instance.__dict__, written)
    for name in missing:
        instance.__dict__.pop(name, None)
        state.expired_attributes.add(name)
    take_snapshot(instance, written)


def mark_deleted(instance: Any) -> None:
    """Note that its row is gone."""
    attributes.instance_state(instance).key = None


def set_loaded(instance: Any, values: Mapping[str, Any]) -> None:
    """Set attributes to values that were read."""
    state = attributes.instance_state(instance)
    for name, value in values.items():
        attributes.set_committed_value(instance, name, value)
        state.expired_attributes.discard(name)
    take_snapshot(instance, values)


#: Types whose values can be changed in place.
_MUTABLE = (dict, list, set, bytearray)


def take_snapshot(instance: Any, names: Iterable[str]) -> None:
    """Keep the present content of values that could be changed in place, for `is_changed`."""
    for name in names:
        value = instance.__dict__.get(name)
        if isinstance(value, _MUTABLE):
            instance.__dict__.setdefault("_contents", {})[name] = _dump(value)


def _dump(value: Any) -> bytes | None:
    try:
        return pickle.dumps(value)
    except Exception:  # what is in it says itself what it raises
        return None


def is_changed(instance: Any, name: str) -> bool:
    """True if an attribute was set, or changed in place, since its row was read or written."""
    if name in attributes.instance_state(instance).committed_state:
        return True
    value = instance.__dict__.get(name)
    if not isinstance(value, _MUTABLE):
        return False
    known = instance.__dict__.get("_contents", {}).get(name)
    return known is None or _dump(value) != known


def has_original_key(instance: Any) -> bool:
    """True if its key is that of the row that it was read from, or written to."""
    key = attributes.instance_state(instance).key
    top = instance._meta.lineage[0].primary_key
    return key is not None and key[1] == tuple(instance.__dict__.get(each.attname) for each in top)


def related_cache(instance: Any) -> dict[str, Any]:
    """The rows that an instance's relations are known to lead to."""
    cache: dict[str, Any] = instance.__dict__.setdefault("_kept", {})
    return cache
