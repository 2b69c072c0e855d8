"""Commutation: branches lead to the same, whichever a database saw first. The net under the collisions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from whimbrel.errors import WhimbrelError
from whimbrel.history.loader import History
from whimbrel.history.node import Key, Node
from whimbrel.history.squash.equivalence import first_difference
from whimbrel.state.difference import changes_between
from whimbrel.state.state_pair import StatePair


class Unfit(Exception):
    """A migration that cannot be applied where an order puts it."""

    def __init__(self, node: Node, error: WhimbrelError) -> None:
        super().__init__(error.message)
        self.node = node
        self.error = error


def what_order_decides(
    history: History, base: StatePair, common: set[Key], branches: Sequence[Iterable[Key]]
) -> Iterator[str]:
    """In words, what is not the same whichever branch comes first. Nothing where all is.

    base: the states after what is ``common`` to the branches.
    """
    numbers = range(len(branches))
    inside = {key for keys in branches for key in keys}
    backwards = list(reversed(numbers))
    # Each comes first once, and each pair both ways round.
    turned = [[*backwards[at:], *backwards[:at]] for at in range(len(branches))]
    usual: StatePair | None = None
    for order in dict.fromkeys(map(tuple, [numbers, *turned])):
        nodes = in_order(history, common, [branches[number] for number in order])
        try:
            states = replay_nodes(history, base, nodes, inside)
        except Unfit as unfit:
            before = nodes[: nodes.index(unfit.node)]
            after = f" after {before[-1].label}" if before else ""
            yield f"{unfit.node.label} cannot be applied{after}: {unfit.error.message}"
            continue
        if usual is None:
            usual = states
            continue
        found = _differs(usual, states)
        if found is not None:
            yield f"what they lead to depends on which comes first: {found}"


def in_order(history: History, common: set[Key], branches: Iterable[Iterable[Key]]) -> list[Node]:
    """All that is not common: one branch after the other, at last what belongs to none."""
    seen = set(common)
    found: list[Node] = []
    for keys in (*branches, history.graph.nodes):
        fresh = history.graph.forwards(keys, seen)
        seen.update(node.key for node in fresh)
        found += fresh
    return found


def replay_nodes(
    history: History, states: StatePair, nodes: Iterable[Node], inside: Collection[Key]
) -> StatePair:
    """The states after some migrations. Raises `Unfit` for the first that cannot come there.

    inside: those of which it is also asked whether a database could follow, which costs more.
    """
    for node in nodes:
        try:
            after = history.apply(node.key, states)
            if node.key in inside:
                changes_between(states.database, after.database)
        except WhimbrelError as error:
            raise Unfit(node, error) from error
        states = after
    return states


def _differs(one: StatePair, other: StatePair) -> str | None:
    found = first_difference(one, other)
    if found is not None:
        return found
    for before, after in zip(one, other, strict=True):
        changes = changes_between(before, after) or changes_between(after, before)
        if changes:
            return "the tables that they make"
    return None
