"""A large table is read as a whole, or locked for long, and nobody can write it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.step import HazardCode
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope

_BAD = (HazardCode.SCANS_TABLE, HazardCode.BLOCKS_WRITES)


def _check(scope: LintScope) -> Iterator[Problem]:
    # One statement is one finding: a rewrite scans too, and what scans blocks.
    rewritten = {each.sql for each in scope.effects if each.code is HazardCode.REWRITES_TABLE}
    seen = set(rewritten)
    for each in scope.effects:
        if each.code in _BAD and each.sql not in seen:
            seen.add(each.sql)
            yield Problem(f"{scope.title(each.operation)}: {each.message}", each.operation)


RULE = Rule(
    code="scans-table",
    level="error",
    title="writers wait while a table that was there before is read as a whole, or an index is built",
    happens="PostgreSQL looks at every row under a lock that keeps writers out (SHARE or stronger).",
    why="Every INSERT, UPDATE and DELETE of the table waits until it is done, and what waits holds a "
    "connection.",
    instead="Do it in two steps: what is added without a look at the rows comes first, and is "
    "validated, or built concurrently, while others write.",
    check=_check,
    bad=migration(
        "migrations.AddConstraint(\n"
        '    "post",\n'
        '    models.ExclusionConstraint(name="post_title_alone", expressions=[("title", "=")]),\n'
        ")"
    ),
    good=migration(
        "migrations.RunSQL(\n"
        '    "CREATE INDEX CONCURRENTLY post_title ON blog_post (title)",\n'
        '    "DROP INDEX CONCURRENTLY post_title",\n'
        ")",
        members="atomic = False",
    ),
)
