"""Branches of one app's history: what each did since they parted, and whether they collide.

`fork_of` tells; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from whimbrel.history.branches.collisions import Act, collisions_between
from whimbrel.history.branches.commutation import Unfit, replay_nodes, what_order_decides
from whimbrel.history.branches.effects import effects_of
from whimbrel.history.graph import Graph
from whimbrel.history.loader import History
from whimbrel.history.node import Key, Node
from whimbrel.operations import MoveModel
from whimbrel.state.state_pair import StatePair

__all__ = ["Branch", "Fork", "branches_of", "fork_of"]


@dataclass(frozen=True)
class Branch:
    """One leaf, and the migrations that led to it since it parted from the others.

    ``nodes``: those of other apps too that build upon it. ``own``: those that
    no other leaf has. ``does``: their operations, in words, one row a node.
    """

    leaf: Node
    nodes: tuple[Node, ...]
    own: frozenset[Key]
    does: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Fork:
    """The branches of an app.

    ``collisions``: why it matters which is applied first, a reason each. ``notes``: what nobody
    can tell, and collides with nothing by itself. ``impossible``: why they cannot stand side by
    side at all; None where they can.
    """

    app: str
    branches: tuple[Branch, ...]
    collisions: tuple[str, ...]
    notes: tuple[str, ...]
    impossible: str | None

    @property
    def leaves(self) -> tuple[Node, ...]:
        """The leaves, by name."""
        return tuple(branch.leaf for branch in self.branches)


def fork_of(history: History, leaves: Iterable[Node]) -> Fork:
    """Return the fork of an app: its leaves, and what each branch did."""
    leaves = sorted(leaves, key=lambda node: node.name)
    common = _common(history.graph, leaves)
    base = history.states_of(common)
    found = branches_of(history.graph, leaves)
    acts = {}
    for branch in found:
        # What it builds upon and shares with no other branch is in it.
        nodes = history.graph.forwards([node.key for node in branch.nodes], common)
        acts[branch.leaf.key] = list(_acts_of(history, base, nodes))
    branches = tuple(_with_words(branch, acts[branch.leaf.key]) for branch in found)
    collisions = list(_collisions(history, branches, acts))
    if not collisions:
        keys = [[node.key for node in branch.nodes] for branch in branches]
        collisions = list(what_order_decides(history, base, common, keys))
    return Fork(
        leaves[0].app,
        branches,
        tuple(dict.fromkeys(collisions)),
        tuple(_notes(history, branches)),
        _impossible(history, base, common, branches),
    )


def branches_of(graph: Graph, leaves: Sequence[Node]) -> list[Branch]:
    """The branches that end in these leaves."""
    reached = [graph.ancestors([leaf.key]) for leaf in leaves]
    common = set.intersection(*reached)
    found = []
    for number, leaf in enumerate(leaves):
        others = set().union(*(keys for at, keys in enumerate(reached) if at != number))
        # What it needs of other apps may have been there long before: only its own app's are new.
        since = {key for key in reached[number] - common if key[0] == leaf.app}
        own = since - others
        built = {
            key for key in graph.descendants(own) if not (graph.ancestors([key]) & others) - common
        }
        between = graph.descendants(since) & reached[number]
        nodes = sorted(since | between | built, key=graph.position)
        found.append(Branch(leaf, tuple(map(graph.node, nodes)), frozenset(own | built)))
    return found


def _common(graph: Graph, leaves: Iterable[Node]) -> set[Key]:
    return set.intersection(*(graph.ancestors([leaf.key]) for leaf in leaves))


# -- what they do ----------------------------------------------------------------------------


def _acts_of(history: History, states: StatePair, nodes: Iterable[Node]) -> Iterator[Act]:
    for node in nodes:
        history.apply(node.key, states)  # which says whose error it is, if there is one
        for operation in history.migration(node.key).operations:
            after = operation.apply_to_both(node.app, states)
            touches = effects_of(node.app, operation, states, after)
            yield Act(node, operation.describe(), touches)
            states = after


def _with_words(branch: Branch, acts: Iterable[Act]) -> Branch:
    words: dict[Key, list[str]] = {node.key: [] for node in branch.nodes}
    for act in acts:
        words.setdefault(act.node.key, []).append(act.words)
    does = tuple(tuple(words[node.key]) for node in branch.nodes)
    return Branch(branch.leaf, branch.nodes, branch.own, does)


def _notes(history: History, branches: Iterable[Branch]) -> Iterator[str]:
    nodes = {node.key: node for branch in branches for node in branch.nodes}
    for key in sorted(nodes):
        for operation in history.migration(key).operations:
            if operation.is_opaque:
                yield f"{nodes[key].label}: {operation.describe()}"


def _impossible(
    history: History, base: StatePair, common: set[Key], branches: Iterable[Branch]
) -> str | None:
    """Why the order in which `migrate` puts them is none."""
    order = [node for node in history.graph.order() if node.key not in common]
    try:
        inside = {node.key for branch in branches for node in branch.nodes}
        replay_nodes(history, base, order, inside)
    except Unfit as unfit:
        return f"{unfit.node.label} cannot be applied: {unfit.error.message}"
    return None


# -- collisions ------------------------------------------------------------------------------


def _collisions(
    history: History, branches: Sequence[Branch], acts: dict[Key, list[Act]]
) -> Iterator[str]:
    graph = history.graph
    for one, other in combinations(branches, 2):
        both = {node.key for node in one.nodes} & {node.key for node in other.nodes}
        ours, theirs = (
            [act for act in acts[branch.leaf.key] if act.node.key not in both]
            for branch in (one, other)
        )
        yield from _unordered_collisions(graph, ours, theirs)
    for mover in _movers(history, branches):
        before = history.states_of(graph.ancestors([mover.key]) - {mover.key})
        moving = list(_acts_of(history, before, [mover]))
        for branch in branches:
            yield from _unordered_collisions(graph, moving, acts[branch.leaf.key])


def _unordered_collisions(
    graph: Graph, ours: Sequence[Act], theirs: Sequence[Act]
) -> Iterator[str]:
    """The collisions of migrations of which neither waits for the other."""
    for node in dict.fromkeys(act.node for act in ours):
        related = graph.ancestors([node.key]) | graph.descendants([node.key])
        others = [act for act in theirs if act.node.key not in related]
        yield from collisions_between([act for act in ours if act.node is node], others)


def _movers(history: History, branches: Sequence[Branch]) -> Iterator[Node]:
    """Return the migrations that take models out of the app, in no branch of it and waiting for none."""
    app = branches[0].leaf.app
    known = {node.key for branch in branches for node in branch.nodes}
    known |= _common(history.graph, [branch.leaf for branch in branches])
    for key, node in history.graph.nodes.items():
        if key in known or node.app == app:
            continue
        operations = history.migration(key).operations
        if any(isinstance(each, MoveModel) and each.from_app == app for each in operations):
            yield node
