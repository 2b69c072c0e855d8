"""The plan of a run, as a value: which migrations, in which order and direction."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from whimbrel.history.graph import Graph
from whimbrel.history.node import Key, Node

#: The name of the target at which nothing of an app is left.
ZERO = "zero"


@dataclass(frozen=True)
class Target:
    """The version to reach. app None: all apps. name None: the app's leaf; "zero": before its first.

    unknown: migrations that are to be undone, with all that stands on them; None: none, and any
    way is right. Where they are given the way leads backwards, if only from them.
    """

    app: str | None = None
    name: str | None = None
    unknown: frozenset[Key] | None = None


#: All apps, to their leaves.
EVERYTHING = Target()


@dataclass(frozen=True)
class Stage:
    """Migrations that are executed and recorded together: one, or a leap over several."""

    nodes: tuple[Node, ...]

    @property
    def is_leap(self) -> bool:
        """True if several migrations are taken as one difference."""
        return len(self.nodes) > 1

    @property
    def labels(self) -> tuple[str, ...]:
        """ "blog.0001_initial" of each."""
        return tuple(node.label for node in self.nodes)


@dataclass(frozen=True)
class Plan:
    """The stages in the order in which they are carried out."""

    stages: tuple[Stage, ...] = ()
    backwards: bool = False

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The migrations in the order in which they are applied, or undone."""
        return tuple(node for stage in self.stages for node in stage.nodes)

    def __bool__(self) -> bool:
        return bool(self.stages)


def make_plan(graph: Graph, target: Target, applied: Collection[Key], *, leap: bool = True) -> Plan:
    """The plan that leads to a target from what is applied.

    ``leap``: whether an empty database may be reached in leaps. ``target.name`` is a whole
    name, or "zero". Raises `ConflictError`, `NodeError`.
    """
    if target.unknown is not None:
        return Plan(_one_by_one(_without(graph, target, target.unknown, applied)), backwards=True)
    if target.app is not None and target.name is not None:
        undone = _undone(graph, target.app, target.name, applied)
        if undone is not None:
            return Plan(_one_by_one(undone), backwards=True)
    todo = graph.forwards(_goals(graph, target), applied)
    return Plan(_leaps(todo) if leap and not applied else _one_by_one(todo))


def _undone(graph: Graph, app: str, name: str, applied: Collection[Key]) -> list[Node] | None:
    """Return the migrations to be undone; None where the way leads forwards."""
    if name == ZERO:
        return graph.backwards_to_zero(app, applied)
    return graph.backwards_to((app, name), applied) if (app, name) in applied else None


def _without(
    graph: Graph, target: Target, unknown: Collection[Key], applied: Collection[Key]
) -> list[Node]:
    """Return the migrations to be undone so that a target is the last of its app, and the unknown ones are gone."""
    undone: list[Node] = []
    stays: set[Key] = set()
    if target.app is not None and target.name is not None:
        undone = _undone(graph, target.app, target.name, applied) or []
        stays = graph.ancestors([(target.app, target.name)]) if target.name != ZERO else stays
    keys = {node.key for node in undone} | {key for key in unknown if key not in stays}
    return graph.backwards(keys, applied)


def _goals(graph: Graph, target: Target) -> list[Key]:
    if target.app is None:
        graph.refuse_conflicts()
        return [node.key for node in graph.leaves()]
    if target.name is None:
        leaf = graph.leaf(target.app)
        return [leaf.key] if leaf is not None else []
    return [graph.node((target.app, target.name)).key]


def _one_by_one(nodes: Iterable[Node]) -> tuple[Stage, ...]:
    return tuple(Stage((node,)) for node in nodes)


def _leaps(nodes: Iterable[Node]) -> tuple[Stage, ...]:
    """As few stages as the barriers allow."""
    stages: list[list[Node]] = []
    open_end = False
    for node in nodes:
        if open_end and not node.has_barrier:
            stages[-1].append(node)
        else:
            stages.append([node])
        open_end = not node.has_barrier
    return tuple(Stage(tuple(stage)) for stage in stages)
