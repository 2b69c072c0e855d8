"""Labels of enum types that a migration adds, and SQL that uses one in the same transaction: some databases refuse it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from whimbrel.errors import WhimbrelError

if TYPE_CHECKING:
    from whimbrel.history.loader import History
    from whimbrel.history.node import Node
    from whimbrel.operations.special import RunSQL
    from whimbrel.schema.table import Name
    from whimbrel.state.state import State

#: What fixes it.
HINT = (
    "A new label cannot be used before the commit: use it in a migration of its own, after this "
    "one; or write atomic = False in this one's class."
)


def labels_used_early(history: History, node: Node, dialect: str) -> Iterator[tuple[int, str]]:
    """Return the RunSQLs of a migration that name a label which it adds before them: place and label."""
    from whimbrel.operations.special import RunSQL

    migration = history.migration(node.key)
    states = history.state_before(node.key)
    before = labels_of(states.database)
    for number, operation in enumerate(migration.operations):
        if isinstance(operation, RunSQL) and migration.atomic:
            new = new_labels(before, labels_of(states.database))
            yield from ((number, label) for label in labels_in(operation, dialect, new))
        for transition in operation.transitions(migration.app, states):
            states = transition.after


def labels_in(operation: RunSQL, dialect: str, labels: Iterable[str]) -> list[str]:
    """Return which of some labels a RunSQL has in quotes."""
    written = _written(operation, dialect) if labels else ""
    quoted = {label: label.replace("'", "''") for label in labels}
    return [label for label, text in quoted.items() if f"'{text}'" in written]


def labels_of(state: State) -> dict[Name, dict[str, str]]:
    """The labels of each type of a database, by their identities."""
    from whimbrel.state.lowering import lower

    return {
        at: {value.key or value.label: value.label for value in enum.values}
        for at, enum in lower(state).enums.items()
        if enum.native
    }


def new_labels(before: dict[Name, dict[str, str]], now: dict[Name, dict[str, str]]) -> list[str]:
    """The labels that have come to types which were there; those of a new type may be used."""
    return sorted(
        label
        for at, labels in now.items()
        for key, label in labels.items()
        if at in before and key not in before[at]
    )


def _written(operation: RunSQL, dialect: str) -> str:
    """The SQL for a dialect; what cannot be sent there is told of elsewhere."""
    from whimbrel.planning.statements import user_steps

    with suppress(WhimbrelError):
        steps = user_steps(operation, dialect, backwards=False, atomic=True)
        return "\n".join(step.sql for step in steps)
    return ""
