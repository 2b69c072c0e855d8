"""Engines: changes in, steps out. A package per database; the contract is in `base`."""

from importlib import import_module

from whimbrel.engines.base import Engine
from whimbrel.engines.step import Step
from whimbrel.errors import UnsupportedError

#: Dialect name to the module that holds its `ENGINE`.
_ENGINES = {"sqlite": "whimbrel.engines.sqlite", "postgresql": "whimbrel.engines.postgresql"}

DIALECTS = tuple(_ENGINES)


def engine_for(dialect: str) -> Engine:
    """The engine of a dialect ("sqlite", "postgresql"). Raises `UnsupportedError`."""
    if dialect not in _ENGINES:
        raise UnsupportedError(
            f"there is no engine for {dialect!r}", hint=f"Engines: {', '.join(DIALECTS)}."
        )
    engine: Engine = import_module(_ENGINES[dialect]).ENGINE
    return engine


__all__ = ["DIALECTS", "Engine", "Step", "engine_for"]
