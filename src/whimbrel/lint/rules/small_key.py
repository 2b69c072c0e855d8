"""A primary key that counts, of 32 bits or fewer."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.rule import Rule, migration
from whimbrel.lint.tables import Flaw, over_tables
from whimbrel.schema.families import integer_bytes
from whimbrel.schema.table import Table


def _find(table: Table) -> Iterator[Flaw]:
    key = table.primary_key
    followed = {name for each in table.foreign_keys for name in each.columns}
    if key is None or len(key.columns) != 1 or key.columns[0] in followed:
        return
    column = table.column(key.columns[0])
    of = column.type.on("postgresql")
    size = integer_bytes(of)
    if size is not None and size < 8:
        last = 2 ** (8 * size - 1) - 1
        message = (
            f"{table.at}.{column.name}: the primary key has {8 * size} bits, and ends at {last}"
        )
        field = "BigIntegerField" if column.generated is None else "BigAutoField"
        fix = f"models.{field}(primary_key=True)"
        yield Flaw(column.key or column.name, message, fix)


RULE = Rule(
    code="small-key",
    level="warning",
    title="a primary key is an integer of 32 bits or fewer",
    happens="At 2147483647 (32767 for 16 bits) there is no next number, and every INSERT fails. Rows that "
    "are deleted, and transactions that are rolled back, use numbers up too.",
    why="To widen it then rewrites the table and all that point at it, while nobody can insert.",
    instead="Make it 64 bits from the beginning: models.BigAutoField, or models.BigIntegerField.",
    check=over_tables(_find, ("postgresql",)),
    bad=migration(
        'migrations.CreateModel("Tag", fields=[("id", models.AutoField(primary_key=True))])'
    ),
    good=migration(
        'migrations.CreateModel("Tag", fields=[("id", models.BigAutoField(primary_key=True))])'
    ),
)
