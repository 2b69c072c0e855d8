"""A name that PostgreSQL cuts."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.rule import Rule, migration
from whimbrel.lint.tables import Flaw, over_tables
from whimbrel.schema.table import Schema, Table
from whimbrel.sources.checks.scope import CheckScope
from whimbrel.sources.checks.table_rules import names_fit
from whimbrel.state.state import State

_SCOPE = CheckScope(State(), Schema(), frozenset({"postgresql"}))


def _find(table: Table) -> Iterator[Flaw]:
    for message, _ in names_fit(table, _SCOPE):
        yield Flaw(message, f"{table.at}: {message}")


RULE = Rule(
    code="long-name",
    level="error",
    title="a name has more than 63 bytes",
    happens="Whimbrel refuses it before anything is done. PostgreSQL itself would cut it without an error.",
    why="What is looked for by its whole name would not be found, and two long names might become one.",
    instead="Give it a name of at most 63 bytes.",
    check=over_tables(_find, ("postgresql",)),
    bad=migration(
        "migrations.AddIndex(\n"
        '    "post",\n'
        "    models.Index(\n"
        '        fields=["title"],\n'
        '        name="an_index_of_the_titles_of_posts_that_has_a_name_nobody_will_ever_type",\n'
        "    ),\n"
        ")"
    ),
    good=migration(
        'migrations.AddIndex("post", models.Index(fields=["title"], name="post_title"))'
    ),
)
