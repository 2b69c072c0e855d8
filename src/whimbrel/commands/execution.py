"""A plan carried out: alone on the database, a backup first, then stage after stage.

A run that has nothing to do needs none of what is imported here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from whimbrel.commands.backup import back_up, refuse_impossible
from whimbrel.commands.preparation import make_checked_plan, policy_for, resolve_for_target
from whimbrel.commands.results import MigrateOptions, StageResult
from whimbrel.engines.policy import Policy
from whimbrel.engines.step import HazardCode, Step
from whimbrel.errors import UnsafeError
from whimbrel.history.loader import History
from whimbrel.history.node import Key
from whimbrel.planning.cache import cached_work
from whimbrel.planning.plan import Plan, Target
from whimbrel.planning.unfinished import WayOut, ways_out, work_out
from whimbrel.planning.work import Work
from whimbrel.run.connect import Database, open_connection
from whimbrel.run.events import Listener, PlanMade
from whimbrel.run.executor import Executor
from whimbrel.run.lock import refuse_endless, runner_lock
from whimbrel.run.record import Record, read, resolve_squashes
from whimbrel.run.recorder import ConcurrentRun
from whimbrel.run.session import require_own_session


@contextmanager
def exclusive_runner(
    database: Database, limit: float, emit: Listener, end: int | None = None
) -> Iterator[Executor]:
    """An executor that is the only runner on a database; for that it waits ``limit`` seconds.

    end: see `runner_lock`.

    Raises `LockError` where another one stays, `UnsupportedError` where no session is its own.
    """
    refuse_endless(limit)
    engine = database.engine
    with open_connection(database, limit) as connection:
        require_own_session(engine, connection, limit, database.shown)
        with runner_lock(engine, connection, limit, emit, end):
            engine = engine.with_facts(connection)
            yield Executor(engine, connection, emit, limit, database.alias)


@dataclass
class Execution:
    """The execution of a plan. ``done`` grows with every stage that is committed."""

    database: Database
    history: History
    target: Target
    options: MigrateOptions
    done: list[StageResult] = field(default_factory=list)
    #: The initial migrations that the database has already: they are only recorded, after steps
    #: that give names.
    _there: Mapping[Key, Sequence[Step]] = field(default_factory=dict, init=False)
    #: What runs before have begun and not ended.
    _ways: list[WayOut] = field(default_factory=list, init=False)
    _applied: Collection[Key] = field(default=(), init=False)

    def run(self) -> Plan:
        """The plan is made anew once this is the only runner: another may have done its part."""
        if self.options.backup is not None:
            refuse_impossible(self.database, self.options.backup)
        options = self.options
        with exclusive_runner(
            self.database, options.lock_timeout, options.emit, options.end_process
        ) as executor:
            executor.attempts.is_short = options.short
            plan, works = self._plan(executor)
            self.options.emit(PlanMade(len(plan.nodes)))
            if (plan or self._ways) and self.options.backup is not None:
                limit = self.options.lock_timeout
                back_up(self.database, executor.connection, self.options.backup, limit)
            if plan or self.history.complete:
                executor.prepare()
            while plan or self.history.complete or self._ways:
                try:
                    if self._ways:
                        self._end_unfinished(executor)
                        plan, works = self._plan(executor)
                        continue
                    self._record_complete(executor, self.history)
                    self._do(executor, plan, works)
                    # Originals may have been completed just now.
                    if self.history.squashes:
                        history, _ = resolve_squashes(self.history, self._record(executor))
                        self._record_complete(executor, history)
                    break
                except ConcurrentRun:
                    plan, works = self._plan(executor)
            if plan.backwards or any(done.backwards for done in self.done):
                executor.tidy()
        return plan

    def _record(self, executor: Executor) -> Record:
        return read(executor.connection, self.options.lock_timeout)

    def _plan(self, executor: Executor) -> tuple[Plan, Iterable[Work]]:
        """The plan, with all its work: what no engine can make is refused before any is done."""
        self.history, record = resolve_for_target(
            self.history, self.target, self._record(executor), fake=self.options.fake
        )
        executor.history = self.history
        plan = make_checked_plan(
            self.history, self.target, record, leap=self.options.leap, fake=self.options.fake
        )
        if self.options.fake_initial and not plan.backwards:
            # Late, since few runs look at the tables that are there.
            from whimbrel.commands.initial import find_present_initials

            self._there = find_present_initials(
                self.history,
                executor.engine,
                executor.connection,
                plan,
                record,
                rename=self.options.rename,
            )
        self._applied, self._ways = record.applied.keys(), []
        if self.options.fake:
            return plan, []
        self._ways = ways_out(self.history.graph, record.half_done, plan, self.target)
        if self._ways:
            return plan, []
        policy = self._policy(executor)
        works = cached_work(self.history, executor.engine, plan, record.applied, policy)
        if policy.sizes:
            works = list(works)
            refuse_unsafe(works)
        return plan, works

    def _policy(self, executor: Executor) -> Policy:
        return policy_for(executor.engine, executor.connection, self.options)

    def _end_unfinished(self, executor: Executor) -> None:
        """Finish the first stage that was begun, or take it back; what it changes is planned anew."""
        way = self._ways[0]
        if way.back and not way.unfinished.is_undoing:
            executor.check_begun(way.unfinished)
            half_done = self._record(executor).half_done
            way = replace(way, unfinished=half_done[way.unfinished.keys[0]])
        policy = self._policy(executor)
        work = work_out(self.history, executor.engine, self._applied, way, policy)
        if way.back and not way.unfinished.is_undoing:
            refuse_unsafe([work])
        seconds = executor.execute(work)
        self.done.append(StageResult(work.stage.labels, seconds, backwards=work.is_backwards))

    def _record_complete(self, executor: Executor, history: History) -> None:
        """Record the squashes of which all that they replace is applied."""
        for key in history.complete:
            node = history.graph.node(key)
            executor.record_complete(node, history)
            self.done.append(StageResult((node.label,), 0.0, fake=True))

    def _do(self, executor: Executor, plan: Plan, works: Iterable[Work]) -> None:
        if self.options.fake:
            for stage in plan.stages:
                executor.fake(stage, backwards=plan.backwards)
                self.done.append(StageResult(stage.labels, 0.0, backwards=plan.backwards))
            return
        ahead = _Ahead(works)
        executor.meanwhile = ahead.prepare
        for work in ahead:
            keys = [node.key for node in work.stage.nodes]
            if self._there.keys() >= set(keys):
                renames = [step for key in keys for step in self._there[key]]
                executor.fake(work.stage, backwards=False, renames=renames)
                self.done.append(StageResult(work.stage.labels, 0.0, fake=True))
            else:
                seconds = executor.execute(work)
                self.done.append(StageResult(work.stage.labels, seconds, backwards=work.backwards))


def refuse_unsafe(works: Iterable[Work]) -> None:
    """Raises `UnsafeError` where a large table has no form of a step that lets others go on."""
    for work in works:
        for step in work.steps:
            if step.has(HazardCode.NO_SAFE_FORM):
                raise UnsafeError(
                    "it would stop those who use the table, which is large; nothing was changed",
                    place=f"{work.stage.labels[0]}: {' '.join(step.sql.split())}",
                    hint="In a maintenance window: migrate --short, or online = False in the "
                    "migration, takes it as it is. The page on hazards says what to do instead.",
                )


#: Stages whose work is made before the one before them is done: long ones come after short ones.
_AHEAD = 50


class _Ahead(Iterator[Work]):
    """Work, of which some can be made before it is asked for."""

    def __init__(self, works: Iterable[Work]) -> None:
        self._works = iter(works)
        self._made: deque[Work] = deque()
        self._error: Exception | None = None

    def prepare(self) -> bool:
        """Make one more; False if there is none. An error is raised once that one is asked for."""
        if self._error is not None or len(self._made) >= _AHEAD:
            return False
        try:
            made = next(self._works, None)
        except Exception as error:
            self._error = error
            return False
        if made is not None:
            self._made.append(made)
        return made is not None

    def __next__(self) -> Work:
        if not self._made and self._error is not None:
            raise self._error
        return self._made.popleft() if self._made else next(self._works)
