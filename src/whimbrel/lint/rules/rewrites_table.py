"""A large table is written anew, and nobody can read or write it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.step import HazardCode
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope


def _check(scope: LintScope) -> Iterator[Problem]:
    for each in scope.effects:
        if each.code is HazardCode.REWRITES_TABLE:
            message = f"{scope.title(each.operation)}: {each.message}"
            yield Problem(message, each.operation, instead=each.instead)


RULE = Rule(
    code="rewrites-table",
    level="error",
    title="a table that was there before is rewritten as a whole",
    happens="PostgreSQL writes every row and every index anew, and holds an ACCESS EXCLUSIVE lock "
    "until it is done.",
    why="Nobody can read or write the table meanwhile: seconds for a million rows, hours for a "
    "large table. Whoever uses it waits, and connections run out.",
    instead="Where an operation says it, Whimbrel takes the form that keeps nobody waiting, if there is one: use that "
    "in place of SQL. Else add a new column, fill it in batches, and change over to it in a later release.",
    check=_check,
    bad=migration(
        "migrations.RunSQL(\n"
        '    "ALTER TABLE blog_post ALTER COLUMN rating TYPE bigint",\n'
        '    "ALTER TABLE blog_post ALTER COLUMN rating TYPE integer",\n'
        "    state_operations=[\n"
        '        migrations.AlterField("post", "rating", models.BigIntegerField(null=True)),\n'
        "    ],\n"
        ")"
    ),
    good=migration('migrations.AlterField("post", "rating", models.BigIntegerField(null=True))'),
)
