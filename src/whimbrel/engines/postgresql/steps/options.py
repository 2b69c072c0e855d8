"""PostgreSQL's options of tables and indexes, by SQLAlchemy's names for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.sql.literals import text
from whimbrel.schema.table import Name

PREFIX = "postgresql_"


def own(options: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """PostgreSQL's options without their prefix; other dialects' are left out."""
    return {name.removeprefix(PREFIX): value for name, value in options if name.startswith(PREFIX)}


def pairs(value: Any) -> dict[str, Any]:
    """Storage parameters, given as a mapping or as pairs."""
    return dict(value or ())


def storage(parameters: Mapping[str, Any]) -> str:
    """``fillfactor = 70, autovacuum_enabled = off``, sorted by name."""
    return ", ".join(f"{name} = {_setting(value)}" for name, value in sorted(parameters.items()))


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, int | float) else text(str(value))


def table_clauses(options: Iterable[tuple[str, Any]]) -> str:
    """Return what stands after the columns in CREATE TABLE, in the order that PostgreSQL wants."""
    said = own(options)
    return "".join(f" {write(said[name])}" for name, write in _CLAUSES.items() if said.get(name))


_CLAUSES: Mapping[str, Callable[[Any], str]] = {
    "inherits": lambda of: f"INHERITS ({', '.join(map(COMPILER.at, parents(of)))})",
    "partition_by": "PARTITION BY {}".format,
    "using": "USING {}".format,
    "with": lambda of: f"WITH ({storage(pairs(of))})",
    "tablespace": lambda of: f"TABLESPACE {COMPILER.quote(str(of))}",
}


def parents(inherits: Any) -> list[Name]:
    """The tables that a table inherits from."""
    names = (inherits,) if isinstance(inherits, str) else tuple(inherits)
    return [Name.read(str(each)) for each in names]
