"""A label of an enum type is used in the transaction that adds it."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.labels import HINT, labels_used_early
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope


def _check(scope: LintScope) -> Iterator[Problem]:
    if scope.engine.capabilities.new_labels_wait:
        for place, label in labels_used_early(scope.history, scope.node, scope.dialect):
            title = scope.title(place + 1)
            yield Problem(f"{title}: this migration adds the label {label!r} itself", place + 1)


_ADDS = """\
migrations.AlterField(
    "post",
    "state",
    models.EnumField(["draft", "public", "old"], name="state", default="draft"),
)"""

RULE = Rule(
    code="label",
    level="error",
    title="SQL uses a label of an enum type that its own migration adds",
    happens="PostgreSQL refuses the label until it is committed. Where it does not, code that still runs reads a "
    "value that it does not know.",
    why="The migration fails, or every request of old code that meets such a row does.",
    instead=HINT,
    check=_check,
    bad=migration(
        _ADDS,
        "migrations.RunSQL(\n"
        "    \"UPDATE blog_post SET state = 'old' WHERE id = 1\", migrations.RunSQL.noop\n"
        ")",
    ),
    good=migration(_ADDS),
)
