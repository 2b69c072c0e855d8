"""Squashes that were written, or would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whimbrel.commands.prune import PrunePlan
from whimbrel.errors import place
from whimbrel.history.squash import Squash, Squashed
from whimbrel.report.text import count_text

#: What is to be done with a squash.
NEXT = (
    "Commit the new files beside the old ones, and run `whimbrel migrate` on every database. When "
    "all have it: whimbrel squashmigrations --prune"
)


def squash_text(found: Squashed, *, with_text: bool = False) -> str:
    """Return what becomes of each migration, and why; or the text of the files."""
    if with_text:
        files = (f"# {place(each.head.path)}\n{each.text}" for each in found.squashes)
        return "\n".join(files)
    return "\n".join([*(line for each in found.squashes for line in _squash(each)), *_rest(found)])


def _squash(each: Squash) -> Iterator[str]:
    names = [node.name for node in each.replaced]
    yield place(each.head.path)
    yield f"  replaces {len(names)} migrations, {names[0]} to {names[-1]}"
    yield f"  {count_text(each.before, 'operation')} became {len(each.operations)}"
    yield from (f"    {operation.describe()}" for operation in each.operations)
    yield from (f"  taken along: {what}" for what in each.carried)
    yield from (f"  left out, as it may be: {what}" for what in each.elided)
    yield from (f"  some operations stay as they are: {why}" for why in each.unchanged)


def _rest(found: Squashed) -> Iterator[str]:
    yield from (f"stays as it is: {node.label}" for node in found.left)
    yield from (
        f"split between {cut.before.name} and {cut.after.name}: {cut.why}" for cut in found.cuts
    )


def squash_json(found: Squashed, *, with_text: bool = False) -> dict[str, Any]:
    """The squashes for machines."""
    return {
        "squashes": [
            {
                "app": each.head.app,
                "name": each.head.name,
                "path": str(each.head.path),
                "replaces": [node.name for node in each.replaced],
                "operations_before": each.before,
                "operations": [operation.describe() for operation in each.operations],
                "taken_along": list(each.carried),
                "left_out": list(each.elided),
                "unchanged": list(each.unchanged),
                **({"text": each.text} if with_text else {}),
            }
            for each in found.squashes
        ],
        "left": [node.label for node in found.left],
        "cuts": [
            {"before": cut.before.name, "after": cut.after.name, "why": cut.why}
            for cut in found.cuts
        ],
    }


# -- pruning ---------------------------------------------------------------------------------


def prune_text(plan: PrunePlan) -> str:
    """Return the steps of pruning, in order."""
    return "\n".join(_prune(plan))


def _prune(plan: PrunePlan) -> Iterator[str]:
    yield f"These become ordinary migrations: {', '.join(plan.squashes)}"
    yield from (f"  edit    {place(each.path)}: its dependencies" for each in plan.pointing)
    for alias, keys in plan.rows.items():
        yield from (f"  forget  {app}.{name} in the record of {alias}" for app, name in keys)
    yield from (f"  delete  {place(path)}" for path in plan.deleted)
    yield from (f"  edit    {place(each.path)}: no replaces" for each in plan.unsquashed)


def prune_json(plan: PrunePlan) -> dict[str, Any]:
    """Return the steps of pruning, for machines."""
    return {
        "squashes": list(plan.squashes),
        "dependencies": [str(each.path) for each in plan.pointing],
        "rows": {
            alias: [f"{app}.{name}" for app, name in keys] for alias, keys in plan.rows.items()
        },
        "deleted": [str(path) for path in plan.deleted],
        "unsquashed": [str(each.path) for each in plan.unsquashed],
    }
