"""Squashing: one migration in the place of a run of them.

`squash` says what would be written; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whimbrel.errors import HistoryError, UsageError, WhimbrelError
from whimbrel.history.graph import Graph
from whimbrel.history.loader import History
from whimbrel.history.names import given_name
from whimbrel.history.node import Key, Node
from whimbrel.history.replacements import Squashes
from whimbrel.history.squash.equivalence import first_difference
from whimbrel.history.squash.file_source import SquashSource
from whimbrel.history.squash.optimizer import Original, as_they_are, least
from whimbrel.history.squash.rendering import Head, assert_same, render
from whimbrel.history.squash.segments import (
    Cut,
    Piece,
    is_atomic,
    outside,
    pieces_of,
    run_between,
    squashed_name,
)
from whimbrel.operations.base import Operation, replay
from whimbrel.state.state_pair import StatePair

__all__ = ["Cut", "Squash", "Squashed", "squash"]


@dataclass(frozen=True)
class Squash:
    """A squash that is not on the disk yet.

    ``replaced``: the migrations that it stands for. ``before``: how many operations they have;
    ``operations``: its own. ``carried``: those that were taken over as code; ``elided``: what was
    left out because it may be, each with its migration; ``unchanged``: why some operations were
    left as they are.
    """

    head: Head
    text: str
    replaced: Piece
    before: int
    operations: tuple[Operation, ...]
    carried: tuple[str, ...]
    elided: tuple[str, ...]
    unchanged: tuple[str, ...]

    @property
    def label(self) -> str:
        """ "blog.0001_squashed_0004"."""
        return f"{self.head.app}.{self.head.name}"


@dataclass(frozen=True)
class Squashed:
    """The result of squashing a run: squashes, migrations that stay as they are, and where it is cut."""

    squashes: tuple[Squash, ...]
    left: tuple[Node, ...]
    cuts: tuple[Cut, ...]


def squash(
    history: History,
    app: str,
    end: str,
    *,
    directory: Path,
    start: str | None = None,
    name: str | None = None,
    optimize: bool = True,
) -> Squashed:
    """The squashes of an app's migrations from ``start`` (None: its first) to ``end``.

    directory: where the app's migrations are. name: the words of every name after its number.
    Raises `UsageError` where nothing can become one, `WriteError` where code cannot be taken
    along, `NodeError` and others for what is not there.
    """
    words = given_name(name) if name is not None else None
    run = run_between(history, app, start, end)
    pieces, cuts = pieces_of(history.graph, run)
    made = [piece for piece in pieces if len(piece) > 1]
    if not made:
        raise _nothing(run, cuts)
    names = {piece: squashed_name(piece, words) for piece in made}
    for each in names.values():
        if (app, each) in history.files:
            raise UsageError(
                f"there is a migration {app}.{each} already",
                hint="Give the squash another name: --squashed-name NAME.",
            )
    stands_for = {node.key: (app, names[piece]) for piece in made for node in piece}
    squashes = []
    for piece in made:
        after, before = outside(history.graph, piece, stands_for)
        head = Head(
            app,
            names[piece],
            directory / f"{names[piece]}.py",
            tuple(node.key for node in piece),
            frozenset(after),
            frozenset(before),
            piece[0].initial,
            is_atomic(piece),
            all(history.migration(node.key).online for node in piece),
        )
        squashes.append(_squash(history, piece, head, optimize=optimize))
    _assert_fits(history, squashes)
    left = tuple(piece[0] for piece in pieces if len(piece) == 1)
    return Squashed(tuple(squashes), left, tuple(cuts))


def _nothing(run: Sequence[Node], cuts: Sequence[Cut]) -> UsageError:
    if len(run) == 1:
        return UsageError(
            f"{run[0].label} is one migration already",
            hint="Give a later one: all up to it become one.",
        )
    why = "; ".join(f"{cut.before.name} and {cut.after.name} stay apart: {cut.why}" for cut in cuts)
    return UsageError(
        f"none of these {len(run)} migrations of {run[0].app} can become one with its neighbour: {why}",
        hint="Give another start or end.",
    )


def _squash(history: History, piece: Piece, head: Head, *, optimize: bool) -> Squash:
    migrations = [history.migration(node.key) for node in piece]
    originals = [
        Original(node.key, index, operation)
        for node, migration in zip(piece, migrations, strict=True)
        for index, operation in enumerate(migration.operations)
    ]
    keys = [node.key for node in piece]
    before = history.states_of(history.graph.ancestors(keys) - set(keys))
    after = replay(head.app, [each.operation for each in originals], before)
    content = least(head.app, originals, before) if optimize else as_they_are(originals)
    sources = [SquashSource(node, each) for node, each in zip(piece, migrations, strict=True)]
    text = render(head, content.members, sources)
    assert_same(head, text, sources, content.operations, before, after)
    return Squash(
        head,
        text,
        piece,
        len(originals),
        content.operations,
        tuple(_describe(each) for each in content.members if isinstance(each, Original)),
        tuple(_describe(each) for each in content.elided),
        content.unchanged,
    )


def _describe(original: Original) -> str:
    return f"{original.operation.describe()} ({original.key[1]})"


# -- with the rest of the history ------------------------------------------------------------


def _assert_fits(history: History, squashes: Sequence[Squash]) -> None:
    """Raises an error where the history is inconsistent, or leads elsewhere, with squashes in it."""
    made = {(each.head.app, each.head.name): each for each in squashes}
    graph = _graph(history, made)
    states = StatePair.empty()
    for node in graph.order():
        try:
            states = (
                replay(node.app, made[node.key].operations, states)
                if node.key in made
                else history.apply(node.key, states)
            )
        except WhimbrelError as error:
            names = ", ".join(each.label for each in squashes)
            raise HistoryError(
                f"it does not fit behind {names}: {error.message}", place=node.label, hint=_SHORTER
            ) from error
    differs = first_difference(states, history.state_after(history.graph.order()[-1].key))
    if differs is not None:
        raise HistoryError(
            f"with the squash, all migrations would lead elsewhere: {differs}",
            place=squashes[0].label,
            hint=_SHORTER,
        )


_SHORTER = (
    "Squash up to an earlier migration; or say in the dependencies of the later ones what they "
    "have to come after."
)


def _graph(history: History, made: Mapping[Key, Squash]) -> Graph:
    """The graph of the history once the squashes are in force."""
    new = [
        Node(
            app,
            name,
            tuple(sorted(each.head.dependencies)),
            tuple(sorted(each.head.run_before)),
            each.head.replaces,
        )
        for (app, name), each in made.items()
    ]
    resolution = Squashes([*history.files.values(), *new]).resolve()
    return Graph(resolution.nodes, history.graph.apps, resolution.replacements)
