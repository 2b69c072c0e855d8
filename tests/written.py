"""The text of a models.py, read as a project's is."""

from __future__ import annotations

import sys
import types
from collections import deque
from typing import Any

from whimbrel.sources import native, sqlalchemy
from whimbrel.state.state import State


def read_native(text: str, app: str) -> State:
    """The state of a models.py."""
    before = set(native._known)
    listeners = _listeners()
    module = f"{app}.models"
    sys.modules[module] = types.ModuleType(module)
    try:
        exec(compile(text, f"{app}/models.py", "exec"), vars(sys.modules[module]))
        native.finish()
        return native.state_of(
            info.model for label, info in native._known.items() if label not in before
        )
    finally:
        native.forget([info for label, info in native._known.items() if label not in before])
        native._waiting.clear()
        for event, there in listeners.items():
            _of_metadata(event).listeners = deque(there)
        del sys.modules[module]


def _listeners() -> dict[str, list[Any]]:
    """What the metadata of native models tells of being created: types that tables had, and forgot."""
    events = ("before_create", "after_create", "before_drop", "after_drop")
    return {event: list(_of_metadata(event).listeners) for event in events}


def _of_metadata(event: str) -> Any:
    dispatch = native.Model.metadata.dispatch
    return getattr(dispatch, event).for_modify(dispatch)


def read_declarative(text: str, app: str) -> State:
    """The state of a module with a declarative base."""
    space: dict[str, Any] = {"__name__": f"{app}_declared"}
    sys.modules[space["__name__"]] = types.ModuleType(space["__name__"])
    try:
        vars(sys.modules[space["__name__"]]).update(space)
        exec(text, vars(sys.modules[space["__name__"]]))
        metadata = vars(sys.modules[space["__name__"]])["Base"].metadata
        return sqlalchemy.read(metadata, app)
    finally:
        del sys.modules[space["__name__"]]
