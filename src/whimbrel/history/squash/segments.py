"""The segments that become one squash each: the run, cut where one squash would close a circle.

A migration outside the run that comes after one of it and before another cannot stand before
a squash of both, nor after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from whimbrel.errors import UsageError
from whimbrel.history.graph import Graph
from whimbrel.history.loader import History
from whimbrel.history.names import numbers_in
from whimbrel.history.node import Key, Node

Piece = tuple[Node, ...]


class Cut(NamedTuple):
    """Between which two of a run it is cut, and why."""

    before: Node
    after: Node
    why: str


class _Need(NamedTuple):
    """A cut is needed before one of the nodes from ``first`` to ``last``, by their places in the run."""

    first: int
    last: int
    why: str


def run_between(history: History, app: str, start: str | None, end: str) -> list[Node]:
    """The migrations of an app from ``start`` (None: its first) to ``end``, in the order of the graph.

    Names may be abbreviated. Raises `NodeError`, `ConflictError`, and `UsageError` where ``start``
    does not come before ``end``.
    """
    graph = history.graph
    graph.refuse_conflicts([app])
    last = history.node(app, end)
    chosen = graph.ancestors([last.key])
    if start is not None:
        first = history.node(app, start)
        if first.key not in chosen:
            raise UsageError(
                f"{first.label} does not come before {last.label}",
                hint="Give the first and the last of the migrations that are to become one.",
            )
        chosen -= graph.ancestors([first.key]) - {first.key}
    return _in_order(graph, (key for key in chosen if key[0] == app))


def _in_order(graph: Graph, keys: Iterator[Key]) -> list[Node]:
    return [graph.node(key) for key in sorted(keys, key=graph.position)]


def pieces_of(graph: Graph, run: Sequence[Node]) -> tuple[list[Piece], list[Cut]]:
    """A run in as few pieces as can be, each of which can be one migration; and why it is cut."""
    cuts: list[tuple[int, str]] = []
    needs = sorted((*_circles(graph, run), *_mixed_neighbours(run)), key=lambda need: need.last)
    for need in needs:
        # The classic of stabbing intervals: as late as can be serves the most of those to come.
        if not cuts or cuts[-1][0] < need.first:
            cuts.append((need.last, need.why))
    places = [0, *(place for place, _ in cuts), len(run)]
    pieces = [tuple(run[one:other]) for one, other in pairwise(places)]
    return pieces, [Cut(run[place - 1], run[place], why) for place, why in cuts]


def _circles(graph: Graph, run: Sequence[Node]) -> Iterator[_Need]:
    """Return the nodes outside a run that come after one of it and before another."""
    places = {node.key: place for place, node in enumerate(run)}
    around = graph.ancestors(places) & graph.descendants(places)
    for node in _in_order(graph, iter(around - places.keys())):
        after = max(places[key] for key in graph.ancestors([node.key]) if key in places)
        before = min(places[key] for key in graph.descendants([node.key]) if key in places)
        why = f"{node.label} comes after {run[after].name} and before {run[before].name}"
        yield _Need(after + 1, before, why)


def _mixed_neighbours(run: Sequence[Node]) -> Iterator[_Need]:
    """Neighbours of which one is atomic and the other is not; one that does nothing is either."""
    doing = [place for place, node in enumerate(run) if node.operations]
    for one, other in pairwise(doing):
        if run[one].atomic != run[other].atomic:
            apart = run[other if run[one].atomic else one]
            yield _Need(one + 1, other, f"{apart.name} has atomic = False")


def is_atomic(piece: Piece) -> bool:
    """True if what becomes of a piece runs in one transaction."""
    return all(node.atomic for node in piece if node.operations)


def squashed_name(piece: Piece, words: str | None = None) -> str:
    """ "0001_squashed_0004", or with words of the user's after the first one's number."""
    first, last = numbers_in(piece[0].name), numbers_in(piece[-1].name)
    if words is not None:
        return f"{first[0]}_{words}" if first else words
    return f"{first[0] if first else piece[0].name}_squashed_{last[-1] if last else piece[-1].name}"


def outside(graph: Graph, piece: Piece, stands_for: dict[Key, Key]) -> tuple[set[Key], set[Key]]:
    """Return the nodes outside a segment that it must come after, and (run_before) before.

    ``stands_for``: the new name of what another piece makes of a migration.
    """
    own = {node.key for node in piece}
    after = {key for node in piece for key in node.dependencies}
    before = {key for node in piece for key in node.run_before}
    found = [
        {stands_for.get(key, key) for key in keys if _in_force(graph, key) not in own}
        for keys in (after, before)
    ]
    return found[0], found[1]


def _in_force(graph: Graph, key: Key) -> Key:
    """Return the replacement of a migration; offline that is one node, since all squashes are in force."""
    edge = graph.replacements.get(key)
    return edge.last[0] if edge else graph.resolve(key)
