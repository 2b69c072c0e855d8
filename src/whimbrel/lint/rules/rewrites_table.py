"""A large table is written anew, and nobody can read or write it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.step import HazardCode
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope


def _check(scope: LintScope) -> Iterator[Problem]:
    for each in scope.effects:
        if each.code is HazardCode.REWRITES_TABLE:
            yield Problem(f"{scope.title(each.operation)}: {each.message}", each.operation)


RULE = Rule(
    code="rewrites-table",
    level="error",
    title="a table that was there before is rewritten as a whole",
    happens="PostgreSQL writes every row and every index anew, and holds an ACCESS EXCLUSIVE lock "
    "until it is done.",
    why="Nobody can read or write the table meanwhile: seconds for a million rows, hours for a "
    "large table. Whoever uses it waits, and connections run out.",
    instead="Add a new column, fill it in batches, and change over to it in a later release.",
    check=_check,
    bad=migration(
        'migrations.AlterField("post", "rating", models.CharField(max_length=20, null=True))'
    ),
    good=migration(
        'migrations.AddField("post", "score", models.CharField(max_length=20, null=True))',
        'migrations.Backfill("post", set={"score": SQL("rating::varchar")})',
        more="from whimbrel.models import SQL",
    ),
)
