"""A large table is read as a whole, or locked for long, and nobody can write it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.step import HazardCode
from whimbrel.lint.effects import Effect
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope

_BAD = (HazardCode.SCANS_TABLE, HazardCode.BLOCKS_WRITES)


def _check(scope: LintScope) -> Iterator[Problem]:
    # One statement is one finding: a rewrite scans too, and what scans blocks.
    seen = {_of(each) for each in scope.effects if each.code is HazardCode.REWRITES_TABLE}
    for each in scope.effects:
        if each.code in _BAD and _of(each) not in seen:
            seen.add(_of(each))
            message = f"{scope.title(each.operation)}: {each.message}"
            yield Problem(message, each.operation, instead=each.instead)


def _of(effect: Effect) -> tuple[int, str]:
    return effect.operation, effect.sql


RULE = Rule(
    code="scans-table",
    level="error",
    title="writers wait while a table that was there before is read as a whole, locked, or given an index",
    happens="PostgreSQL looks at every row under a lock that keeps writers out (SHARE or stronger).",
    why="Every INSERT, UPDATE and DELETE of the table waits until it is done, and what waits holds a "
    "connection.",
    instead="Where an operation says it, Whimbrel adds it without a look at the rows and validates it, or builds it "
    "concurrently, while others write: use that in place of SQL. There is no such form of an exclusion constraint.",
    check=_check,
    bad=migration(
        "migrations.RunSQL(\n"
        '    "CREATE INDEX post_title ON blog_post (title)",\n'
        '    "DROP INDEX post_title",\n'
        ")"
    ),
    good=migration(
        'migrations.AddIndex("post", models.Index(fields=["title"], name="post_title"))'
    ),
)
