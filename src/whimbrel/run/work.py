"""A plan's stages as work: the states on the way, and the steps from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from whimbrel.engines import Engine, Step
from whimbrel.errors import WhimbrelError
from whimbrel.history.loader import History
from whimbrel.history.migration import Migration
from whimbrel.history.node import Key, Node
from whimbrel.operations.base import Operation, States
from whimbrel.run.gather import gathered
from whimbrel.run.plan import Plan, Stage


@dataclass(frozen=True)
class Work:
    """One stage with its steps. ``operations``: a line each, for people."""

    stage: Stage
    backwards: bool
    atomic: bool
    operations: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def batches(self) -> list[tuple[Step, ...]]:
        """The steps as they are sent: each batch in a transaction, or alone without one.

        One batch, if it can be; a stage without steps has one too, for its record.
        """
        if not self.steps:
            return [()]
        batches: list[list[Step]] = []
        for step in self.steps:
            if batches and self._is_shared(step) and self._is_shared(batches[-1][-1]):
                batches[-1].append(step)
            else:
                batches.append([step])
        return [tuple(batch) for batch in batches]

    def _is_shared(self, step: Step) -> bool:
        """Whether a step may share its transaction; where atomic is False, none that locks does."""
        return step.transactional and (self.atomic or not step.is_locking)

    @property
    def is_journalled(self) -> bool:
        """Whether it could end half done: not all of it happens in one transaction."""
        return len(self.batches) > 1 or any(not step.transactional for step in self.steps)


def work_of(history: History, engine: Engine, plan: Plan, applied: Iterable[Key]) -> Iterator[Work]:
    """The work of a plan's stages, one after the other, on a database with ``applied``."""
    if plan.backwards:
        return _backwards(history, engine, plan, frozenset(applied))
    return _forwards(history, engine, plan, frozenset(applied))


def work_from_files(
    history: History, engine: Engine, node: Node, *, backwards: bool = False
) -> Work:
    """The work of one migration on a database that has what it depends on, and nothing else."""
    before = history.graph.ancestors([node.key]) - {node.key}
    applied = before | {node.key} if backwards else before
    return next(work_of(history, engine, Plan((Stage((node,)),), backwards), applied))


def _forwards(
    history: History, engine: Engine, plan: Plan, applied: frozenset[Key]
) -> Iterator[Work]:
    states = history.states_of(applied & history.graph.nodes.keys())
    for stage in plan.stages:
        for piece, way in _pieces(history, stage, states, engine.widest_leap):
            states = way[-1]
            steps = _steps(engine, way)
            migrations = [history.migration(node.key) for node in piece.nodes]
            yield _work(piece, migrations, steps, backwards=False)


def _pieces(
    history: History, stage: Stage, states: States, widest: int | None
) -> Iterator[tuple[Stage, list[States]]]:
    """A stage with the states on its way, a leap with only those before and after it.

    A leap that is too wide is taken as several shorter ones.
    """
    nodes: list[Node] = []
    way = [states]
    for node in stage.nodes:
        nodes.append(node)
        more = _way([history.migration(node.key)], way[-1])
        way = [way[0], more[-1]] if stage.is_leap else more
        made = len(way[-1].database.models) - len(way[0].database.models)
        if widest is not None and made >= widest:
            yield Stage(tuple(nodes)), way
            nodes, way = [], way[-1:]
    if nodes:
        yield Stage(tuple(nodes)), way


def _backwards(
    history: History, engine: Engine, plan: Plan, applied: frozenset[Key]
) -> Iterator[Work]:
    """What stays is replayed first: what is undone depends on it, and nothing on what is undone."""
    undone = {node.key for node in plan.nodes}
    states = history.states_of((applied & history.graph.nodes.keys()) - undone)
    ways: dict[Key, list[States]] = {}
    for node in reversed(plan.nodes):
        ways[node.key] = _way([history.migration(node.key)], states)
        states = ways[node.key][-1]
    for stage in plan.stages:
        migrations = [history.migration(node.key) for node in stage.nodes]
        steps = _steps(engine, ways.pop(stage.nodes[0].key)[::-1])
        yield _work(stage, migrations, steps, backwards=True)


def _way(migrations: Iterable[Migration], states: States) -> list[States]:
    """The states before, between and after all operations of migrations."""
    way = [states]
    for migration in migrations:
        for operation in migration.operations:
            with _named(migration, operation):
                way.append(operation.apply_to_both(migration.app, way[-1]))
    return way


@contextmanager
def _named(migration: Migration, operation: Operation) -> Iterator[None]:
    """Errors of an operation, with the migration that it is in."""
    try:
        yield
    except WhimbrelError as error:
        error.place = f"{migration.label}: {error.place or operation.describe()}"
        raise


def _steps(engine: Engine, way: Sequence[States]) -> tuple[Step, ...]:
    changes, schema = gathered((one.database, next_.database) for one, next_ in pairwise(way))
    return tuple(engine.steps(changes, schema))


def _work(
    stage: Stage, migrations: Sequence[Migration], steps: tuple[Step, ...], *, backwards: bool
) -> Work:
    operations = tuple(
        operation.describe() for migration in migrations for operation in migration.operations
    )
    return Work(
        stage=stage,
        backwards=backwards,
        # A leap goes to an empty database: nobody waits for it.
        atomic=stage.is_leap or migrations[0].atomic,
        operations=operations[::-1] if backwards else operations,
        steps=steps,
    )
