"""The working state: what the operations found so far have made of the old state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from whimbrel.detect.flags import FlagQuestioner
from whimbrel.detect.tasks import RENAME, Task, Token
from whimbrel.operations import Operation
from whimbrel.state.model import Model
from whimbrel.state.state import State


@dataclass
class WorkingState:
    """A detection under way.

    Renames and moves are applied to ``state`` as they are found, so that everything after is
    compared by equal names; all other tasks are gathered, and ordered at the end.
    """

    old: State
    new: State
    questioner: FlagQuestioner
    state: State
    renames: list[Task] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    #: The places of what made room for another of its name, with what they were before.
    temporary_names: dict[str, str] = field(default_factory=dict)

    def origin(self, place: str) -> str:
        """Return the place that people know something by."""
        return self.temporary_names.get(place, place)

    def whereabouts(self, origin: str) -> str:
        """Return the place in the state of what people know by another."""
        return next(
            (place for place, known in self.temporary_names.items() if known == origin), origin
        )

    def rename(
        self,
        app: str,
        operation: Operation,
        provides: Iterable[Token] = (),
        needs: Iterable[Token] = (),
        after: Iterable[str] = (),
    ) -> None:
        """Take up an operation that changes names, now."""
        self.state = operation.apply(app, self.state)
        others = frozenset(after) - {app}
        self.renames.append(
            Task(app, operation, RENAME, frozenset(provides), frozenset(needs), after=others)
        )

    def add(self, task: Task) -> None:
        """Take up an operation whose place is found later."""
        self.tasks.append(task)

    @property
    def born(self) -> list[Model]:
        """The models that are new."""
        there = self.state.models
        return [model for label, model in self.new.models.items() if label not in there]

    @property
    def gone(self) -> list[Model]:
        """The models that are there no more, as they were."""
        there = self.new.models
        return [model for label, model in self.state.models.items() if label not in there]

    @property
    def kept(self) -> list[tuple[Model, Model]]:
        """The models that stay, before and after."""
        was = self.state.models
        return [(was[label], model) for label, model in self.new.models.items() if label in was]
