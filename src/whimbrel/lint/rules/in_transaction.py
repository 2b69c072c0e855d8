"""SQL that cannot run in the transaction of its migration."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.effects import operation_of
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope


def _check(scope: LintScope) -> Iterator[Problem]:
    for step, reading in scope.statements:
        if reading.needs_autocommit and step.transactional:
            number = operation_of(step)
            message = "PostgreSQL runs it in no transaction, and its migration is one"
            yield Problem(f"{scope.title(number)}: {message}", number)


_SQL = """\
migrations.RunSQL(
    "CREATE INDEX CONCURRENTLY post_title ON blog_post (title)",
    "DROP INDEX CONCURRENTLY post_title",
)"""

RULE = Rule(
    code="in-transaction",
    level="error",
    title="SQL that cannot run in a transaction is in one",
    happens="PostgreSQL refuses it: CONCURRENTLY, VACUUM, and what is about databases and tablespaces.",
    why="The migration fails.",
    instead="Write atomic = False in its class, and leave that statement alone in its migration. For an index of a "
    "model there is AddIndex, which does it so by itself.",
    check=_check,
    bad=migration(_SQL),
    good=migration(_SQL, members="atomic = False"),
)
