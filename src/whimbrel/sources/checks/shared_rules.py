"""Rules over the names that the tables of all models share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from whimbrel.schema.domains import name_of
from whimbrel.schema.table import Check, ForeignKey, Name, Table
from whimbrel.schema.types import EnumType, Type
from whimbrel.sources.checks.scope import CheckScope, Problem
from whimbrel.state.model import Model

#: Every table with the model that it belongs to.
Tables: TypeAlias = Sequence[tuple[Model, Table]]


def _names_differ(tables: Tables, scope: CheckScope) -> Iterator[tuple[Model, Problem]]:
    """Tables, indexes and sequences of a schema share one set of names (PostgreSQL 18, 5.10.1)."""
    fold = scope.fold
    owners: dict[Any, tuple[str, Model]] = {}
    for model, kind, name in _shared_names(tables, scope):
        at = (name.schema, fold(name.name))
        if at not in owners:
            owners[at] = (kind, model)
            continue
        other_kind, other = owners[at]
        if other is model and kind == other_kind == "table":
            continue
        problem = f"the {kind} {name} has the name of the {other_kind} of {other.label}"
        yield model, (problem, f"Give one of them another name; the other is at {other.place}.")


def _shared_names(tables: Tables, scope: CheckScope) -> Iterator[tuple[Model, str, Name]]:
    for model, table in tables:
        yield model, "table", table.at
    for model, table in tables:
        for index in table.indexes:
            yield model, "index", Name(table.schema, index.name)
        for each in table.constraints:
            if "postgresql" in scope.dialects and not isinstance(each, Check | ForeignKey):
                yield model, "constraint", Name(table.schema, each.name)


def _enums_agree(tables: Tables, scope: CheckScope) -> Iterator[tuple[Model, Problem]]:
    owners: dict[Name, tuple[EnumType, Model]] = {}
    for model, table in tables:
        for enum in (each for each in table.enums if each.native):
            at = enum.at
            first, other = owners.setdefault(at, (enum, model))
            if first.labels != enum.labels:
                one, two = (", ".join(map(repr, each.labels)) for each in (enum, first))
                problem = f"the enum type {at} has the labels {one}, and {two} in {other.label}"
                hint = f"Give one of them another name=; the other is at {other.place}."
                yield model, (problem, hint)


def _domains_agree(tables: Tables, scope: CheckScope) -> Iterator[tuple[Model, Problem]]:
    owners: dict[Name, tuple[Type, Model]] = {}
    for model, table in tables:
        for domain in table.domains:
            at = name_of(domain)
            first, other = owners.setdefault(at, (domain, model))
            if first != domain:
                problem = f"the domain {at} is another one in {other.label}"
                hint = f"Give one of them another name; the other is at {other.place}."
                yield model, (problem, hint)


SHARED_RULES: tuple[Callable[[Tables, CheckScope], Iterator[tuple[Model, Problem]]], ...] = (
    _names_differ,
    _enums_agree,
    _domains_agree,
)
