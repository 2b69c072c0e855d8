"""A foreign key whose columns have no index."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.rule import Rule, migration
from whimbrel.lint.tables import Flaw, over_tables
from whimbrel.schema.table import PrimaryKey, Table, Unique


def _find(table: Table) -> Iterator[Flaw]:
    for key in table.foreign_keys:
        columns = set(key.columns)
        if not any(set(each[: len(columns)]) == columns for each in _ordered(table)):
            named = ", ".join(key.columns)
            message = f"{table.at}: no index begins with {named}, of the foreign key {key.name}"
            yield Flaw(key.key or key.name, message)


def _ordered(table: Table) -> Iterator[tuple[str, ...]]:
    """The columns of each index that finds rows by a value, whatever they hold."""
    for each in table.constraints:
        if isinstance(each, PrimaryKey | Unique):
            yield each.columns
    for index in table.indexes:
        if index.where is None and index.method in (None, "btree", "hash"):
            yield tuple(part.of if isinstance(part.of, str) else "" for part in index.parts)


RULE = Rule(
    code="unindexed-key",
    level="warning",
    title="no index begins with the columns of a foreign key",
    happens="Whenever a row is deleted from the other table, or its key changes, the database looks for rows "
    "that point at it: without an index it reads this whole table, for each row.",
    why="Deleting a thousand rows reads the table a thousand times, and joins along the key are slow.",
    instead="Leave db_index=False out, or add an index that begins with these columns.",
    check=over_tables(_find),
    bad=migration(
        "migrations.AddField(\n"
        '    "post",\n'
        '    "editor",\n'
        '    models.ForeignKey("Author", models.CASCADE, null=True, db_index=False),\n'
        ")"
    ),
    good=migration(
        "migrations.AddField(\n"
        '    "post", "editor", models.ForeignKey("Author", models.CASCADE, null=True)\n'
        ")"
    ),
)
