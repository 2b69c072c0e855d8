"""Branches put one after the other: which migrations move, what they are called then, and whether it fits."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from whimbrel.errors import CollisionError, HistoryError
from whimbrel.history.branches import Branch, Fork
from whimbrel.history.branches.commutation import Unfit, replay_nodes
from whimbrel.history.graph import Graph
from whimbrel.history.loader import History
from whimbrel.history.names import next_number
from whimbrel.history.node import Key, Node, label_of

_MERGE = "Make one leaf of both instead: whimbrel makemigrations --merge"


@dataclass(frozen=True)
class Line:
    """A branch that comes after another leaf.

    ``moved``: the migrations that move, in order. ``names``: the new key of each. ``pointing``:
    those of other apps in the branch, which name them.
    """

    onto: Node
    moved: tuple[Node, ...]
    names: Mapping[Key, Key]
    pointing: tuple[Node, ...]

    def new_dependencies(self, node: Node) -> dict[Key, Key]:
        """Return the new dependencies of a migration, and its new run_before."""
        by = {
            key: self.names[key]
            for key in (*node.dependencies, *node.run_before)
            if key in self.names
        }
        if node.key in self.names:
            for key in node.dependencies:
                if key[0] == node.app and key not in self.names:
                    by[key] = self.onto.key
        return by

    def hangs_free(self, node: Node) -> bool:
        """True if a migration that moves depended on none of its own app."""
        return node.key in self.names and all(app != node.app for app, _ in node.dependencies)

    def node(self, node: Node) -> Node:
        """A migration as it will be."""
        by = self.new_dependencies(node)
        waits = dict.fromkeys(by.get(key, key) for key in node.dependencies)
        if self.hangs_free(node):
            waits[self.onto.key] = None
        before = tuple(by.get(key, key) for key in node.run_before)
        app, name = self.names.get(node.key, node.key)
        return node._replace(app=app, name=name, dependencies=tuple(waits), run_before=before)


def line_of(
    history: History, branch: Branch, onto: Node, applied: Collection[Key], why: str | None = None
) -> Line:
    """A branch after another leaf. ``applied``: what a database has, half done or whole. ``why``: how
    it is known that it is this one that moves.

    Raises `HistoryError` where something of it is applied, or others stand on it.
    """
    graph = history.graph
    fresh = graph.ancestors([branch.leaf.key]) - graph.ancestors([onto.key])
    moved = tuple(node for node in branch.nodes if node.key in fresh and node.app == onto.app)
    keys = {node.key for node in moved}
    _refuse_applied(moved, applied, why)
    _refuse_squashes(history, moved)
    pointing = tuple(_dependencies_on(history, branch, keys, applied))
    return Line(onto, moved, _names(graph, moved), pointing)


def _names(graph: Graph, moved: Sequence[Node]) -> dict[Key, Key]:
    app = moved[0].app
    old = [node.name for node in moved]
    known = graph.names(app)
    # A new name that another of them has still: then all come after every number there is.
    for start in (next_number(name for name in known if name not in old), next_number(known)):
        new = [f"{number:04d}_{_words(name)}" for number, name in enumerate(old, start)]
        taken = {name.lower() for name in known if name not in new or name not in old}
        clash = any(made != name and made in old for name, made in zip(old, new, strict=True))
        if not clash and taken.isdisjoint(name.lower() for name in new):
            break
    return {(app, name): (app, made) for name, made in zip(old, new, strict=True)}


def _words(name: str) -> str:
    """Return the part of a name after its number."""
    return re.sub(r"^\d+_?", "", name) or name


# -- what stands against it ----------------------------------------------------------------------


def _refuse_applied(moved: Sequence[Node], applied: Collection[Key], why: str | None) -> None:
    found = [node for node in moved if node.key in applied]
    if found:
        app, leaf = moved[-1].key
        other = f"{why}." if why else "Move the other branch, if that one is new here."
        before = next((name for label, name in found[0].dependencies if label == app), "zero")
        raise HistoryError(
            "it is applied to this database, which knows it by this name; nothing was changed",
            place=", ".join(node.label for node in found),
            hint=f"{other} To move this one, undo it first: whimbrel migrate {app} {before}; "
            f"then whimbrel rebase {app} {leaf}; then whimbrel migrate. {_MERGE}",
        )


def _refuse_squashes(history: History, moved: Iterable[Node]) -> None:
    for node in moved:
        around = history.squashes.around.get(node.key)
        if node.replaces or around is not None:
            why = f"{label_of(around)} replaces it" if around else "it is a squash"
            raise HistoryError(
                f"{why}, and databases know what is replaced by its name; nothing was changed",
                place=node.label,
                hint=_MERGE,
            )


def _dependencies_on(
    history: History, branch: Branch, keys: set[Key], applied: Collection[Key]
) -> Iterator[Node]:
    """The files of other apps, in the branch, that name what moves. Raises `HistoryError`."""
    standing_on = {child.key for key in keys for child in history.graph.children(key)}
    for key, node in sorted(history.files.items()):
        names = not keys.isdisjoint((*node.dependencies, *node.run_before, *node.replaces))
        if key in keys or not (names or key in standing_on):
            continue
        if key not in branch.own or key in applied:
            raise HistoryError(
                f"{node.label} stands on {branch.leaf.label}, or what leads to it, and is no part of "
                "that branch; nothing was changed",
                place=", ".join(sorted(map(label_of, keys))),
                hint=_MERGE,
            )
        if names:
            yield node


def refuse_unfit(history: History, fork: Fork, line: Line) -> None:
    """Raises `CollisionError` where the line cannot be replayed."""
    graph = history.graph
    changed = {node.key: line.node(node) for node in (*line.moved, *line.pointing)}
    nodes = [changed.get(key, node) for key, node in graph.nodes.items()]
    after = Graph(nodes, graph.apps, graph.replacements)
    old = {made.key: graph.node(key) for key, made in changed.items()}
    common = set.intersection(*(graph.ancestors([leaf.key]) for leaf in fork.leaves))
    # Other apps that have several leaves themselves are not looked at now.
    forked = after.conflicts().keys() - {fork.app}
    elsewhere = after.descendants(key for key in after.nodes if key[0] in forked)
    elsewhere -= after.ancestors(line.names.values())
    order = [
        old.get(node.key, node)
        for node in after.order()
        if node.key not in common and node.key not in elsewhere
    ]
    try:
        inside = {node.key for branch in fork.branches for node in branch.nodes}
        replay_nodes(history, history.states_of(common), order, inside)
    except Unfit as unfit:
        reasons = [*fork.collisions, f"{unfit.node.label} cannot be applied: {unfit.error.message}"]
        raise CollisionError(
            f"after {line.onto.label} it does not fit; nothing was changed:"
            + "".join(f"\n  {reason}" for reason in reasons),
            collisions=reasons,
            place=", ".join(node.label for node in line.moved),
            hint="Change its file so that it fits there; or delete it, and let makemigrations write "
            "anew what the models have more. Or move the other branch, if it is applied nowhere: "
            f"whimbrel rebase {line.onto.app} {line.onto.name}",
        ) from unfit


def refuse_half_done(graph: Graph, app: str) -> None:
    """Raises `HistoryError` where a rebase was killed: files are there under both names."""
    twice = list(_twice(graph, app))
    if not twice:
        return
    old, new = ([pair[at] for pair in twice] for at in (0, 1))
    # Files of other apps are the last to be put onto the new ones.
    waiting = [child for node in old for child in graph.children(node.key) if child.app != app]
    is_whole = not waiting and any(not graph.children(node.key) for node in old)
    gone = old if is_whole else new
    raise HistoryError(
        "a rebase was killed half way, as it seems: "
        + ", ".join(f"{one.name} is there as {other.name} too" for one, other in twice),
        place=app,
        hint=f"{'Finish it' if is_whole else 'Take it back, and run it again'}: rm "
        + " ".join(node.place or node.label for node in gone),
    )


def _twice(graph: Graph, app: str) -> Iterator[tuple[Node, Node]]:
    """Return the pairs that do the same in the same words in two branches: first the one that moved."""
    by: dict[tuple[str, str], list[Node]] = {}
    for node in graph.of_app(app):
        if node.operations:
            by.setdefault((node.digest, _words(node.name)), []).append(node)
    for found in by.values():
        for pair in pairwise(found):
            one, other = sorted(pair, key=lambda node: len(graph.ancestors([node.key])))
            if one.key not in graph.ancestors([other.key]):
                yield one, other
