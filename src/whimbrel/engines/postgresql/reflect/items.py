"""Constraints and indexes of a live database, from rows of the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whimbrel.engines.postgresql.reflect.catalog import Row
from whimbrel.engines.postgresql.reflect.columns import Place
from whimbrel.engines.postgresql.reflect.text import bare
from whimbrel.engines.sql.literals import text
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import (
    Check,
    Constraint,
    Exclude,
    ForeignKey,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Unique,
)

_ACTIONS = {"a": None, "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_MATCHES = {"f": "FULL", "p": "PARTIAL", "s": None}

#: The rows of an index, one an element.
Parts = Sequence[Row]


def constraint(row: Row, indexes: Mapping[int, Parts], place: Place) -> Constraint | None:
    """A constraint; None for what we have no word for."""
    name, columns = row["name"], tuple(row["columns"])
    match row["kind"]:
        case "p":
            return PrimaryKey(name, columns)
        case "u":
            parts = indexes.get(row["index"], ())
            nulls = any(part["nulls_not_distinct"] for part in parts)
            return Unique(name, columns, _deferrable(row), nulls, _included(parts))
        case "c":
            return Check(name, SQL(bare(row["expression"])))
        case "f":
            return _foreign_key(row, place)
        case "x":
            return _exclude(row, indexes.get(row["index"], ()))
    return None


def _deferrable(row: Row) -> str | None:
    if not row["deferrable"]:
        return None
    return "deferred" if row["deferred"] else "immediate"


def _foreign_key(row: Row, place: Place) -> ForeignKey:
    on_delete = _ACTIONS[row["on_delete"]]
    if on_delete and row["set_columns"]:
        on_delete = f"{on_delete} ({', '.join(row['set_columns'])})"
    return ForeignKey(
        row["name"],
        tuple(row["columns"]),
        Name(place(row["target_schema"]), row["target"]),
        tuple(row["target_columns"]),
        on_delete,
        _ACTIONS[row["on_update"]],
        _deferrable(row),
        _MATCHES[row["match"]],
    )


def _exclude(row: Row, parts: Parts) -> Exclude:
    elements = (_of(part) for part in parts if not part["included"])
    return Exclude(
        row["name"],
        tuple(zip(elements, row["operators"], strict=False)),
        parts[0]["method"] if parts else "gist",
        _where(parts),
        _deferrable(row),
    )


# -- indexes ---------------------------------------------------------------------------------------


def index(parts: Parts) -> Index:
    first = parts[0]
    return Index(
        name=first["name"],
        parts=tuple(_part(part) for part in parts if not part["included"]),
        unique=first["unique"],
        method=None if first["method"] == "btree" else first["method"],
        include=_included(parts),
        where=_where(parts),
        nulls_not_distinct=first["nulls_not_distinct"],
        options=_options(first),
    )


def _of(part: Row) -> str | SQL:
    if part["column"] is not None:
        return str(part["column"])
    return SQL(bare(part["expression"]))


def _included(parts: Parts) -> tuple[str, ...]:
    return tuple(part["column"] for part in parts if part["included"])


def _where(parts: Parts) -> SQL | None:
    found = parts[0]["where"] if parts else None
    return SQL(bare(found)) if found is not None else None


def _part(part: Row) -> IndexPart:
    """An element; where nulls are is said where they are not where they would be by themselves."""
    descending, nulls_first = bool(part["option"] & 1), bool(part["option"] & 2)
    nulls = None if descending == nulls_first else "first" if nulls_first else "last"
    return IndexPart(_of(part), descending, nulls, _opclass(part), part["collation"])


def _opclass(part: Row) -> str | None:
    """An operator class that is not the usual one, with its parameters: ``ops (siglen='32')``."""
    if not part["opclass_parameters"]:
        return part["opclass"]  # type: ignore[no-any-return]
    said = (each.partition("=") for each in part["opclass_parameters"])
    within = ", ".join(
        f"{name}={value if value.isdigit() else text(value)}" for name, _, value in said
    )
    return f"{part['opclass'] or part['usual_opclass']} ({within})"


def _options(row: Row) -> tuple[tuple[str, Any], ...]:
    found = parameters(row["parameters"])
    if row["tablespace"]:
        found["postgresql_tablespace"] = row["tablespace"]
    return tuple(sorted(found.items()))


# -- storage parameters, which tables have too -----------------------------------------------------

_WORDS = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}


def parameters(said: Sequence[str] | None, prefix: str = "") -> dict[str, Any]:
    """Storage parameters (``fillfactor=70``) with their values."""
    pairs = (each.partition("=") for each in said or ())
    return {f"{prefix}{name}": _value(value) for name, _, value in pairs}


def _value(value: str) -> Any:
    if value.lower() in _WORDS:
        return _WORDS[value.lower()]
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    return value
