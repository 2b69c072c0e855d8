"""Options of SQLAlchemy's tables that a migration cannot say: they are refused, and none is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from whimbrel.errors import ModelError

_HINT = "Take it out of the models, and do it by hand in a migration: migrations.RunSQL."
#: The dialects whose options are looked at.
_OURS = ("postgresql_", "sqlite_")
#: The options of constraints and indexes that are read.
_KNOWN = frozenset(
    {
        "postgresql_concurrently",
        "postgresql_include",
        "postgresql_not_valid",
        "postgresql_nulls_not_distinct",
        "postgresql_ops",
        "postgresql_tablespace",
        "postgresql_using",
        "postgresql_where",
        "postgresql_with",
        "sqlite_where",
    }
)


def refuse_unsaid(table: sa.Table) -> None:
    """Raise `ModelError` for the first option of a table's parts that no migration can say."""
    # PostgreSQL's own type, BIGINT, is the only one made.
    for sequence in _sequences_of(table):
        if not isinstance(sequence.data_type, sa.BigInteger | None):
            raise ModelError(
                f"the sequence {sequence.name} has data_type={sequence.data_type!r}, which no "
                "migration can say",
                hint=_HINT,
            )
    parts: list[Any] = [*table.columns, *table.constraints, *table.indexes]
    parts += [each for column in table.columns for each in column.constraints]
    for part in (table, *parts):
        for name, value in part.dialect_kwargs.items():
            said = value is not None and value is not False
            if said and name.startswith(_OURS) and not _is_read(part, name):
                what = f"{type(part).__name__} {part.name or ''}".rstrip()
                raise ModelError(
                    f"{what} has {name}={value!r}, which no migration can say", hint=_HINT
                )


def is_not_valid(constraint: Any) -> bool:
    """Return whether a check or a foreign key is not to be held against the rows that are there."""
    return bool(constraint.dialect_options["postgresql"].get("not_valid"))


def _is_read(part: Any, name: str) -> bool:
    """True if an option is read: the primary key has fewer, tables all but that of temporary ones."""
    if isinstance(part, sa.Table):
        return name != "postgresql_on_commit"
    return name in _KNOWN and not isinstance(part, sa.PrimaryKeyConstraint)


def is_unlogged(table: sa.Table) -> bool:
    """Return whether a table has the prefix UNLOGGED. Raises `ModelError` for any other."""
    prefixes = [str(each).upper().strip() for each in table._prefixes or ()]
    other = [each for each in prefixes if each != "UNLOGGED"]
    if other:
        raise ModelError(f"its prefix {other[0]} is nothing that a migration can make", hint=_HINT)
    return bool(prefixes)


def refuse_lone_sequences(metadata: sa.MetaData, where: str) -> None:
    """Raise `ModelError` for a sequence that create_all makes and no column draws from."""
    drawn = {each.name for table in metadata.tables.values() for each in _sequences_of(table)}
    for sequence in metadata._sequences.values():
        if sequence.name not in drawn and not sequence.optional:
            raise ModelError(
                f"the sequence {sequence.name} stands by itself, and migrations make those of columns",
                place=where or None,
                hint="Give it to the column that draws from it, Column(Integer, Sequence(...)) or "
                "server_default=sequence.next_value(). Or take it out of the MetaData, and make it in "
                "a migration: migrations.RunSQL.",
            )


def _sequences_of(table: sa.Table) -> Iterator[sa.Sequence]:
    return (found for column in table.columns if (found := sequence_of(column)) is not None)


def sequence_of(column: sa.Column[Any]) -> sa.Sequence | None:
    """Return the sequence that a column draws from, by itself or by its server's default."""
    if isinstance(column.default, sa.Sequence):
        return column.default
    default = column.server_default
    given = default.arg if isinstance(default, sa.DefaultClause) else None
    if not isinstance(given, sa.ClauseElement):
        return None
    drawn = (getattr(each, "sequence", None) for each in sa.sql.visitors.iterate(given))
    return next((each for each in drawn if isinstance(each, sa.Sequence)), None)
