"""A column of a table that is in use takes no NULL, and has no default."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope
from whimbrel.lint.tables import Flaw, over_tables
from whimbrel.schema.table import Table


def _find(table: Table) -> Iterator[Flaw]:
    for each in table.columns:
        if not each.null and each.default is None and each.generated is None and not each.computed:
            message = f"{table.at}.{each.name}: it takes no NULL, and has no default"
            yield Flaw(each.key or each.name, message)


_OF_MODELS = over_tables(_find, of_new_tables=False)


def _check(scope: LintScope) -> Iterator[Problem]:
    yield from _OF_MODELS(scope)
    for each in scope.effects:
        if each.breaks == "required":
            message = f"{each.hazard.subject}: it takes no NULL, and has no default"
            yield Problem(f"{scope.title(each.operation)}: {message}", each.operation)


RULE = Rule(
    code="no-default",
    level="error",
    title="a column of a table that was there before takes no NULL, and has no default in the database",
    happens="Every INSERT that leaves the column out fails, and code that does not know it always does.",
    why="While a deploy is on its way, code of before runs beside the new one, and cannot create a row any more.",
    instead="Keep a default in the database (default=, or db_default=) until no code of before runs. A column that "
    "had none: let new code write it first, and turn it NOT NULL in a later release.",
    check=_check,
    bad=migration(
        "migrations.AddField(\n"
        '    "post", "likes", models.IntegerField(default=0), preserve_default=False\n'
        ")"
    ),
    good=migration('migrations.AddField("post", "likes", models.IntegerField(default=0))'),
)
