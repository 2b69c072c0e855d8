"""`makemigrations --merge`: one leaf of several, where their order makes no difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whimbrel.config import Config
from whimbrel.errors import HistoryError
from whimbrel.history.loader import History, load
from whimbrel.history.names import given_name, migration_name, next_number
from whimbrel.history.node import Node
from whimbrel.history.writer import render_migration
from whimbrel.operations.base import States
from whimbrel.run.make import MigrationFile
from whimbrel.state.difference import changes_between


def make_merge(
    config: Config, apps: Iterable[str] = (), *, name: str | None = None
) -> list[MigrationFile]:
    """For each app with several leaves, a migration without operations that depends on all.

    apps: only these. Raises `HistoryError` where it matters which of them is applied first.
    """
    words = given_name(name) if name is not None else "merge"
    wanted = [config.app(app).label for app in apps]
    history = load(config.apps)
    return [
        _merging(config, history, app, leaves, words)
        for app, leaves in history.graph.conflicts().items()
        if not wanted or app in wanted
    ]


def _merging(
    config: Config, history: History, app: str, leaves: Sequence[Node], words: str
) -> MigrationFile:
    _refuse_what_depends_on_order(history, leaves)
    number = next_number(history.graph.names(app))
    own_name = migration_name(number, words)
    text = render_migration(app, own_name, [leaf.key for leaf in leaves], [])
    path = config.app(app).migrations / f"{own_name}.py"
    return MigrationFile(app, own_name, path, text, ())


def _refuse_what_depends_on_order(history: History, leaves: Sequence[Node]) -> None:
    one, other = _states(history, leaves), _states(history, leaves[::-1])
    for before, after in zip(one, other, strict=True):
        if changes_between(before, after):
            raise HistoryError(
                "they change the same things, and it matters which is applied first",
                place=", ".join(leaf.label for leaf in leaves),
                mend="Say which: put the first into the dependencies of the second.",
            )


def _states(history: History, leaves: Iterable[Node]) -> States:
    """The states after these leaves and all that they depend on, one leaf after the other."""
    states = States.empty()
    seen: set[tuple[str, str]] = set()
    for leaf in leaves:
        for node in history.graph.forwards([leaf.key], seen):
            states = history.apply(node.key, states)
            seen.add(node.key)
    return states
