"""The text of a models.py, read as a project's is."""

from __future__ import annotations

import sys
import types
from typing import Any

from whimbrel.sources import native, sqlalchemy
from whimbrel.state.state import State


def read_native(text: str, app: str) -> State:
    """The state of a models.py."""
    before = set(native._known)
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
        del sys.modules[module]


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
