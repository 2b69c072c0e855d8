"""From an index of SQLAlchemy's to a model's index."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import operators

from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import IndexPart
from whimbrel.sources.column_reader import name_of
from whimbrel.sources.expressions import WITH_PARTIAL_INDEXES, condition_on, dialects_of, sql_of
from whimbrel.sources.names import NamedTable
from whimbrel.state.options import Index


def index_of(named: NamedTable, index: sa.Index) -> Index:
    """The index as a value. Raises `ModelError` for one without columns."""
    said = index.dialect_options["postgresql"]
    parts = [_part(named, each, said.get("ops") or {}) for each in index.expressions]
    if not parts:
        raise named.error(
            f"the index {index.name} has no columns", "Give it columns, or take it away."
        )
    place = said.get("tablespace")
    tablespace = {"postgresql_tablespace": str(place)} if place else {}
    return Index(
        *parts,
        name=name_of(named, index),
        unique=bool(index.unique),
        condition=_condition(index),
        include=[named.field(each) for each in said.get("include") or ()],
        method=said["using"].lower() if said.get("using") else None,
        nulls_distinct=not said.get("nulls_not_distinct"),
        options={**(said.get("with") or {}), **tablespace},
        dialects=dialects_of(index),
    )


def _condition(index: sa.Index) -> SQL | None:
    """The conditions that single dialects are given; each is that dialect's alone."""
    # What is made on one database has no need to say that others do not ask.
    own = dialects_of(index) or WITH_PARTIAL_INDEXES
    wanted = [each for each in WITH_PARTIAL_INDEXES if each in own]
    given = {each: index.dialect_options[each].get("where") for each in wanted}
    return condition_on(
        {each: sql_of(where) if where is not None else None for each, where in given.items()}
    )


_DIRECTIONS: dict[Any, dict[str, Any]] = {
    operators.desc_op: {"descending": True},
    operators.asc_op: {},
    operators.nulls_first_op: {"nulls": "first"},
    operators.nulls_last_op: {"nulls": "last"},
}
_DIRECTION_WORDS = re.compile(
    r"^(?P<of>.*?)(?P<way>\s+(?:ASC|DESC))?(?:\s+NULLS\s+(?P<nulls>FIRST|LAST))?\s*$",
    re.IGNORECASE | re.DOTALL,
)


def _part(named: NamedTable, expression: Any, opclasses: dict[str, str]) -> IndexPart:
    """An element: SQLAlchemy wraps it in its direction, its collation and its label."""
    if isinstance(expression, sa.TextClause):
        return _text_part(named, expression)
    given: dict[str, Any] = {}
    opclass = opclasses.get(getattr(expression, "key", None) or "")
    while True:
        modifier = getattr(expression, "modifier", None)
        if modifier in _DIRECTIONS:
            given = {**_DIRECTIONS[modifier], **given}
            expression = expression.element
        elif isinstance(expression, sa.sql.elements.Label | sa.sql.elements.Grouping):
            expression = expression.element
        else:
            break
        opclass = opclass or opclasses.get(getattr(expression, "key", None) or "")
    return IndexPart(_of(named, expression), opclass=opclass, **given)


def _of(named: NamedTable, expression: Any) -> str | SQL:
    if isinstance(expression, sa.Column) and expression in named.fields:
        return named.field(expression)
    return sql_of(expression)


def _text_part(named: NamedTable, text: sa.TextClause) -> IndexPart:
    """Text that ends in a direction: an expression in parentheses could not hold that."""
    match = _DIRECTION_WORDS.match(sql_of(text).text)
    assert match is not None
    of = match["of"].strip()
    by_name = {str(column.name): name for column, name in named.fields.items()}
    return IndexPart(
        by_name.get(of.strip('"'), SQL(of)),
        descending=bool(match["way"] and match["way"].strip().upper() == "DESC"),
        nulls=match["nulls"].lower() if match["nulls"] else None,
    )


def expression_of(named: NamedTable, expression: Any, opclasses: dict[str, str]) -> str | SQL:
    """An element of an exclusion: a field, or an expression, with its operator class."""
    of = _of(named, expression)
    opclass = opclasses.get(getattr(expression, "key", None) or "")
    if opclass is None:
        return of
    plain = of.text if isinstance(of, SQL) else str(expression.name)
    return SQL(f"{plain} {opclass}")
