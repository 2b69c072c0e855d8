"""A column of char(n)."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.rule import Rule, migration
from whimbrel.lint.tables import Flaw, over_tables
from whimbrel.schema.families import kind_of
from whimbrel.schema.table import Table


def _find(table: Table) -> Iterator[Flaw]:
    for column in table.columns:
        of = column.type.on("postgresql")
        kind = kind_of(of)
        if kind is not None and kind.padded:
            message = f"{table.at}.{column.name}: char(n) fills what is shorter up with spaces"
            null = ", null=True" if column.null else ""
            fix = f"models.CharField(max_length={kind.size or 1}{null})"
            yield Flaw(column.key or column.name, message, fix)


RULE = Rule(
    code="padded-char",
    level="warning",
    title="a column is char(n)",
    happens="PostgreSQL fills every value up with spaces to its length, stores them, and leaves them out in "
    "comparisons, though not in LIKE and not in a cast.",
    why="It is no faster than text and takes more room; and every change of its type rewrites the table.",
    instead="Use models.CharField(max_length=n), which is varchar(n), or models.TextField().",
    check=over_tables(_find, ("postgresql",)),
    bad=migration(
        'migrations.AddField("post", "lang", models.Field(sa.CHAR(2), null=True))',
        more="import sqlalchemy as sa\n",
    ),
    good=migration(
        'migrations.AddField("post", "lang", models.CharField(max_length=2, null=True))'
    ),
)
