"""A history is replayed step by step, forwards and back, without a database.

Each migration's steps are made for every engine that is configured, as a database with history
takes them. What was proven is remembered beside the migrations, up to which one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

from whimbrel.errors import StateError, WhimbrelError
from whimbrel.history.cache import proven, remember_proven
from whimbrel.history.loader import History
from whimbrel.history.node import Node
from whimbrel.planning.work import build_both_ways
from whimbrel.run.connect import engines_of_new


def first_unsound(
    history: History, dialects: Iterable[str], place: Path | None
) -> tuple[Node, WhimbrelError] | None:
    """Return the first migration that some engine could not apply or undo, and why.

    place: a directory of migrations, beside which is remembered how far all was well.
    """
    engines = engines_of_new(dialects)
    order = history.graph.order()
    prints = _prints(order, [f"{each.dialect} {sorted(each.schemas or ())}" for each in engines])
    known = proven(place) if place is not None else None
    start = prints.index(known) + 1 if known in prints else 0
    if start == len(order):
        return None
    states = history.state_before(order[start].key)
    for node in order[start:]:
        try:
            states = build_both_ways(history, engines, node.key, states)
        except WhimbrelError as error:
            return node, error
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            hint = f"whimbrel sqlmigrate {node.app} {node.name} --traceback shows where."
            return node, StateError(said, hint=hint)
    if place is not None and prints:
        remember_proven(place, prints[-1])
    return None


def _prints(order: Sequence[Node], dialects: Sequence[str]) -> list[str]:
    """Return a digest for each migration, of it and of all before it."""
    own = (f"{node.label} {node.digest} {node.atomic} {node.dependencies}" for node in order)
    first = " ".join(dialects)
    return list(
        accumulate(
            own,
            lambda before, one: hashlib.sha256(f"{before}\0{one}".encode()).hexdigest(),
            initial=first,
        )
    )[1:]
