"""The scope of rules: one migration, with what it would do to a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from whimbrel.engines.base import Engine
from whimbrel.engines.policy import SAFE
from whimbrel.engines.sql.splitting import statements
from whimbrel.engines.step import Step, UserStep
from whimbrel.errors import StateError, WhimbrelError
from whimbrel.history.loader import History
from whimbrel.history.migration import Migration
from whimbrel.history.node import Node
from whimbrel.lint.effects import Effect, effects_of, read, tables_of_step
from whimbrel.lint.functions import code_of, sql_in
from whimbrel.lint.statements import Consequence, Reading, Seen
from whimbrel.operations.base import Operation, Transition
from whimbrel.operations.special import SeparateDatabaseAndState
from whimbrel.planning.items import PlanItem
from whimbrel.planning.plan import Plan, Stage
from whimbrel.planning.work import build_work, transitions_of
from whimbrel.schema.families import is_text
from whimbrel.schema.table import PrimaryKey, Table, Unique
from whimbrel.state.lowering import tables_of
from whimbrel.state.state import State

_TRACEBACK = "whimbrel sqlmigrate APP NAME --traceback shows where."


@dataclass(frozen=True)
class LintScope:
    """A migration, applied to a database that has all that comes before it in the graph's order.

    seen: what was seen of its items where it was run.
    """

    history: History
    engine: Engine
    node: Node
    seen: Seen = field(default_factory=dict)

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of the database."""
        return self.engine.dialect

    @cached_property
    def migration(self) -> Migration:
        """The migration as its file has it."""
        return self.history.migration(self.node.key)

    @cached_property
    def transitions(self) -> list[Transition]:
        """The operations, with the states around each. Raises `StateError` where one does not fit."""
        states = self.history.state_before(self.node.key)
        return transitions_of(self.history, self.node.key, states)

    @property
    def items(self) -> tuple[PlanItem, ...]:
        """The steps and data operations that applying it takes; tables are taken to be large.

        Nothing where the database cannot do it: see `error`.
        """
        return self._planned[0]

    @property
    def error(self) -> WhimbrelError | None:
        """The reason for which the database cannot do it."""
        return self._planned[1]

    @cached_property
    def _planned(self) -> tuple[tuple[PlanItem, ...], WhimbrelError | None]:
        order = self.history.graph.order()
        there = [each.key for each in order[: self.history.graph.position(self.node.key)]]
        plan = Plan((Stage((self.node,)),))
        try:
            return next(build_work(self.history, self.engine, plan, there, SAFE)).items, None
        except WhimbrelError as error:
            return (), error
        except Exception as error:  # of an operation's own code
            return (), StateError(f"{type(error).__name__}: {error}", hint=_TRACEBACK)

    @cached_property
    def effects(self) -> list[Effect]:
        """What the items do to tables that were there before the migration."""
        known: dict[str, list[Consequence]] = {}
        for item, reading in self.statements:
            known.setdefault(item.id, []).extend(reading.consequences)
        found = (
            each
            for item in self.items
            for each in effects_of(item, known.get(item.id, ()), self.seen.get(item.id, ()))
        )
        return [
            each
            for each in found
            if (not self.is_new(each.table) or each.table in self._old_tables)
            and (each.to_text is None or self._is_no_text(each.table, each.to_text))
        ]

    @cached_property
    def _old_tables(self) -> frozenset[str]:
        """The names of tables before: what is done to one of these counts, though another takes its name."""
        before = self.transitions[0].before.database if self.transitions else State()
        return frozenset(str(each.at) for each in _tables(before))

    def _is_no_text(self, table: str, column: str) -> bool:
        """True for a column that is known, and no text before the migration."""
        before = self.transitions[0].before.database
        columns = (of for each in _tables(before) if str(each.at) == table for of in each.columns)
        return any(of.name == column and not is_text(of.type) for of in columns)

    @property
    def operations(self) -> Iterator[tuple[int, Operation]]:
        """The operations, each with its number; those inside of another one in its place."""
        for each in self.transitions:
            if not isinstance(each.operation, SeparateDatabaseAndState):
                yield each.number, each.operation

    def transition(self, number: int) -> Transition:
        """The first transition of the operation of a number."""
        return next(each for each in self.transitions if each.number == number)

    def is_unknown_to_models(self, subject: str) -> bool:
        """True for a table or a column ("blog_post.title") that the database has, and no model of before."""
        return subject in self._subjects[1] - self._subjects[0]

    @cached_property
    def _subjects(self) -> tuple[frozenset[str], frozenset[str]]:
        """What models before the migration are kept in, and what the database has then."""
        before = self.history.state_before(self.node.key)
        models, database = (
            frozenset(
                name
                for table in (_tables(state) if not before.is_one else ())
                for name in (str(table.at), *(f"{table.at}.{each.name}" for each in table.columns))
            )
            for state in before
        )
        return models, database

    def is_own(self, file: str) -> bool:
        """True for the migration's own file."""
        return self.node.file is not None and Path(file) == Path(self.node.file)

    def is_on_new(self, step: Step) -> bool:
        """True for a step that is about a table which the migration itself creates."""
        return any(map(self.is_new, tables_of_step(step)))

    def is_new(self, table: str) -> bool:
        """True for a table that the migration itself creates ("schema.table"): nobody waits for it."""
        return table in self._new_tables or any(
            table in reading.creates for _, reading in self.statements
        )

    @cached_property
    def statements(self) -> list[tuple[PlanItem, Reading]]:
        """The items with SQL of the user's own, those of functions too, and what is known of each statement."""
        return [
            (item, read(sql, self.dialect)) for item in self.items for sql in self._sql_of(item)
        ]

    def _sql_of(self, item: PlanItem) -> list[str]:
        if isinstance(item, UserStep):
            return [item.sql]
        if isinstance(item, Step) or item.operation.batched:
            return []
        function = item.operation.get_function(backwards=False)
        code = code_of(function) if function is not None else None
        given = sql_in(code) if code is not None else ()
        return [sql for text in given for sql in statements(text, self.dialect)]

    def keys(self, table: str) -> list[frozenset[str]]:
        """The columns of each key of a table; of one that no model has: "id"."""
        for each in self._tables:
            if str(each.at) == table:
                keys = (of for of in each.constraints if isinstance(of, PrimaryKey | Unique))
                return [frozenset(of.columns) for of in keys]
        return [frozenset({"id"})]

    @cached_property
    def _tables(self) -> list[Table]:
        return list(_tables(self.transitions[-1].after.database)) if self.transitions else []

    @cached_property
    def _new_tables(self) -> frozenset[str]:
        if not self.transitions:
            return frozenset()
        start = self.transitions[0].before.database
        seen = {id(each.after.database): each.after.database for each in self.transitions}
        found: set[str] = set()
        for state in seen.values():
            known = {each.key or each.at for each in changed_tables(state, start)}
            new = (
                each for each in changed_tables(start, state) if (each.key or each.at) not in known
            )
            found.update(str(each.at) for each in new)
        return frozenset(found)

    def title(self, number: int) -> str:
        """The operation of a number, for people; empty for 0."""
        return self.migration.operations[number - 1].describe() if number else ""


def changed_tables(start: State, state: State) -> Iterator[Table]:
    """The tables of those models of a state that another does not have just so."""
    changed = (model for model in state if start.find(model.label) is not model)
    return (table for model in changed for table in tables_of(state, model))


def _tables(state: State) -> Iterator[Table]:
    return (table for model in state for table in tables_of(state, model))
