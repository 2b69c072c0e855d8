"""Models declared from source text, and forgotten after the test."""

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from whimbrel import models
from whimbrel.sources import native

Declare = Callable[..., dict[str, Any]]


@pytest.fixture
def declare() -> Iterator[Declare]:
    """Run source text as the module blog.models (or another), as if it were a user's file."""
    before = set(native._known)
    made: list[str] = []

    def run(source: str, module: str = "blog.models") -> dict[str, Any]:
        made.append(module)
        sys.modules[module] = types.ModuleType(module)
        space = vars(sys.modules[module])
        space.update(models=models, sa=sa)
        exec(compile(source, module.replace(".", "/") + ".py", "exec"), space)
        return space

    yield run
    native.forget([info for label, info in native._known.items() if label not in before])
    native._waiting.clear()
    for module in made:
        sys.modules.pop(module, None)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A database of each kind that holds to its foreign keys."""
    engine = sa.create_engine(database_url)
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def _enforce(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA foreign_keys = ON")

    yield engine
    engine.dispose()
