"""Branches that are to become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from whimbrel.commands.merge import Merge
from whimbrel.history.branches import Fork
from whimbrel.report.files import files_json

#: What a merge means that was made although its branches collide.
FORCED = (
    "A database that applied these migrations in another order may differ from now on: look at each "
    "with `whimbrel drift`. One that has applied only the later of two that collide may not be able "
    "to apply the earlier."
)


def branches_text(fork: Fork, *, with_reasons: bool) -> str:
    """Return what each branch of an app did since they parted, with notes.

    with_reasons: why they collide too, which an error says otherwise.
    """
    return "\n".join(_lines(fork, with_reasons))


def _lines(fork: Fork, with_reasons: bool) -> Iterator[str]:
    yield f"{fork.app} has {len(fork.branches)} leaves."
    for branch in fork.branches:
        yield f"Up to {branch.leaf.name}:"
        for node, does in zip(branch.nodes, branch.does, strict=True):
            yield f"  {node.name if node.app == fork.app else node.label}"
            yield from (f"    {words}" for words in does or ["No operations"])
    if fork.notes:
        yield "Nothing can tell what these do; look at them yourself:"
        yield from (f"  {note}" for note in fork.notes)
    if not fork.collisions:
        yield "They do not collide."
    elif with_reasons:
        yield "They collide:"
        yield from (f"  {reason}" for reason in fork.collisions)


def merges_json(merges: Iterable[Merge], *, with_text: bool = False) -> dict[str, Any]:
    """The merges for machines."""
    merges = list(merges)
    files = files_json([merge.file for merge in merges], with_text=with_text)
    return {**files, "merges": [fork_json(merge.fork) for merge in merges]}


def fork_json(fork: Fork) -> dict[str, Any]:
    """The branches of an app for machines."""
    return {
        "app": fork.app,
        "branches": [
            {
                "leaf": branch.leaf.name,
                "migrations": [
                    {"app": node.app, "name": node.name, "operations": list(does)}
                    for node, does in zip(branch.nodes, branch.does, strict=True)
                ],
            }
            for branch in fork.branches
        ],
        "collisions": list(fork.collisions),
        "notes": list(fork.notes),
    }
