"""A label of an enum type is used in the migration that adds it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from whimbrel.lint.functions import code_of
from whimbrel.lint.labels import HINT, labels_in, new_labels
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope
from whimbrel.operations.backfill import Backfill
from whimbrel.operations.base import Operation
from whimbrel.operations.special import RunPython, RunSQL


def _check(scope: LintScope) -> Iterator[Problem]:
    for number, operation, before, _ in ((t.number, *t[:3]) for t in scope.transitions):
        if not isinstance(operation, RunSQL | RunPython | Backfill):
            continue
        new = new_labels(scope.transitions[0].before.database, before.database)
        is_refused = scope.engine.capabilities.new_labels_wait and scope.migration.atomic
        for label in _used(operation, new, scope.dialect):
            message = f"{scope.title(number)}: this migration adds the label {label!r} itself"
            instead = HINT if is_refused and not isinstance(operation, Backfill) else None
            yield Problem(message, number, instead=instead)


def _used(operation: Operation, new: list[str], dialect: str) -> list[str]:
    match operation:
        case RunSQL():
            return labels_in(operation, dialect, new)
        case RunPython(code=function):
            return [label for label in new if label in _constants(function)]
        case Backfill(function=function, set=values):
            written = {each for each in (values or {}).values() if isinstance(each, str)}
            written |= _constants(function) if function is not None else set()
            return [label for label in new if label in written]
    return []


def _constants(function: Callable[..., Any]) -> set[str]:
    """The strings in the code of a function."""
    code = code_of(function)
    nodes = (each for top in code.nodes for each in ast.walk(top)) if code is not None else ()
    return {
        each.value
        for each in nodes
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


_ADDS = """\
migrations.AlterField(
    "post",
    "state",
    models.EnumField(["draft", "public", "old"], name="state", default="draft"),
)"""

RULE = Rule(
    code="label",
    level="error",
    title="a label of an enum type is used in the migration that adds it",
    happens="PostgreSQL refuses it in the transaction that adds it. Otherwise code that still runs reads a value that "
    "it does not know; SQLAlchemy raises LookupError for the whole row.",
    why="The migration fails, or every request of old code that meets such a row does.",
    instead="Add the label in one release, and write it into rows in a migration of a later one, when no code runs that "
    "does not know it.",
    check=_check,
    bad=migration(
        _ADDS,
        "migrations.RunSQL(\n"
        "    \"UPDATE blog_post SET state = 'old' WHERE id = 1\", migrations.RunSQL.noop\n"
        ")",
    ),
    good=migration(_ADDS),
)
