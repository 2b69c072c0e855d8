"""`sqlmigrate`: what a migration sends to a database, as a value, made offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.engines import Engine, Step, engine_for
from whimbrel.engines.base import Hazard
from whimbrel.history.loader import load
from whimbrel.run.connect import dialect_of
from whimbrel.run.work import work_from_files


@dataclass(frozen=True)
class Statement:
    """One statement, without its semicolon, and what it may do."""

    sql: str
    hazards: tuple[Hazard, ...] = ()


@dataclass(frozen=True)
class Script:
    """The statements of a migration in their order, those that open and close transactions too."""

    label: str
    dialect: str
    backwards: bool
    operations: tuple[str, ...]
    statements: tuple[Statement, ...]


def sql_migrate(
    config: Config,
    app: str,
    name: str,
    *,
    backwards: bool = False,
    dialect: str | None = None,
    alias: str = DEFAULT_ALIAS,
) -> Script:
    """What applying, or undoing, a migration sends. dialect: left out, that of the database.

    Raises `NodeError` where there is no such migration, `UnsupportedError` where the database
    has not what it needs.
    """
    engine = engine_for(dialect or dialect_of(config, alias))
    history = load(config.apps)
    node = history.node(config.app(app).label, name)
    work = work_from_files(history, engine, node, backwards=backwards)
    batches = work.batches if work.steps else []
    return Script(
        label=node.label,
        dialect=engine.dialect,
        backwards=backwards,
        operations=work.operations,
        statements=tuple(each for batch in batches for each in _enclosed(engine, batch)),
    )


def _enclosed(engine: Engine, steps: Sequence[Step]) -> list[Statement]:
    """The statements of a batch, in its transaction if it has one."""
    own = [Statement(step.sql, step.hazards) for step in steps]
    if not all(step.transactional for step in steps):
        return own
    opening = [Statement(sql) for sql in engine.opening(steps)]
    return [*opening, *own, *(Statement(sql) for sql in engine.closing(steps))]
