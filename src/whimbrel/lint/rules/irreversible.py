"""An operation without a way back."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope


def _check(scope: LintScope) -> Iterator[Problem]:
    for number, operation in enumerate(scope.migration.operations, start=1):
        missing = operation.missing_reverse()
        if missing is not None:
            message = f"{scope.title(number)}: it cannot be undone"
            yield Problem(message, number, instead=missing)


RULE = Rule(
    code="irreversible",
    level="warning",
    title="an operation has no way back",
    happens="`whimbrel migrate APP NAME` to a migration before it is refused.",
    why="A deploy that went wrong cannot be taken back, and nobody can change branches with their database.",
    instead="Give RunPython a second function, and RunSQL a reverse_sql; or noop, where nothing is to be undone.",
    check=_check,
    bad=migration("migrations.RunSQL(\"UPDATE blog_author SET name = 'Greg' WHERE id = 1\")"),
    good=migration(
        "migrations.RunSQL(\n"
        "    \"UPDATE blog_author SET name = 'Greg' WHERE id = 1\", migrations.RunSQL.noop\n"
        ")"
    ),
)
