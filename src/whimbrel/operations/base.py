"""The base class of operations, and how a row of them is replayed."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

from whimbrel.errors import StateError
from whimbrel.state.model import Model
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair


class Transition(NamedTuple):
    """An operation with the states before and after it.

    The database before it may be another than after the one that went before: see `StatePair.adopt`.
    number: the operation's place in its migration, from 1; 0: none.
    """

    operation: Operation
    before: StatePair
    after: StatePair
    number: int = 0


@dataclass(frozen=True)
class OperationContext:
    """The argument of `Operation.execute` and `undo`.

    app: the label of its migration's app. apps: the models as the database has them then.
    schema_editor: the database. Both are what a function of RunPython is given.
    """

    app: str
    apps: Any
    schema_editor: Any

    def get_model(self, name: str) -> Any:
        """Return a model of the migration's own app."""
        return self.apps.get_model(self.app, name)


@dataclass(frozen=True)
class Operation(ABC):
    """A pure function from a state to a state; what it does beyond that is in `execute`.

    A user's own operation is a subclass, and a frozen dataclass, that defines `describe`, and
    `apply` or `execute` or both. What it does not say is taken to be the safest there is.
    """

    #: True: no leap crosses it and no squash takes it apart. With `execute` it always is.
    barrier: ClassVar[bool] = False
    #: True: it is executed in transactions of its own, and goes on where it was.
    batched: ClassVar[bool] = False
    #: How many arguments `deconstruct` gives without their names.
    positional: ClassVar[int] = 1

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.barrier = cls.barrier or cls.execute is not Operation.execute

    def apply(self, app: str, state: State) -> State:
        """Return the state after it, for a migration of ``app``: as it is, where nothing is said.

        Raises `StateError` where it does not fit.
        """
        return state

    @abstractmethod
    def describe(self) -> str:
        """Return a line for people: "Add field slug to post"."""

    @property
    def fragment(self) -> str:
        """The fragment of a file's name: "post_slug"."""
        return "_".join(re.findall("[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", type(self).__name__)).lower()

    # -- in the database, where no difference of states tells what is to be done

    def execute(self, context: OperationContext) -> Any:  # noqa: B027
        """Do in the database what it is for, all of it: also what `apply` says of the models."""

    def undo(self, context: OperationContext) -> Any:  # noqa: B027
        """Undo what `execute` has done."""

    @property
    def is_executed(self) -> bool:
        """True if code of its own works in the database, and not the difference of two states."""
        return self.batched or type(self).execute is not Operation.execute

    @property
    def is_opaque(self) -> bool:
        """True if nothing tells what it does."""
        return self.is_executed

    def get_function(self, *, backwards: bool) -> Callable[..., Any] | None:
        """Return the code of a direction, by which errors name it; None for nothing to be done."""
        return self.undo if backwards else self.execute

    def describe_reverse(self) -> str:
        """Return a line for people, for the way back."""
        return f"undo: {self.describe()}"

    def left_when_elided(self) -> Sequence[Operation]:
        """Return what a squash keeps of an operation that it may leave out (``elidable``)."""
        return ()

    def models(self, app: str) -> frozenset[str]:
        """The labels, in lowercase, of the models that it names."""
        named = getattr(self, "model_name", None) or getattr(self, "name", None)
        return frozenset({f"{app}.{named}".lower()}) if named else frozenset()

    def apply_to_both(self, app: str, states: StatePair) -> StatePair:
        """Return both states after it; they stay one value where they were one."""
        models = self.apply(app, states.models)
        if states.is_one:
            return StatePair.of(models)
        return StatePair(models, self.apply(app, self._fit(app, states).database)).join()

    def _fit(self, app: str, states: StatePair) -> StatePair:
        """Return the states, with a database that the operation fits; as they are where they are one."""
        if states.is_one:
            return states
        named = self.models(app)
        try:
            after = self.apply(app, states.database)
            self.refuse(app, states.database)
        except StateError:
            # Whoever applies it raises what is wrong, if that does not fix it.
            return states.adopt(named)
        models = (after.models.get(label) for label in named)
        targets = {label for model in models if model is not None for label in model.relations}
        missing = (targets - after.models.keys()) & states.models.models.keys()
        return states.adopt(missing) if missing else states

    def refuse(self, app: str, state: State) -> None:  # noqa: B027
        """Raise `StateError` where a database in this state could only do it by losing rows."""

    def transitions(self, app: str, states: StatePair) -> Iterator[Transition]:
        """It, or the operations that it is made of, with the states around each."""
        self.refuse(app, states.models)
        before = self._fit(app, states)
        yield Transition(self, before, self.apply_to_both(app, before))

    def refuse_misfits(self, app: str, state: State) -> None:  # noqa: B027
        """Raise `StateError` for a value that no row could have, as a default of another type."""

    def unfinished(self) -> str | None:
        """Return what people have still to say before it can be applied; None where it is complete."""
        return None

    def missing_reverse(self) -> str | None:
        """Return what is to be added so that it can be undone; None where it can be."""
        if not self.is_executed or type(self).undo is not Operation.undo:
            return None
        return (
            f"Give the class {type(self).__name__} a method undo(self, context), which undoes "
            "what execute does; one that does nothing, where nothing is to be undone."
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return the call that writes it: class name, arguments, keyword arguments."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for index, each in enumerate(fields(self)):
            value = getattr(self, each.name)
            if index < self.positional:
                args.append(value)
            elif value != each.default:
                kwargs[each.name] = value
        return type(self).__name__, args, kwargs


def replay(app: str, operations: Iterable[Operation], states: StatePair) -> StatePair:
    """The states after a row of operations of one app's migration, as a database does them.

    Raises `StateError` where one does not fit, or could only be done by losing rows.
    """
    for operation in operations:
        *_, last = operation.transitions(app, states)
        states = last.after
    return states


def assume(app: str, operations: Iterable[Operation], states: StatePair) -> StatePair:
    """The states after operations that only say what something else does in the database."""
    for operation in operations:
        states = operation.apply_to_both(app, states)
    return states


def model_in(state: State, app: str, name: str, operation: Operation) -> Model:
    """The model that an operation names. Raises `StateError` saying which operation wanted it."""
    try:
        return state.model(f"{app}.{name}")
    except StateError as error:
        raise StateError(error.message, place=operation.describe(), hint=error.hint) from None
