"""The graph of migrations: what must come before what, and the plans that follow.

Nothing here recurses and nothing is looked at twice: a chain of 10,000 migrations is an
ordinary one.
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush

from whimbrel.errors import ConflictError, CycleError, NodeError, did_you_mean
from whimbrel.history.node import Key, Node, label_of
from whimbrel.history.replacements import ReplacementEdge

FIRST = "__first__"
LATEST = "__latest__"


class Graph:
    """Nodes and what each depends on, with ``__first__``, ``__latest__`` and run_before resolved.

    ``apps``: the apps in the order of the configuration. ``replacements``: what stands for
    migrations that are hidden by squashes (see `replacements`); others may depend on those. Raises
    `NodeError` where something depends on a migration that is not there, `CycleError` where
    migrations wait for each other, `ConflictError` where ``__latest__`` could be several.
    """

    def __init__(
        self,
        nodes: Iterable[Node],
        apps: Sequence[str] = (),
        replacements: Mapping[Key, ReplacementEdge] | None = None,
    ) -> None:
        #: All nodes by their keys.
        self.nodes: Mapping[Key, Node] = {node.key: node for node in nodes}
        self.replacements: Mapping[Key, ReplacementEdge] = replacements or {}
        self._apps: dict[str, list[Node]] = {app: [] for app in apps}
        for node in sorted(self.nodes.values(), key=lambda node: node.name):
            self._apps.setdefault(node.app, []).append(node)
        self._rank = {app: index for index, app in enumerate(self._apps)}
        self._roots = self._find_roots()
        self._resolved: dict[Key, tuple[Key, ...]] = {}
        self._inner_children = self._link_within_apps()
        self._parents, self._children = self._link()
        self._order = self._sort()
        self._position = {node.key: index for index, node in enumerate(self._order)}

    # -- looking

    @property
    def apps(self) -> tuple[str, ...]:
        """The apps, those without a migration too."""
        return tuple(self._apps)

    def __contains__(self, key: Key) -> bool:
        return key in self.nodes

    def __len__(self) -> int:
        return len(self.nodes)

    def with_nodes(self, nodes: Iterable[Node]) -> Graph:
        """The same graph with more nodes, or with others in the place of its own."""
        changed = {**self.nodes, **{node.key: node for node in nodes}}
        return Graph(changed.values(), self.apps, self.replacements)

    def names(self, app: str) -> list[str]:
        """All names of migrations in an app: of those that are hidden too."""
        hidden = [name for label, name in self.replacements if label == app]
        return [*(node.name for node in self.of_app(app)), *hidden]

    def node(self, key: Key) -> Node:
        """The node of a key. Raises `NodeError`, with the nearest names that there are."""
        found = self.nodes.get(key)
        if found is None:
            raise self._missing(key)
        return found

    def of_app(self, app: str) -> list[Node]:
        """The nodes of an app, by name. Raises `NodeError` where there is no such app."""
        if app not in self._apps:
            raise NodeError(f"there is no app {app!r}", hint=did_you_mean(app, self._apps) or None)
        return list(self._apps[app])

    def parents(self, key: Key) -> list[Node]:
        """Return the nodes that a migration waits for, one step away, in the order of the graph."""
        return self._in_order(self._parents[self.node(key).key])

    def children(self, key: Key) -> list[Node]:
        """Return the nodes that wait for a migration, one step away, in the order of the graph."""
        return self._in_order(self._children[self.node(key).key])

    def order(self) -> tuple[Node, ...]:
        """All nodes, each after what it depends on; where that leaves a choice, by app and name."""
        return self._order

    def position(self, key: Key) -> int:
        """The index of a node in `order`."""
        return self._position[self.node(key).key]

    def roots(self, app: str) -> list[Node]:
        """The nodes of an app that depend on no other of it."""
        return [node for node in self.of_app(app) if node.key in self._roots]

    def leaves(self, app: str | None = None) -> list[Node]:
        """The nodes on which no other of the same app depends; of one app, or of all."""
        nodes = self.of_app(app) if app is not None else self._order
        return [node for node in nodes if not self._inner_children[node.key]]

    def leaf(self, app: str) -> Node | None:
        """The one leaf of an app; None where it has no migrations. Raises `ConflictError`."""
        leaves = self.leaves(app)
        if len(leaves) > 1:
            raise _conflict({app: leaves})
        return leaves[0] if leaves else None

    def conflicts(self) -> dict[str, list[Node]]:
        """The apps that have more than one leaf, with their leaves."""
        leaves = {app: self.leaves(app) for app in self._apps}
        return {app: found for app, found in leaves.items() if len(found) > 1}

    def refuse_conflicts(self, apps: Collection[str] | None = None) -> None:
        """Raises `ConflictError` where an app, of these or of all, has more than one leaf."""
        found = {
            app: leaves for app, leaves in self.conflicts().items() if apps is None or app in apps
        }
        if found:
            raise _conflict(found)

    # -- planning

    def ancestors(self, keys: Iterable[Key]) -> set[Key]:
        """These and all that they depend on."""
        return self._reach(keys, self._parents)

    def descendants(self, keys: Iterable[Key]) -> set[Key]:
        """These and all that depend on them."""
        return self._reach(keys, self._children)

    def forwards(self, targets: Iterable[Key], applied: Collection[Key] = ()) -> list[Node]:
        """Return the nodes to apply, in order, so that the targets are applied; without those that are."""
        return self._in_order(key for key in self.ancestors(targets) if key not in applied)

    def backwards(
        self, undone: Iterable[Key], applied: Collection[Key] | None = None
    ) -> list[Node]:
        """These and what depends on them, of what is applied (None: all), the last one first."""
        reached = self.descendants(undone)
        chosen = (key for key in reached if applied is None or key in applied)
        return self._in_order(chosen)[::-1]

    def backwards_to(self, target: Key, applied: Collection[Key] | None = None) -> list[Node]:
        """Return the nodes to undo so that ``target`` is the last of its app; it stays itself."""
        return self.backwards(self._inner_children[self.node(target).key], applied)

    def backwards_to_zero(self, app: str, applied: Collection[Key] | None = None) -> list[Node]:
        """Return the nodes to undo so that nothing of an app is left."""
        return self.backwards((node.key for node in self.of_app(app)), applied)

    # -- building

    def resolve(self, key: Key, wanted_by: Node | None = None) -> Key:
        """A key with ``__first__`` or ``__latest__`` resolved. Raises `NodeError`, `ConflictError`."""
        app, name = key
        if name in (FIRST, LATEST) and self._apps.get(app):
            found = self.roots(app) if name == FIRST else self.leaves(app)
            if len(found) > 1:
                raise _conflict({app: found}, "roots" if name == FIRST else "leaves")
            if found:
                return found[0].key
        if key not in self.nodes:
            raise self._missing(key, wanted_by)
        return key

    def _find_roots(self) -> set[Key]:
        roots = {
            key
            for key, node in self.nodes.items()
            if all(app != key[0] for app, _ in node.dependencies)
        }
        for node in self.nodes.values():
            for key in node.run_before:
                if key[0] == node.app:
                    roots.difference_update(
                        self.replacements[key].first if key in self.replacements else (key,)
                    )
        return roots

    def _link_within_apps(self) -> dict[Key, list[Key]]:
        """Return the children of each node inside its app: a leaf has none."""
        children: dict[Key, list[Key]] = {key: [] for key in self.nodes}
        for own, node in self.nodes.items():
            for key in node.dependencies:
                if key[0] == node.app:
                    for parent in self._inner(key, node):
                        children[parent].append(own)
            for key in node.run_before:
                if key[0] == node.app:
                    children[own] += self._inner(key, node, runs_before=True)
        return children

    def _inner(self, key: Key, wanted_by: Node, *, runs_before: bool = False) -> tuple[Key, ...]:
        if key[1] == LATEST:
            raise NodeError(
                f"{wanted_by.label} wants the latest migration of its own app",
                place=wanted_by.place,
                hint="Name the migration that it comes after.",
            )
        return self._resolve_dependency(key, wanted_by, runs_before=runs_before)

    def _link(self) -> tuple[dict[Key, list[Key]], dict[Key, list[Key]]]:
        parents: dict[Key, dict[Key, None]] = {key: {} for key in self.nodes}
        children: dict[Key, list[Key]] = {key: [] for key in self.nodes}
        for own, node in self.nodes.items():
            for key in node.dependencies:
                for parent in self._resolve_dependency(key, node):
                    parents[own][parent] = None
            for key in node.run_before:
                for child in self._resolve_dependency(key, node, runs_before=True):
                    parents[child][own] = None
        for key, waited_for in parents.items():
            for parent in waited_for:
                children[parent].append(key)
        return {key: list(found) for key, found in parents.items()}, children

    def _resolve_dependency(
        self, key: Key, wanted_by: Node, *, runs_before: bool = False
    ) -> tuple[Key, ...]:
        """Return the nodes that a dependency, or a run_before, leads to: for a hidden one, its replacement.

        Remembered: ten thousand may wait for the same ``__first__``.
        """
        if key in self.nodes:
            return (key,)
        if key in self.replacements:
            found = self.replacements[key].first if runs_before else self.replacements[key].last
            if wanted_by.key in found:
                raise CycleError(
                    f"it waits for {label_of(key)}, which it replaces",
                    place=wanted_by.place or wanted_by.label,
                    hint="Take that out of its dependencies, or of its run_before.",
                )
            return found
        if key not in self._resolved:
            self._resolved[key] = (self.resolve(key, wanted_by),)
        return self._resolved[key]

    def _sort(self) -> tuple[Node, ...]:
        rank = self._rank
        waits = {key: len(parents) for key, parents in self._parents.items()}
        ready = [(rank[key[0]], key[1], key) for key, number in waits.items() if not number]
        heapify(ready)
        order = []
        while ready:
            _, _, done = heappop(ready)
            order.append(self.nodes[done])
            for key in self._children[done]:
                waits[key] -= 1
                if not waits[key]:
                    heappush(ready, (rank[key[0]], key[1], key))
        if len(order) < len(waits):
            try:
                graphlib.TopologicalSorter(self._parents).prepare()
            except graphlib.CycleError as error:
                raise _cycle([self.nodes[each] for each in error.args[1]]) from None
        return tuple(order)

    def _in_order(self, keys: Iterable[Key]) -> list[Node]:
        position: Callable[[Key], int] = self._position.__getitem__
        return [self.nodes[key] for key in sorted(keys, key=position)]

    def _reach(self, keys: Iterable[Key], links: Mapping[Key, list[Key]]) -> set[Key]:
        waiting = [self.node(key).key for key in keys]
        reached = set(waiting)
        while waiting:
            fresh = [key for key in links[waiting.pop()] if key not in reached]
            reached.update(fresh)
            waiting.extend(fresh)
        return reached

    def _missing(self, key: Key, wanted_by: Node | None = None) -> NodeError:
        app, name = key
        wants = f"{wanted_by.label} wants {label_of(key)}, and " if wanted_by else ""
        place = wanted_by.place if wanted_by else None
        if app not in self._apps:
            listed = "Add it to apps in [tool.whimbrel], or take that dependency out."
            hint: str | None = did_you_mean(app, self._apps) or listed
            return NodeError(f"{wants}there is no app {app!r}", place=place, hint=hint)
        if name in (FIRST, LATEST):
            first = f"Write its first one: whimbrel makemigrations {app}"
            return NodeError(f"{wants}{app} has no migrations", place=place, hint=first)
        if key in self.replacements:
            return self._hidden(key)
        names = [node.name for node in self._apps[app] if node != wanted_by]
        back = "Bring the file back, or take that dependency out." if wanted_by else None
        hint = did_you_mean(name, names) or back
        return NodeError(f"{wants}there is no migration {label_of(key)}", place=place, hint=hint)

    def _hidden(self, key: Key) -> NodeError:
        first, last = self.replacements[key]
        if first == last and self.nodes[first[0]].replaces:
            squash = label_of(first[0])
            return NodeError(
                f"{label_of(key)} is part of the squash {squash}", hint=f"Name {squash}."
            )
        return NodeError(
            f"the squash {label_of(key)} is not in force: the originals are",
            hint=f"Name one of them: {', '.join(map(label_of, last))}.",
        )


def _cycle(nodes: Sequence[Node]) -> CycleError:
    # graphlib gives the path against the arrows: each is what the next one waits for.
    path = " -> ".join(node.label for node in reversed(nodes))
    squash = next((node for node in nodes if node.replaces), None)
    if squash is not None:
        return CycleError(
            f"the squash {squash.label} makes migrations wait for each other: {path}",
            place=squash.place or squash.label,
            hint="Each waits for the one after the arrow: what waits for a part of the squash, and "
            "what a part of it waits for, waits for all of it now. Delete its file, and squash in "
            "two parts: what comes before the others in this circle, and what comes after them.",
        )
    return CycleError(
        f"migrations wait for each other: {path}",
        place=nodes[-1].label,
        hint="Each waits for the one after the arrow. Take one of these dependencies out, or "
        "split a migration so that what the other waits for comes first.",
    )


def _conflict(found: Mapping[str, Sequence[Node]], what: str = "leaves") -> ConflictError:
    named = "; ".join(
        f"{app} has {len(nodes)} {what}: {', '.join(node.name for node in nodes)}"
        for app, nodes in found.items()
    )
    return ConflictError(
        named,
        hint="Merge them: `whimbrel makemigrations --merge`, or `whimbrel migrate --merge`, which "
        "goes on to apply. Or put one after the other, where it is applied nowhere yet: "
        f"`whimbrel rebase {next(iter(found))}`.",
    )
