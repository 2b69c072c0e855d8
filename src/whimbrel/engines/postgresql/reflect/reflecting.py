"""Reflects a live PostgreSQL database as a schema.

The catalog is read in one query a kind of thing, however many tables there are. What does not
hold for every row that is there (NOT VALID, NOT ENFORCED, an index that failed) is not there.
Partitions are not there either: they come and go without migrations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy.engine import Connection

from whimbrel.engines.postgresql.reflect import catalog, columns, items
from whimbrel.engines.postgresql.reflect.catalog import Row, listed
from whimbrel.engines.sql.literals import text
from whimbrel.schema.domains import name_of
from whimbrel.schema.table import Column, Name, Schema, Table
from whimbrel.schema.types import EnumType, EnumValue

Places = Collection[str | None]


def reflect(
    connection: Connection,
    schemas: Places = (None,),
    names: Collection[Name] | None = None,
) -> Schema:
    """See `whimbrel.engines.base.Engine.reflect`."""
    was_in = connection.in_transaction()
    if names is not None:
        schemas = {name.schema for name in names}
    around = Surroundings.of(connection, schemas)
    found = tables(connection, around, f"{catalog.LASTING} AND {_which(around, schemas, names)}")
    if names is None:
        schema = _whole(connection, around, schemas, found)
    else:
        schema = Schema.of(tuple(found))
    if not was_in:
        connection.commit()  # what SQLAlchemy began by itself
    return schema


@dataclass(frozen=True)
class Surroundings:
    """The surroundings of a database: what its names mean to a schema of ours.

    ``default``: the connection's default schema, which is None to us, unless it was asked for by
    its name (``said``). ``enums``: the enum types, and the schemas they are in, by their oids.
    """

    default: str | None
    version: int
    method: str
    tablespace: str
    schemas: frozenset[str]
    said: bool
    enums: Mapping[int, tuple[str, EnumType]]

    @classmethod
    def of(cls, connection: Connection, schemas: Places = (None,)) -> Surroundings:
        row = catalog.surroundings(connection)
        said = row["default"] in schemas
        known = frozenset(row["schemas"])
        bare = cls(
            row["default"], row["version"], row["method"], row["tablespace"], known, said, {}
        )
        return replace(bare, enums=bare.enum_types(connection))

    def enum_types(self, connection: Connection) -> dict[int, tuple[str, EnumType]]:
        """The enum types that are there now, by their oids, each with its schema."""
        return {
            row["oid"]: (
                row["schema"],
                EnumType(
                    row["name"], tuple(map(EnumValue, row["labels"])), self.place(row["schema"])
                ),
            )
            for row in catalog.enums(connection)
        }

    def place(self, schema: str) -> str | None:
        """Our name of a database schema."""
        return None if schema == self.default and not self.said else schema

    def real(self, schema: str | None) -> str | None:
        """The database's name of it; None where there is none."""
        return self.default if schema is None else schema


def _which(around: Surroundings, schemas: Places, names: Collection[Name] | None) -> str:
    """The condition that says which tables are wanted."""
    if names is None:
        return f"n.nspname = ANY({listed(_existing(around, schemas))})"
    wanted = ((around.real(name.schema), name.name) for name in names)
    pairs = ", ".join(f"({text(schema)}, {text(name)})" for schema, name in wanted if schema)
    return f"(n.nspname, c.relname) IN ({pairs})" if pairs else "false"


def _existing(around: Surroundings, schemas: Places) -> list[str]:
    real = {around.real(schema) for schema in schemas}
    return sorted(schema for schema in real if schema is not None)


def _whole(
    connection: Connection, around: Surroundings, schemas: Places, found: Iterable[Table]
) -> Schema:
    """The tables, and what else is in these schemas."""
    asked = _existing(around, schemas)
    rows = catalog.sequences(connection, asked)
    sequences = tuple(columns.sequence(row, around.place(row["schema"])) for row in rows)
    enums = (enum for schema, enum in around.enums.values() if schema in asked)
    rows = catalog.domains(connection, f"bn.nspname = ANY({listed(asked)})")
    domains = [columns.domain(row, around.place) for row in rows]
    schema = Schema.of(tuple(found), sequences)
    return Schema(
        schema.tables,
        {**schema.enums, **{enum.at: enum for enum in enums}},
        schema.sequences,
        schema.schemas | {name for name in schemas if name is not None and name in around.schemas},
        {**schema.domains, **{name_of(each): each for each in domains}},
    )


# -- tables ----------------------------------------------------------------------------------------


def tables(connection: Connection, around: Surroundings, which: str) -> list[Table]:
    """The tables for which a condition holds (see `catalog.tables`)."""
    rows = catalog.tables(connection, which)
    oids = catalog.oids(row["oid"] for row in rows)
    reading = _Reading(
        around,
        {oid: enum for oid, (_, enum) in around.enums.items()},
        catalog.by_table(catalog.columns(connection, oids)),
        catalog.by_table(catalog.constraints(connection, oids, around.version)),
        catalog.by_table(catalog.index_parts(connection, oids, around.version)),
    )
    return [reading.table(row) for row in rows]


@dataclass(frozen=True)
class _Reading:
    """The rows about tables, by the tables' oids."""

    around: Surroundings
    enums: Mapping[int, EnumType]
    columns: Mapping[int, list[Row]]
    constraints: Mapping[int, list[Row]]
    index_parts: Mapping[int, list[Row]]

    def table(self, row: Row) -> Table:
        oid = row["oid"]
        by_index = groupby(self.index_parts.get(oid, ()), itemgetter("index"))
        groups = {index: list(parts) for index, parts in by_index}
        place, rows = self.around.place, self.constraints.get(oid, ())
        constraints = (items.constraint(each, groups, place) for each in rows)
        indexes = (parts for parts in groups.values() if not parts[0]["constraint"])
        return Table(
            name=row["name"],
            schema=place(row["schema"]),
            columns=self._columns(oid),
            constraints=tuple(each for each in constraints if each is not None),
            indexes=tuple(map(items.index, indexes)),
            comment=row["comment"],
            options=self._options(row),
        )

    def _columns(self, oid: int) -> tuple[Column, ...]:
        rows = self.constraints.get(oid, ())
        loose = {name for row in rows if row["kind"] == "n" for name in row["columns"]}
        made: dict[str, Column] = {}
        for row in self.columns.get(oid, ()):
            if row["name"] not in made or row["is_serial"]:  # it may own several sequences
                nullable = row["name"] in loose
                made[row["name"]] = columns.column(row, self.enums, self.around.place, nullable)
        return tuple(made.values())

    def _options(self, row: Row) -> tuple[tuple[str, Any], ...]:
        """By SQLAlchemy's names for them, sorted."""
        stored = {
            **items.parameters(row["parameters"]),
            **items.parameters(row["toasted"], "toast."),
        }
        method = row["method"] if row["method"] != self.around.method else None
        parents = [str(Name(self.around.place(at), name)) for at, name in row["parents"]]
        found = {
            "postgresql_inherits": parents[0] if len(parents) == 1 else tuple(parents),
            "postgresql_partition_by": row["partition_by"],
            "postgresql_tablespace": row["tablespace"],
            "postgresql_unlogged": row["unlogged"],
            "postgresql_using": method,
            "postgresql_with": stored,
        }
        return tuple((name, value) for name, value in found.items() if value)
