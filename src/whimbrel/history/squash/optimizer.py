"""The contents of a squash: between barriers, the operations that the difference of two states asks for.

What is found is believed only where it leads to the same; else the operations of a span stay as
they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whimbrel.detect import detect
from whimbrel.errors import WhimbrelError
from whimbrel.history.node import Key
from whimbrel.history.squash.answers import Identities
from whimbrel.history.squash.equivalence import first_difference, keeps_rows, values_of_rows
from whimbrel.operations.base import Operation, replay
from whimbrel.operations.identities import find_identities_to_keep
from whimbrel.state.state_pair import StatePair


@dataclass(frozen=True, eq=False)
class Original:
    """An operation where it was first: the ``index``-th of a migration."""

    key: Key
    index: int
    operation: Operation


@dataclass(frozen=True)
class Content:
    """The contents of a squash: operations to be written, and barriers to be copied.

    ``elided``: what is left out because it may be. ``unchanged``: why spans stayed as they were.
    """

    members: tuple[Operation | Original, ...]
    elided: tuple[Original, ...] = ()
    unchanged: tuple[str, ...] = ()

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All operations in it, also those of barriers."""
        return tuple(
            each.operation if isinstance(each, Original) else each for each in self.members
        )


def as_they_are(originals: Iterable[Original]) -> Content:
    """All operations, one after another."""
    return Content(tuple(each if each.operation.barrier else each.operation for each in originals))


def least(app: str, originals: Sequence[Original], before: StatePair) -> Content:
    """Return as few operations as lead from the states before to where the originals lead."""
    members: list[Operation | Original] = []
    unchanged: list[str] = []
    states = before
    for span in _spans(originals):
        if isinstance(span, Original):
            members.append(span)
            states = span.operation.apply_to_both(app, states)
            continue
        found = _shorten(app, span, states)
        if isinstance(found, str):
            unchanged.append(found)
        members += span if isinstance(found, str) else found
        states = replay(app, span, states)
    elided = tuple(each for each in originals if _is_elidable(each.operation))
    return Content(tuple(members), elided, tuple(unchanged))


def _is_elidable(operation: Operation) -> bool:
    return bool(getattr(operation, "elidable", False))


def _spans(originals: Iterable[Original]) -> Iterator[list[Operation] | Original]:
    """The operations between barriers, and the barriers; what may be left out parts nothing."""
    span: list[Operation] = []
    for each in originals:
        if each.operation.barrier and not _is_elidable(each.operation):
            yield from [span] if span else []
            yield each
            span = []
        else:
            span += (
                each.operation.left_when_elided() if each.operation.barrier else [each.operation]
            )
    yield from [span] if span else []


def _shorten(app: str, span: list[Operation], before: StatePair) -> list[Operation] | str:
    """Fewer operations that do the same as a span; or why there are none. No word: none are needed."""
    if len(span) < 2:
        return span
    after = replay(app, span, before)
    try:
        found = _detect(app, before, after, values_of_rows(app, span, before))
        if found is None:
            return "it concerns other apps"
        if len(found) >= len(span):
            return span
        needed = find_identities_to_keep(app, before.models, found, after.models)
        made = [needed, *found] if needed is not None else found
        differs = first_difference(replay(app, made, before), after)
    except WhimbrelError as error:
        return error.message
    if differs is not None:
        return differs
    return made if keeps_rows(app, made, span, before) else "rows would get other values"


def _detect(
    app: str, before: StatePair, after: StatePair, fills: Mapping[str, Any]
) -> list[Operation] | None:
    """The operations that the difference asks for; None where they are not this app's alone."""
    questioner = Identities(before.models, after.models, fills)
    migrations = detect(before.models, after.models, questioner)
    if any(each.app != app for each in migrations):
        return None
    return [operation for each in migrations for operation in each.operations]
