"""Something that code of before uses gets another name."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.step import HazardCode
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope


def _check(scope: LintScope) -> Iterator[Problem]:
    for each in scope.effects:
        if each.code is HazardCode.BREAKS_OLD_CODE and each.breaks == "renamed":
            yield Problem(f"{scope.title(each.operation)}: {each.message}", each.operation)


RULE = Rule(
    code="renamed",
    level="error",
    title="a table, a column or an enum's value gets another name",
    happens="From the commit on, every statement with the old name fails; until then, every one with "
    "the new name did.",
    why="There is no moment at which the code of before and the code of after both work: some "
    "requests fail in every deploy.",
    instead="Rename in Python alone: db_column= of the field, or db_table= of the model, keeps the old "
    "name in the database. Or add the new one, fill it, change over, and remove the old one later.",
    check=_check,
    bad=migration('migrations.RenameField("post", "body", "text")'),
    good=migration(
        'migrations.AlterField("post", "body", models.TextField(db_column="body", null=True))',
        'migrations.RenameField("post", "body", "text")',
    ),
)
