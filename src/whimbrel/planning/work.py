"""A plan's stages as work: the states on the way, and the items from one to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import NamedTuple

from whimbrel.engines import Engine, Step
from whimbrel.engines.policy import SHORT, Policy
from whimbrel.errors import WhimbrelError
from whimbrel.history.loader import History
from whimbrel.history.migration import Migration
from whimbrel.history.node import Key, Node
from whimbrel.operations.base import Transition
from whimbrel.operations.fields import AlterField
from whimbrel.operations.special import RunSQL, SeparateDatabaseAndState
from whimbrel.planning.items import (
    DataOperation,
    PlanItem,
    boundary_for,
    may_join,
    split_for,
    writes_rows,
)
from whimbrel.planning.maker import Numbered, StateRange, StepMaker
from whimbrel.planning.plan import Plan, Stage
from whimbrel.planning.statements import user_steps
from whimbrel.schema.expressions import SQL
from whimbrel.schema.types import enum_types
from whimbrel.state.provenance import LeapSplitter
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair


class Source(NamedTuple):
    """A migration as the record keeps it: the digest of what it does, and the text of its file."""

    digest: str | None
    text: str | None


@dataclass(frozen=True)
class Work:
    """One stage with its items. ``operations``: a line each, for people.

    is_resumed: True if the journal has it; done, begun: the ids of items of which it says so;
    sources: what the record is to say that migrations did, where that may not be what their files
    do now. undoing: True if the items take back what was done of the stage, which is not recorded then.
    """

    stage: Stage
    backwards: bool
    atomic: bool
    operations: tuple[str, ...]
    items: tuple[PlanItem, ...]
    is_resumed: bool = False
    undoing: bool = False
    done: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()
    sources: Mapping[Key, Source] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The items that are statements."""
        return tuple(item for item in self.items if isinstance(item, Step))

    @property
    def batches(self) -> list[tuple[PlanItem, ...]]:
        """The items as they are carried out: each batch in a transaction, or alone without one.

        One batch, if it can be; a stage without items has one too, for its record.
        """
        if not self.items:
            return [()]
        batches: list[list[PlanItem]] = []
        for item in self.items:
            if not batches or not may_join(batches[-1], item, atomic=self.atomic):
                batches.append([])
            elif not self.atomic and (at := split_for(batches[-1], item)):
                batches[-1:] = [batches[-1][:at], batches[-1][at:]]
            batches[-1].append(item)
        return [tuple(batch) for batch in batches]

    @property
    def is_backwards(self) -> bool:
        """True if it undoes migrations, or takes back what was done of one."""
        return self.backwards != self.undoing

    @property
    def is_journalled(self) -> bool:
        """True if it could end half done: not all of it happens in one transaction."""
        return (
            self.is_resumed
            or self.undoing
            or len(self.batches) > 1
            or not all(item.transactional for item in self.items)
        )


def build_work(
    history: History,
    engine: Engine,
    plan: Plan,
    applied: Iterable[Key],
    policy: Policy = SHORT,
) -> Iterator[Work]:
    """The work of a plan's stages, one after the other, on a database with ``applied``.

    policy: for its tables as they are before.
    """
    maker = StepMaker(engine, policy)
    if plan.backwards:
        return _backwards(history, maker, plan, frozenset(applied))
    return _forwards(history, maker, plan, frozenset(applied))


def _forwards(
    history: History, maker: StepMaker, plan: Plan, applied: frozenset[Key]
) -> Iterator[Work]:
    states = history.states_of(applied & history.graph.nodes.keys())
    filled: frozenset[str] = frozenset()
    for stage in plan.stages:
        if stage.is_leap:
            for segment, ranges in _segments(
                history, stage, states, filled, maker.engine.capabilities.max_tables_in_transaction
            ):
                states = ranges[-1].after if ranges else states
                migrations = [history.migration(node.key) for node in segment.nodes]
                with _placed(segment.labels):
                    steps = [step for range_ in ranges for step in maker.steps([range_])]
                # A leap goes to an empty database: nobody waits for it.
                yield _work(segment, migrations, _identify(steps, ()), atomic=True)
        else:
            migration = history.migration(stage.nodes[0].key)
            transitions = transitions_of(history, stage.nodes[0].key, states)
            states = transitions[-1].after if transitions else states
            barriers = [each for each in transitions if each.operation.barrier]
            # There may be rows in their tables, since a barrier may have put them in.
            filled = _keys(*barriers[-1].after) if barriers else filled
            yield _work(stage, [migration], _items(maker, migration, transitions))


def _keys(*states: State) -> frozenset[str]:
    return frozenset(model.key for state in states for model in state)


def _segments(
    history: History, stage: Stage, states: StatePair, filled: frozenset[str], widest: int | None
) -> Iterator[tuple[Stage, list[StateRange]]]:
    """A leap as the states before and after it; one that is too wide as several shorter ones.

    filled: the models whose rows must come out as if they had gone step by step.
    """
    nodes: list[Node] = []
    ranges: list[StateRange] = []
    splitter = LeapSplitter(filled)
    for node in stage.nodes:
        nodes.append(node)
        for transition in transitions_of(history, node.key, states):
            states = transition.after
            ranges = _extend(ranges, transition, splitter)
        if widest is not None and ranges and _new_tables(ranges) >= widest:
            yield Stage(tuple(nodes)), ranges
            nodes, ranges = [], []
            splitter.restart()
    if nodes:
        yield Stage(tuple(nodes)), ranges


def _extend(
    ranges: list[StateRange], transition: Transition, splitter: LeapSplitter
) -> list[StateRange]:
    """Ranges with one more transition in the last, unless rows would get something else of that.

    Nor where the database was found to be another than it was.
    """
    is_other = bool(ranges) and ranges[-1].after.database is not transition.before.database
    if is_other:
        splitter.restart()
    is_cut = splitter.is_needed_before(transition.before.database, transition.after.database)
    if is_cut or is_other or not ranges:
        return [*ranges, StateRange(transition.before, transition.after)]
    return [*ranges[:-1], StateRange(ranges[-1].before, transition.after)]


def _new_tables(ranges: Sequence[StateRange]) -> int:
    return len(ranges[-1].after.database.models) - len(ranges[0].before.database.models)


def _backwards(
    history: History, maker: StepMaker, plan: Plan, applied: frozenset[Key]
) -> Iterator[Work]:
    """Yield the work of a way back. What stays is replayed first: what is undone depends on it."""
    undone = {node.key for node in plan.nodes}
    states = history.states_of((applied & history.graph.nodes.keys()) - undone)
    by_key: dict[Key, list[Transition]] = {}
    for node in reversed(plan.nodes):
        transitions = by_key[node.key] = transitions_of(history, node.key, states)
        states = transitions[-1].after if transitions else states
    for stage in plan.stages:
        migration = history.migration(stage.nodes[0].key)
        items = _items(maker, migration, by_key.pop(stage.nodes[0].key)[::-1], backwards=True)
        yield _work(stage, [migration], items, backwards=True)


def transitions_of(history: History, key: Key, states: StatePair) -> list[Transition]:
    """The operations of a migration, and those that they are made of, with the states around each."""
    migration = history.migration(key)
    transitions: list[Transition] = []
    for number, operation in enumerate(migration.operations, start=1):
        with history.naming(migration, operation):
            here = transitions[-1].after if transitions else states
            made = list(operation.transitions(migration.app, here))
            for transition in made:
                transition.operation.refuse_misfits(migration.app, transition.before.models)
            transitions += [each._replace(number=number) for each in made]
    return transitions


@contextmanager
def _placed(labels: Sequence[str]) -> Iterator[None]:
    """Add the migrations to the place of an error of the engine."""
    try:
        yield
    except WhimbrelError as error:
        title = " to ".join(dict.fromkeys((labels[0], labels[-1])))
        error.place = f"{title}: {error.place}" if error.place else title
        raise


def build_both_ways(
    history: History, engines: Iterable[Engine], key: Key, states: StatePair
) -> StatePair:
    """The states after a migration of which every engine could make the work, there and back.

    Raises `StateError` and others, as a run would on a database with history.
    """
    migration, transitions = history.migration(key), transitions_of(history, key, states)
    is_reversible = all(each.missing_reverse() is None for each in migration.operations)
    for maker in map(StepMaker, engines):
        _items(maker, migration, transitions)
        try:
            _items(maker, migration, transitions[::-1], backwards=True) if is_reversible else ()
        except WhimbrelError as error:
            error.message = f"on the way back: {error.message}"
            raise
    return transitions[-1].after if transitions else states


def data_operations(
    history: History, engine: Engine, key: Key, states: StatePair
) -> tuple[list[DataOperation], StatePair]:
    """Return the data operations of a migration, forwards from these states, and those after it."""
    migration, found = history.migration(key), list[DataOperation]()
    for transition in transitions_of(history, key, states):
        states = transition.after
        if transition.operation.barrier and transition.operation.is_executed:
            items = _of_barrier(StepMaker(engine), migration, transition, backwards=False)
            found += (item for item, _, _ in items if isinstance(item, DataOperation))
    return found, states


# -- items -------------------------------------------------------------------------------------


def _items(
    maker: StepMaker,
    migration: Migration,
    transitions: Sequence[Transition],
    *,
    backwards: bool = False,
) -> tuple[PlanItem, ...]:
    """The row of items: the steps of each run of pure operations, and the barriers between."""
    items: list[Numbered] = []
    for is_barrier, group in groupby(transitions, lambda transition: transition.operation.barrier):
        if is_barrier:
            for each in group:
                _add(items, _of_barrier(maker, migration, each, backwards), migration, maker.engine)
        else:
            ranges = list(_merge_ranges(group, backwards))
            with _placed([migration.label]):
                steps = [
                    step
                    for run in _group_ranges(ranges)
                    for step in maker.steps(run, backwards=backwards, online=migration.online)
                ]
            _add(items, steps, migration, maker.engine)
    return _identify(items, [operation.describe() for operation in migration.operations])


def _identify(items: Iterable[Numbered], titles: Sequence[str]) -> tuple[PlanItem, ...]:
    """Return items with their ids: the number of their operation, and theirs among its items."""
    counts: Counter[int] = Counter()
    made: list[PlanItem] = []
    for item, number, covers in items:
        counts[number] += 1
        id = f"{number}.{counts[number]}"
        if isinstance(item, DataOperation):
            made.append(replace(item, id=id))
        else:
            title = titles[number - 1] if titles and number else ""
            made.append(replace(item, id=id, operation=title, covers=covers))
    return tuple(made)


def _merge_ranges(transitions: Iterable[Transition], backwards: bool) -> Iterator[StateRange]:
    """The states around transitions; around a row of alterations to fields of one model, once.

    Each by itself would look at the whole table: a thousand columns, a million times.
    """
    for _, group in groupby(enumerate(transitions), _altered_alone):
        transitions = [transition for _, transition in group]
        ranges = [_range_of(transition, backwards) for transition in transitions]
        names = {str(getattr(each.operation, "name", "")).lower() for each in transitions}
        is_one = all(one.after.database is two.before.database for one, two in pairwise(ranges))
        if is_one and len(names) == len(transitions):
            first = min(range_.number for range_ in ranges)
            yield StateRange(ranges[0].before, ranges[-1].after, first)
        else:
            yield from ranges


def _altered_alone(numbered: tuple[int, Transition]) -> tuple[str, int]:
    """The model of a field that is altered by itself; else something of the transition's own."""
    number, (operation, before, _, _) = numbered
    if not isinstance(operation, AlterField) or before.database is not before.models:
        return "", number
    field = operation.field
    other = field.relation or field.computed() is not None or isinstance(field.default, SQL)
    if other or enum_types(field.column_type()):
        return "", number
    return operation.model_name.lower(), -1


def _group_ranges(ranges: Sequence[StateRange]) -> list[list[StateRange]]:
    """Ranges in runs, each of which an engine may take together, in one rebuild of a table."""
    if len(ranges) < 2:
        return [list(ranges)]
    splitter = LeapSplitter(_keys(*ranges[0].before))
    runs: list[list[StateRange]] = []
    for range_ in ranges:
        if splitter.is_needed_before(range_.before.database, range_.after.database) or not runs:
            runs.append([])
        runs[-1].append(range_)
    return runs


def _add(
    items: list[Numbered], more: Sequence[Numbered], migration: Migration, engine: Engine
) -> None:
    """More items, for which nothing of what went before is left to be checked at the commit."""
    meet = migration.atomic and items and more
    if meet and writes_rows(items[-1][0]) and isinstance(more[0][0], Step):
        items += [(Step((sql,)), more[0][1], ()) for sql in engine.flush_deferred()]
    items += more


def _range_of(transition: Transition, backwards: bool) -> StateRange:
    before, after = transition.before, transition.after
    return StateRange(*((after, before) if backwards else (before, after)), transition.number)


def _of_barrier(
    maker: StepMaker, migration: Migration, transition: Transition, backwards: bool
) -> list[Numbered]:
    operation, before, after, number = transition
    if isinstance(operation, SeparateDatabaseAndState):
        return []  # what it is made of has gone before
    if isinstance(operation, RunSQL):
        with _placed([migration.label]):
            steps = user_steps(
                operation, maker.engine.dialect, backwards=backwards, atomic=migration.atomic
            )
            return [(maker.engine.with_probes(step), number, ()) for step in steps]
    if not operation.is_executed:
        with _placed([migration.label]):
            return maker.steps(
                [_range_of(transition, backwards)], backwards=backwards, online=migration.online
            )
    boundary = boundary_for(operation, atomic=migration.atomic)
    there = after.models if backwards else before.models
    data = DataOperation(operation, migration.app, there, backwards, boundary)
    return [(data, number, ())]


def _work(
    stage: Stage,
    migrations: Sequence[Migration],
    items: tuple[PlanItem, ...],
    *,
    atomic: bool | None = None,
    backwards: bool = False,
) -> Work:
    operations = tuple(
        operation.describe() for migration in migrations for operation in migration.operations
    )
    return Work(
        stage=stage,
        backwards=backwards,
        atomic=migrations[0].atomic if atomic is None else atomic,
        operations=operations[::-1] if backwards else operations,
        items=items,
    )
