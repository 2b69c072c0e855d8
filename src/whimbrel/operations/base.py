"""What every operation is, and how a row of them is replayed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

from whimbrel.errors import StateError
from whimbrel.state.model import Model
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair


class Transition(NamedTuple):
    """An operation with the states before and after it.

    The database before it may be another than after the one that went before: see `StatePair.adopt`.
    """

    operation: Operation
    before: StatePair
    after: StatePair


@dataclass(frozen=True)
class Operation(ABC):
    """A pure function from a state to a state; it holds no SQL."""

    #: Whether no leap may cross it: it does what no difference of states can tell.
    barrier: ClassVar[bool] = False
    #: Whether `deconstruct` gives the arguments after the first by name.
    positional: ClassVar[int] = 1

    @abstractmethod
    def apply(self, app: str, state: State) -> State:
        """The state after it, for a migration of ``app``. Raises `StateError` where it does not fit."""

    @abstractmethod
    def describe(self) -> str:
        """One line for people: "Add field slug to post"."""

    @property
    @abstractmethod
    def fragment(self) -> str:
        """What a file's name says of it: "post_slug"."""

    def models(self, app: str) -> frozenset[str]:
        """The labels, in small letters, of the models that it names."""
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
            # Whoever applies it raises what is wrong, if that does not mend it.
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

    def unfinished(self) -> str | None:
        """What people have still to say before it can be applied; None where it is whole."""
        return None

    def missing_reverse(self) -> str | None:
        """What is to be added so that it can be undone; None where it can be."""
        return None

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """How to write it: class name in `whimbrel.migrations`, arguments, keyword arguments."""
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


def assumed(app: str, operations: Iterable[Operation], states: StatePair) -> StatePair:
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
