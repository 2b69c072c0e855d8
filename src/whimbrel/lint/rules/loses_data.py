"""What was stored is gone."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.step import HazardCode
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope


def _check(scope: LintScope) -> Iterator[Problem]:
    for each in scope.effects:
        if each.code is HazardCode.LOSES_DATA:
            yield Problem(f"{scope.title(each.operation)}: {each.message}", each.operation)


RULE = Rule(
    code="loses-data",
    level="warning",
    title="what is stored in a column or a table goes",
    happens="The values are gone with the commit. Going back makes the column again, empty.",
    why="If it turns out that somebody needs them, only a backup has them.",
    instead="Stop using it, and remove it a release or two later, when nobody has missed it; take a backup "
    "(migrate --backup). Then say so in the migration: lint_ignore.",
    check=_check,
    bad=migration('migrations.RemoveField("post", "body")'),
    good=migration(
        'migrations.AlterField("post", "body", models.TextField(null=True, db_comment="unused"))'
    ),
)
