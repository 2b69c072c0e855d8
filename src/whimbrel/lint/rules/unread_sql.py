"""SQL that nobody can read beforehand."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.effects import operation_of
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope


def _check(scope: LintScope) -> Iterator[Problem]:
    for step, reading in scope.statements:
        if reading.unread is not None and step.id not in scope.seen:
            number = operation_of(step)
            yield Problem(f"{scope.title(number)}: it was not judged: {reading.unread}", number)


RULE = Rule(
    code="unread-sql",
    level="info",
    title="SQL of a RunSQL, or of a function, that could not be judged",
    happens="Nothing is known of what it locks, reads or takes away.",
    why="Only people can say whether it may run while the application does.",
    instead="Read it. With --trace it is run on a scratch database, and what it does is seen there.",
    check=_check,
    bad=migration(
        "migrations.RunSQL(\n"
        "    \"DO $$ BEGIN PERFORM set_config('a.b', 'c', false); END $$\", migrations.RunSQL.noop\n"
        ")"
    ),
    good=migration(
        'migrations.RunSQL("CREATE EXTENSION IF NOT EXISTS pg_trgm", migrations.RunSQL.noop)'
    ),
)
