"""Squashed migrations: which are in force for a database, and what stands for those that are not.

A squash is a migration that ``replaces`` others of its app. A new database runs it alone; one
that has applied some of what it replaces goes on with the originals until all are applied.
Where it is in force, what it replaces is hidden; where the originals are, it is hidden itself.
Nothing here recurses: ten thousand replaced migrations are ordinary ones.
"""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from whimbrel.errors import CycleError, HistoryError
from whimbrel.history.node import Key, Node, label_of


class ReplacementEdge(NamedTuple):
    """The replacement of a hidden migration: the nodes that come first in it, and those that come last."""

    first: tuple[Key, ...]
    last: tuple[Key, ...]


@dataclass(frozen=True)
class Resolution:
    """The migrations that are in force.

    ``nodes``: the migrations in force. ``replacements``: what stands for each hidden one, and for
    each that a squash replaces and that has no file. ``complete``: the squashes in force that
    count as applied, since all that they replace is, and that the record does not have yet.
    ``expanded``: the squashes that are not in force since their originals are.
    """

    nodes: tuple[Node, ...]
    replacements: Mapping[Key, ReplacementEdge] = field(default_factory=dict)
    complete: tuple[Key, ...] = ()
    expanded: tuple[Key, ...] = ()


class Squashes:
    """The squashes of a history, with the migrations that each replaces.

    Raises `HistoryError` for a squash that replaces what it cannot: itself, another app's, or
    what another squash replaces too; `CycleError` for squashes that replace each other.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes: dict[Key, Node] = {node.key: node for node in nodes}
        #: The squash that a migration is part of: the innermost one.
        self.around: dict[Key, Key] = {}
        #: What each squash replaces; what is part of a squash in it is left to that one.
        self.parts: dict[Key, tuple[Key, ...]] = {}
        squashes = [node for node in self.nodes.values() if node.replaces]
        for node in squashes:
            _refuse_wrong(node)
        self._claim(squashes)
        children = _children_in_apps(self.nodes) if squashes else {}
        for node in squashes:
            self._refuse_newer(node, children)
        self._order = self._inner_first()

    def __bool__(self) -> bool:
        return bool(self.parts)

    def inside(self, key: Key) -> list[Key]:
        """All that a squash replaces, the squashes in it and what these replace too."""
        found: list[Key] = []
        waiting = [key]
        while waiting:
            parts = self.parts.get(waiting.pop(), ())
            found += parts
            waiting += parts
        return found

    def outside(self, key: Key) -> Iterator[Key]:
        """The squashes that a migration is part of, the innermost first."""
        while key in self.around:
            key = self.around[key]
            yield key

    def outermost(self) -> list[Key]:
        """The squashes that are part of no other."""
        return [key for key in self._order if key not in self.around]

    def resolve(
        self,
        recorded: Collection[Key] | None = None,
        half_done: Collection[Key] = (),
        assumed: Collection[Key] = (),
    ) -> Resolution:
        """Return the migrations that are in force for a database.

        ``recorded``: what its record has; None: offline, where every squash is in force.
        ``half_done``: what a killed run has left. ``assumed``: squashes that are taken to be in
        force whatever the record says. Raises `HistoryError` where originals are to be in force
        and their files are gone.
        """
        if not self.parts:
            return Resolution(tuple(self.nodes.values()))
        return _Resolver(self, recorded, half_done, assumed).resolve()

    # -- what the files say

    def _claim(self, squashes: list[Node]) -> None:
        replaces = {node.key: frozenset(node.replaces) for node in squashes}
        claims: dict[Key, list[Key]] = {}
        for node in squashes:
            for key in dict.fromkeys(node.replaces):
                claims.setdefault(key, []).append(node.key)
        for key, claiming in claims.items():
            self.around[key] = self._innermost(key, claiming, replaces)
        parts: dict[Key, list[Key]] = {node.key: [] for node in squashes}
        for key, squash in self.around.items():
            parts[squash].append(key)
        self.parts = {key: tuple(found) for key, found in parts.items()}

    def _refuse_newer(self, squash: Node, children: Mapping[Key, list[Key]]) -> None:
        """Raises `HistoryError` where a file has the name of what a squash replaced, and follows it."""
        found: set[Key] = set()
        waiting = [squash.key]
        while waiting:
            fresh = [key for key in children.get(waiting.pop(), ()) if key not in found]
            found.update(fresh)
            waiting += fresh
        for key in sorted(found.intersection(self.inside(squash.key) if found else ())):
            raise HistoryError(
                f"{squash.label} replaces a migration of this name, and this one comes after it: "
                "it would not be looked at",
                place=label_of(key),
                hint="Give the new file another name, one that no squash replaces.",
            )

    def _innermost(
        self, key: Key, claiming: list[Key], replaces: Mapping[Key, frozenset[Key]]
    ) -> Key:
        """The squash that all others of these replace."""
        for squash in claiming:
            if all(squash in replaces[other] for other in claiming if other != squash):
                return squash
        one, other = claiming[0], claiming[-1]
        raise HistoryError(
            f"two squashes replace it: {label_of(one)} and {label_of(other)}",
            place=label_of(key),
            hint=_one_of_two(one, other, replaces),
        )

    def _inner_first(self) -> list[Key]:
        inner = {
            key: [part for part in parts if part in self.parts] for key, parts in self.parts.items()
        }
        try:
            return list(graphlib.TopologicalSorter(inner).static_order())
        except graphlib.CycleError as error:
            path = " -> ".join(label_of(key) for key in error.args[1])
            raise CycleError(
                f"squashes replace each other: {path}",
                place=label_of(error.args[1][0]),
                hint="Take one out of the other's `replaces`.",
            ) from None

    def inner_first(self) -> list[Key]:
        """All squashes, those that are part of another before it."""
        return self._order


def _refuse_wrong(squash: Node) -> None:
    for key in squash.replaces:
        if key == squash.key:
            raise HistoryError(
                "it replaces itself",
                place=squash.label,
                hint="Take its own name out of its `replaces`.",
            )
        if key[0] != squash.app:
            raise HistoryError(
                f"it replaces {label_of(key)}, which is another app's",
                place=squash.label,
                hint="A squash replaces migrations of its own app; depend on that one instead.",
            )


def _children_in_apps(nodes: Mapping[Key, Node]) -> dict[Key, list[Key]]:
    """Return the children of each migration in its own app."""
    children: dict[Key, list[Key]] = {}
    for node in nodes.values():
        for key in node.dependencies:
            if key[0] == node.app:
                children.setdefault(key, []).append(node.key)
    return children


class _Progress(NamedTuple):
    """Of what a squash replaces: all recorded, any recorded, any half done."""

    done: bool
    touched: bool
    half: bool


class _Resolver:
    """Resolves the squashes against one record."""

    def __init__(
        self,
        squashes: Squashes,
        recorded: Collection[Key] | None,
        half_done: Collection[Key],
        assumed: Collection[Key],
    ) -> None:
        self.squashes = squashes
        self.recorded = recorded
        self.half_done = half_done
        self.assumed = assumed
        self.progress: dict[Key, _Progress] = {}
        self.replacements: dict[Key, ReplacementEdge] = {}
        self.expanded: list[Key] = []
        self.complete: list[Key] = []

    def resolve(self) -> Resolution:
        order = self.squashes.inner_first()
        for squash in order:
            self.progress[squash] = self._progress_of(squash)
        for squash in reversed(order):
            if squash not in self.replacements:
                self._resolve_one(squash)
        hidden = self.replacements.keys() | set(self.expanded)
        nodes = tuple(node for key, node in self.squashes.nodes.items() if key not in hidden)
        for squash in reversed(self.expanded):
            self.replacements[squash] = self._ends(squash)
        return Resolution(nodes, self.replacements, tuple(self.complete), tuple(self.expanded))

    def _progress_of(self, squash: Key) -> _Progress:
        parts = self.squashes.parts[squash]
        recorded = self.recorded if self.recorded is not None else ()
        inner = [self.progress[part] for part in parts if part in self.progress]
        return _Progress(
            done=all(
                part in recorded or (part in self.progress and self.progress[part].done)
                for part in parts
            ),
            touched=any(part in recorded for part in parts) or any(each.touched for each in inner),
            half=any(part in self.half_done for part in parts) or any(each.half for each in inner),
        )

    def _resolve_one(self, squash: Key) -> None:
        if self._is_in_force(squash):
            alone = ReplacementEdge((squash,), (squash,))
            self.replacements.update(dict.fromkeys(self.squashes.inside(squash), alone))
            recorded = self.recorded
            if recorded is not None and squash not in recorded and self.progress[squash].done:
                self.complete.append(squash)
        else:
            self.expanded.append(squash)
            # The originals are in force: what they do is needed.
            nodes = self.squashes.nodes
            missing = [part for part in self.squashes.parts[squash] if part not in nodes]
            if missing:
                raise _missing(nodes[squash], missing, self.recorded or ())

    def _is_in_force(self, squash: Key) -> bool:
        found = self.progress[squash]
        if self.recorded is None or squash in self.assumed:
            return True
        if found.half:
            return False
        is_known = squash in self.recorded or squash in self.half_done
        return is_known or found.done or not found.touched

    def _ends(self, squash: Key) -> ReplacementEdge:
        """Return the first and the last of the originals of an expanded squash."""
        nodes, replacements = self.squashes.nodes, self.replacements
        parts = [key for key in self.squashes.inside(squash) if key not in replacements]
        own = set(parts).difference(self.expanded)
        waiting: set[Key] = set()
        waited_for: set[Key] = set()
        for key in own:
            before = _within(own, nodes[key].dependencies, replacements)
            after = _within(own, nodes[key].run_before, replacements)
            waiting |= after | ({key} if before else set())
            waited_for |= before | ({key} if after else set())
        return ReplacementEdge(tuple(sorted(own - waiting)), tuple(sorted(own - waited_for)))


def _within(
    own: set[Key], keys: Iterable[Key], replacements: Mapping[Key, ReplacementEdge]
) -> set[Key]:
    """Those of these migrations that some keys lead to."""
    found = (replacements[key].last if key in replacements else (key,) for key in keys)
    return {key for each in found for key in each if key in own}


def _missing(squash: Node, missing: list[Key], recorded: Collection[Key]) -> HistoryError:
    names = ", ".join(label_of(key) for key in missing)
    fake = f"Where the database has all that they do: whimbrel migrate {squash.app} {squash.name} --fake"
    if any(key in recorded for key in missing):
        back = (
            "Bring the files back from the commit that had them, run `whimbrel migrate` with them"
        )
    else:
        back = (
            "Bring the files back, or take out of `replaces` what there never was; run "
            "`whimbrel migrate`"
        )
    return HistoryError(
        "the database has applied some of what it replaces, and goes on with the originals until "
        f"all are applied; without a file: {names}",
        place=squash.label,
        hint=f"{back} until all are applied, and come here again. {fake}",
    )


def _one_of_two(one: Key, other: Key, replaces: Mapping[Key, frozenset[Key]]) -> str:
    """Return a hint for two squashes that replace the same migration."""
    outer, inner = (one, other) if replaces[one] > replaces[other] else (other, one)
    delete = "delete one of the two files"
    if replaces[outer] > replaces[inner]:
        return (
            f"Let {label_of(outer)} replace the other ({inner!r} in its `replaces`, in the place of "
            f"what that one replaces), or {delete}."
        )
    return f"Neither holds all of the other: {delete}, and squash again what is left."
