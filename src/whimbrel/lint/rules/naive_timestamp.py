"""A moment without a zone."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.rule import Rule, migration
from whimbrel.lint.tables import Flaw, over_tables
from whimbrel.schema.families import family_of
from whimbrel.schema.table import Table
from whimbrel.schema.types import Type


def _find(table: Table) -> Iterator[Flaw]:
    for column in table.columns:
        of = column.type.on("postgresql")
        if isinstance(of, Type) and family_of(of) == "moment" and not _has_zone(of):
            message = f"{table.at}.{column.name}: a timestamp without time zone"
            fix = f"models.DateTimeField({'null=True' if column.null else ''})"
            yield Flaw(column.key or column.name, message, fix)


def _has_zone(of: Type) -> bool:
    named = " ".join(map(str, of.args)).lower()
    return bool(dict(of.kwargs).get("timezone")) or "with time zone" in named


RULE = Rule(
    code="naive-timestamp",
    level="warning",
    title="a column is a timestamp without time zone",
    happens="The database keeps what a clock showed, and not which clock. It reads the same text as another "
    "moment in each session's TimeZone.",
    why="Moments of servers in two zones, and of the hour that comes twice in autumn, cannot be told apart.",
    instead="Keep moments with their zone: models.DateTimeField(), or DateTime(timezone=True).",
    check=over_tables(_find, ("postgresql",)),
    bad=migration(
        'migrations.AddField("post", "seen", models.Field(sa.DateTime(), null=True))',
        more="import sqlalchemy as sa\n",
    ),
    good=migration('migrations.AddField("post", "seen", models.DateTimeField(null=True))'),
)
