"""Conditions as they are joined, and split into those on rows and those on groups of rows."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import sqlalchemy as sa

from whimbrel.schema.expressions import Q

Element = sa.sql.ColumnElement[Any]


def join_conditions(connector: str, parts: list[Element]) -> Element:
    """Conditions joined by AND, OR or XOR."""
    if connector == Q.XOR:
        return _odd(parts)
    return sa.and_(*parts) if connector == Q.AND else sa.or_(*parts)


def _odd(parts: list[Element]) -> Element:
    """Whether an odd number of conditions is met: what is unknown is not."""
    if len(parts) == 1:
        return parts[0]
    numbers = (
        sa.case((each, sa.literal_column("1")), else_=sa.literal_column("0")) for each in parts
    )
    met: Element = reduce(operator.add, numbers)
    return met % sa.literal_column("2") == sa.literal_column("1")


def split(given: Any, is_of_groups: Callable[[Any], bool], negated: bool = False) -> tuple[Q, Q]:
    """What of a condition is about single rows, and what about groups; both must be met.

    What a row may meet in place of its group stays together.
    """
    whole = Q._of((given,), Q.AND)
    if not is_of_groups(whole):
        return whole, Q()
    inside = isinstance(given, Q) and negated ^ given.negated
    if not isinstance(given, Q) or given.connector != (Q.OR if inside else Q.AND):
        return Q(), whole
    parts = [split(child, is_of_groups, inside) for child in given.children]
    of_rows, of_groups = (
        Q._of(tuple(each for each in side if each), given.connector, given.negated)
        for side in zip(*parts, strict=True)
    )
    return of_rows, of_groups
