"""Collisions: operations of two branches that are about the same thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from whimbrel.history.branches.effects import Touch
from whimbrel.history.node import Node

#: What is done to a field that no second one may do to it.
_CHANGES = frozenset({"add", "alter", "remove", "rename"})
_TAKEN_AWAY = frozenset({"delete", "remove", "rename"})


class Act(NamedTuple):
    """An operation of a migration, in words, with what it touches."""

    node: Node
    words: str
    touches: Sequence[Touch]


def collisions_between(ones: Iterable[Act], others: Sequence[Act]) -> Iterator[str]:
    """A reason, in words, for each two operations that are about the same thing."""
    for one in ones:
        for other in others:
            found = _first_in_common(one.touches, other.touches)
            if found is not None:
                first, second = sorted((one, other), key=lambda act: (act.node.key, act.words))
                yield (
                    f"{first.node.label}: {first.words}; {second.node.label}: {second.words} "
                    f"(both: {found.words})"
                )


def _first_in_common(ones: Sequence[Touch], others: Sequence[Touch]) -> Touch | None:
    by: dict[tuple[str, tuple[str | None, ...]], list[Touch]] = {}
    for touch in others:
        by.setdefault((touch.kind, touch.at), []).append(touch)
    for touch in ones:
        for other in by.get((touch.kind, touch.at), ()):
            if _collide(touch, other):
                return touch
    return None


def _collide(one: Touch, other: Touch) -> bool:
    hows = {one.how, other.how}
    match one.kind:
        case "model":
            return bool(hows & _TAKEN_AWAY) or hows == {"create"}
        case "field":
            return hows <= _CHANGES or bool(hows & _TAKEN_AWAY)
    return True
