"""An index that another one makes needless."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.lint.rule import Rule, migration
from whimbrel.lint.tables import Flaw, over_tables
from whimbrel.schema.table import Index, IndexPart, PrimaryKey, Table, Unique


def _find(table: Table) -> Iterator[Flaw]:
    others = [*_of_constraints(table), *((each, True) for each in table.indexes)]
    for position, index in enumerate(table.indexes):
        for other, is_index in others:
            is_itself = is_index and other is index
            if not is_itself and _covers(other, index, is_later=other in table.indexes[position:]):
                message = f"{table.at}: all that the index {index.name} does, {other.name} does too"
                yield Flaw(index.key or index.name, message)
                break


def _of_constraints(table: Table) -> Iterator[tuple[Index, bool]]:
    """The indexes that the database makes for keys."""
    for each in table.constraints:
        if isinstance(each, PrimaryKey | Unique):
            parts = tuple(map(IndexPart, each.columns))
            yield Index(each.name, parts, unique=True), False


def _covers(other: Index, index: Index, *, is_later: bool) -> bool:
    """True if an index is the beginning of another; of two that are the same, the later one is needless."""
    if index.unique and not (other.unique and other.parts == index.parts):
        return False
    is_plain = index.method in (None, "btree") and other.method in (None, "btree")
    is_beginning = other.parts[: len(index.parts)] == index.parts
    if not (is_plain and is_beginning and set(index.include) <= set(other.include + other.columns)):
        return False
    if other.where is not None and other.where != index.where:
        return False
    is_same = other.parts == index.parts and (other.unique, other.include) == (
        index.unique,
        index.include,
    )
    return not (is_same and is_later and other.where == index.where)


RULE = Rule(
    code="covered-index",
    level="warning",
    title="an index is the same as another, or the beginning of one",
    happens="Every INSERT and most UPDATEs write both, and both take room on disk and in memory.",
    why="No query is faster for the shorter one: the longer one finds the same rows.",
    instead="Leave the shorter index out. That of a foreign key: db_index=False.",
    check=over_tables(_find),
    bad=migration(
        "migrations.AddIndex(\n"
        '    "post", models.Index(fields=["author", "title"], name="post_author_title")\n'
        ")"
    ),
    good=migration(
        "migrations.AddIndex(\n"
        '    "post", models.Index(fields=["author", "title"], name="post_author_title")\n'
        ")",
        "migrations.AlterField(\n"
        '    "post", "author", models.ForeignKey("Author", models.CASCADE, db_index=False)\n'
        ")",
    ),
)
