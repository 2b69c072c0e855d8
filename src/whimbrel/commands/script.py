"""`sqlmigrate`: what a migration sends to a database, as a value, made offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.engines import DIALECTS, Engine, Step, engine_for
from whimbrel.engines.policy import SAFE, SHORT
from whimbrel.engines.sql.running import with_driver_values, with_literals
from whimbrel.engines.step import BatchedUpdate, Hazard, UserStep
from whimbrel.errors import UsageError
from whimbrel.history.loader import load
from whimbrel.operations.backfill import Backfill
from whimbrel.planning.items import DataOperation, PlanItem
from whimbrel.planning.plan import Plan, Stage
from whimbrel.planning.work import build_work
from whimbrel.run.connect import dialect_of


@dataclass(frozen=True)
class Statement:
    """One statement, without its semicolon, and what it may do; or only a ``note``, for people.

    step: what it is of, with its hazards and locks; None for what opens and closes transactions, and what is the user's.
    """

    sql: str
    step: Step | None = None
    note: str | None = None

    @property
    def hazards(self) -> tuple[Hazard, ...]:
        """The hazards of the step."""
        return self.step.hazards if self.step is not None else ()


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
    assume_small: bool = False,
) -> Script:
    """Return what applying, or undoing, a migration sends. dialect: left out, that of the database.

    Tables that the migration does not make are taken to be large, unless assume_small is True.

    Raises `NodeError` where there is no such migration, `UsageError` for a dialect without an
    engine, `UnsupportedError` where the database has not what it needs.
    """
    refuse_unknown_dialect(dialect)
    engine = engine_for(dialect or dialect_of(config, alias))
    history = load(config.apps)
    node = history.node(config.app(app).label, name)
    # What comes before it in the order is there, too: a key that one of these took away is not.
    before = history.graph.order()[: history.graph.position(node.key)]
    there = [each.key for each in ((*before, node) if backwards else before)]
    policy = SHORT if assume_small or not config.online else SAFE
    work = next(build_work(history, engine, Plan((Stage((node,)),), backwards), there, policy))
    batches = work.batches if work.items else []
    return Script(
        label=node.label,
        dialect=engine.dialect,
        backwards=backwards,
        operations=work.operations,
        statements=tuple(each for batch in batches for each in enclose(engine, batch)),
    )


def refuse_unknown_dialect(dialect: str | None) -> None:
    """Raises `UsageError` for a dialect without an engine."""
    if dialect is not None and dialect not in DIALECTS:
        raise UsageError(
            f"--dialect: there is no engine for {dialect!r}",
            hint=f"Engines: {', '.join(DIALECTS)}.",
        )


def enclose(engine: Engine, items: Sequence[PlanItem]) -> list[Statement]:
    """The statements of a batch, in its transaction if it has one."""
    own = [_statement(engine, item) for item in items]
    if not all(item.transactional for item in items):
        return own
    steps = [item for item in items if isinstance(item, Step)]
    if not steps:
        return own
    opening = [Statement(sql) for sql in engine.opening(steps)]
    return [*opening, *own, *(Statement(sql) for sql in engine.closing(steps))]


def _statement(engine: Engine, item: PlanItem) -> Statement:
    match item:
        case DataOperation(operation=Backfill() as operation):
            from whimbrel.run.data.template import template

            shown = template(item, operation, engine.dialect)
            rest = f", each: {shown}" if shown else ": it cannot be shown as SQL"
            return Statement("", note=f"{item.title}, in batches along the primary key{rest}")
        case DataOperation():
            return Statement("", note=f"{item.title}: it cannot be shown as SQL")
        case Step(update=BatchedUpdate() as update):
            return Statement(engine.walk(update), item)
        case UserStep():
            given = with_driver_values(engine.dialect, item.parameters or ())
            return Statement(with_literals(item.sql, given, engine.literal))
    return Statement(item.sql, item)
