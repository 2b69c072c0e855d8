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
    from whimbrel.schema.table import Name, Schema
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
    states = before = history.state_before(node.key)
    for number, operation in enumerate(migration.operations):
        if isinstance(operation, RunSQL) and migration.atomic:
            new = new_labels(before.database, states.database)
            yield from ((number, label) for label in labels_in(operation, dialect, new))
        for transition in operation.transitions(migration.app, states):
            states = transition.after


def labels_in(operation: RunSQL, dialect: str, labels: Iterable[str]) -> list[str]:
    """Return which of some labels a RunSQL has in quotes."""
    written = _written(operation, dialect) if labels else ""
    quoted = {label: label.replace("'", "''") for label in labels}
    return [label for label, text in quoted.items() if f"'{text}'" in written]


def new_labels(before: State, now: State) -> list[str]:
    """The labels that have come to types which were there; those of a new type may be used."""
    return sorted(label for _, label in missing_labels(now, before))


def missing_labels(there: State, here: State) -> list[tuple[Name, str]]:
    """The labels of types of one state that the same types of another do not have, by their identities."""
    from whimbrel.state.difference import schemas_of

    these, those = map(_labels_of, schemas_of(there, here))
    return [
        (at, these[at][key])
        for at in sorted(these.keys() & those.keys(), key=str)
        for key in sorted(these[at].keys() - those[at].keys())
    ]


def _labels_of(schema: Schema) -> dict[Name, dict[str, str]]:
    return {
        at: {value.key or value.label: value.label for value in enum.values}
        for at, enum in schema.enums.items()
        if enum.native
    }


def _written(operation: RunSQL, dialect: str) -> str:
    """The SQL for a dialect; what cannot be sent there is told of elsewhere."""
    from whimbrel.planning.statements import user_steps

    with suppress(WhimbrelError):
        steps = user_steps(operation, dialect, backwards=False, atomic=True)
        return "\n".join(step.sql for step in steps)
    return ""
