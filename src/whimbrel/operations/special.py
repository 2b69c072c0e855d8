"""Operations that say what no difference of states can tell: code, SQL, and states apart."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from whimbrel.errors import StateError, UsageError
from whimbrel.operations.base import Operation, OperationContext, Transition, assume
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair

#: One statement, or several in one string; or one with its parameters.
Statement: TypeAlias = str | tuple[str, Any]
#: What RunSQL takes: statements, or for each dialect its own.
Statements: TypeAlias = Statement | Sequence[Statement]
SQLOf: TypeAlias = Statements | Mapping[str, Statements]


@dataclass(frozen=True)
class FunctionBody:
    """A function of whose code a digest is to be made, and not of its name alone."""

    function: Callable[..., Any] | None


def noop(apps: Any, schema_editor: Any) -> None:
    """Do nothing: for a direction in which there is nothing to do."""


@dataclass(frozen=True)
class RunPython(Operation):
    """Calls ``code(apps, schema_editor)``; on the way back ``reverse_code``.

    ``apps.get_model(app, name)`` gives a model as it is at this point of history. The functions
    may be ``async``. ``atomic``: None (the default) runs it as its migration, which mostly is one
    transaction with it; True in a transaction in any case; False outside of any. ``elidable``:
    whether a squash may leave it out. ``RunPython.noop`` does nothing.
    """

    code: Callable[[Any, Any], Any]
    reverse_code: Callable[[Any, Any], Any] | None = None
    atomic: bool | None = None
    elidable: bool = False
    noop: ClassVar[Callable[[Any, Any], None]] = staticmethod(noop)

    def __post_init__(self) -> None:
        given: tuple[Any, ...] = (self.code, self.reverse_code or noop)
        for each in given:
            if not callable(each):
                raise UsageError(
                    f"RunPython takes functions, not {each!r}",
                    hint="Write def forwards(apps, schema_editor): ... and RunPython(forwards).",
                )

    def models(self, app: str) -> frozenset[str]:
        return frozenset()

    def execute(self, context: OperationContext) -> Any:
        return self.code(context.apps, context.schema_editor)

    def undo(self, context: OperationContext) -> Any:
        return (self.reverse_code or noop)(context.apps, context.schema_editor)

    def get_function(self, *, backwards: bool) -> Callable[..., Any] | None:
        found = self.reverse_code if backwards else self.code
        return None if found is noop else found

    def missing_reverse(self) -> str | None:
        if self.reverse_code is not None:
            return None
        return (
            f"Give RunPython({name_of(self.code)}) a second function, which undoes it: "
            f"RunPython({name_of(self.code)}, backwards); or RunPython.noop, where nothing is to "
            "be undone."
        )

    def digest_form(self) -> Any:
        """Return what it does, for the digest: its functions' code; not whether a squash may leave it out."""
        return [FunctionBody(self.code), FunctionBody(self.reverse_code), self.atomic]

    def describe(self) -> str:
        return f"Run Python function {name_of(self.code)}"

    def describe_reverse(self) -> str:
        return f"undo: Run Python function {name_of(self.reverse_code or self.code)}"

    @property
    def fragment(self) -> str:
        return name_of(self.code).strip("<>_").lower()


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function, as people know it."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__qualname__", None) or type(function).__name__


@dataclass(frozen=True)
class RunSQL(Operation):
    """Sends SQL as it stands; on the way back ``reverse_sql``.

    Either is a string of one or more statements, a list of such, a pair of a statement and its
    parameters (``%s``, or ``%(name)s``) in that list, or a mapping of dialects to any of these.
    ``state_operations``: what it does, as operations, where models are concerned. ``elidable``:
    whether a squash may leave it out. ``RunSQL.noop`` does nothing.
    """

    sql: SQLOf
    reverse_sql: SQLOf | None = None
    state_operations: Sequence[Operation] | None = None
    elidable: bool = False
    barrier: ClassVar[bool] = True
    noop: ClassVar[str] = ""

    def apply(self, app: str, state: State) -> State:
        for operation in self.state_operations or ():
            state = operation.apply(app, state)
        return state

    def apply_to_both(self, app: str, states: StatePair) -> StatePair:
        return assume(app, self.state_operations or (), states)

    def transitions(self, app: str, states: StatePair) -> Iterator[Transition]:
        yield Transition(self, states, self.apply_to_both(app, states))

    def models(self, app: str) -> frozenset[str]:
        return _models_of(app, self.state_operations or ())

    @property
    def is_opaque(self) -> bool:
        return self.state_operations is None

    def left_when_elided(self) -> Sequence[Operation]:
        return self.state_operations or ()

    def get_sql(self, *, backwards: bool) -> SQLOf | None:
        """The SQL of a direction, as it was given."""
        return self.reverse_sql if backwards else self.sql

    def missing_reverse(self) -> str | None:
        if self.reverse_sql is not None:
            return None
        return (
            f"Give RunSQL({_short(self.sql)!r}) a reverse_sql=, which undoes it; or "
            "reverse_sql=migrations.RunSQL.noop, where nothing is to be undone."
        )

    def digest_form(self) -> Any:
        """Return what it does, for the digest; not whether a squash may leave it out."""
        return [self.sql, self.reverse_sql, list(self.state_operations or ())]

    def describe(self) -> str:
        return f"Run SQL: {_short(self.sql)}"

    @property
    def fragment(self) -> str:
        return "run_sql"


def _short(sql: SQLOf) -> str:
    """The beginning of some SQL, on one line."""
    while isinstance(sql, Mapping | list | tuple):
        if not sql:
            return "nothing"
        sql = next(iter(sql.values())) if isinstance(sql, Mapping) else sql[0]
    line = " ".join(str(sql).split()) or "nothing"
    return line if len(line) <= 60 else f"{line[:59]}…"


@dataclass(frozen=True)
class SeparateDatabaseAndState(Operation):
    """Does one thing in the database, and says another of the models.

    ``database_operations`` are carried out, ``state_operations`` change what the models look
    like. Where the former are RunSQL and RunPython alone, they are taken to do in the database
    what the latter say.
    """

    database_operations: Sequence[Operation] = ()
    state_operations: Sequence[Operation] = ()
    barrier: ClassVar[bool] = True
    positional: ClassVar[int] = 0

    def apply(self, app: str, state: State) -> State:
        for operation in self.state_operations:
            state = operation.apply(app, state)
        return state

    def apply_to_both(self, app: str, states: StatePair) -> StatePair:
        *_, last = self.transitions(app, states)
        return last.after

    def transitions(self, app: str, states: StatePair) -> Iterator[Transition]:
        """Those of the database's operations; at last itself, which does no more in the database."""
        inner = states
        for operation in self.database_operations:
            for transition in _transitions_of(operation, app, inner):
                yield transition
                inner = transition.after
        if self.database_operations and all(
            each.is_opaque and not each.batched for each in self.database_operations
        ):
            after = assume(app, self.state_operations, states)
        else:
            after = StatePair(self.apply(app, states.models), inner.database).join()
        yield Transition(self, inner, after)

    def models(self, app: str) -> frozenset[str]:
        return _models_of(app, (*self.database_operations, *self.state_operations))

    @property
    def is_opaque(self) -> bool:
        return all(each.is_opaque for each in (*self.database_operations, *self.state_operations))

    def missing_reverse(self) -> str | None:
        missing = (operation.missing_reverse() for operation in self.database_operations)
        return next((each for each in missing if each is not None), None)

    def describe(self) -> str:
        database = _list(self.database_operations)
        return f"In the database alone: {database}; in the models alone: {_list(self.state_operations)}"

    @property
    def fragment(self) -> str:
        inner = [*self.state_operations, *self.database_operations]
        return inner[0].fragment if inner else "separate"


def _transitions_of(operation: Operation, app: str, states: StatePair) -> list[Transition]:
    """The transitions of an operation in the database; where only that has what it is about, there alone."""
    try:
        return list(operation.transitions(app, states))
    except StateError as error:
        try:
            return list(operation.transitions(app, StatePair.of(states.database)))
        except StateError:
            raise error from None


def _models_of(app: str, operations: Sequence[Operation]) -> frozenset[str]:
    return frozenset(label for each in operations for label in each.models(app))


def _list(operations: Sequence[Operation]) -> str:
    return ", ".join(each.describe() for each in operations) or "nothing"
