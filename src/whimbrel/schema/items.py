"""Constraints and indexes: what they mention, and how they follow when that is renamed.

Those of tables mention columns, those of models mention fields, in attributes of the same few kinds.
`SchemaItem.replace_mentions` is the one place that knows them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Self

from whimbrel.schema.expressions import SQL, Expression, Q

_NAMES = ("columns", "fields", "include")
_CONDITIONS = ("expression", "where", "condition")
#: Pairs of a name or an expression, and an operator.
_ELEMENTS = ("elements", "expressions")


class SchemaItem:
    """A constraint or an index, of a table or of a model.

    What a foreign key names of its target is no mention: see `ForeignKey.follow_target`.
    """

    __slots__ = ()

    @classmethod
    @functools.cache
    def _attributes(cls) -> tuple[str, ...]:
        return tuple(each.name for each in dataclasses.fields(cls))  # type: ignore[arg-type]

    @classmethod
    @functools.cache
    def _mentioning(cls) -> tuple[str, ...]:
        kinds = (*_NAMES, *_CONDITIONS, *_ELEMENTS, "parts")
        return tuple(name for name in cls._attributes() if name in kinds)

    def replace(self, **changed: Any) -> Self:
        """Return the item with other attributes, which are taken as they are given."""
        made = object.__new__(type(self))
        names = self._attributes()
        for name in names:
            value = changed[name] if name in changed else getattr(self, name)
            object.__setattr__(made, name, value)
        if unknown := changed.keys() - set(names):
            raise TypeError(f"{type(self).__name__} has no attribute {', '.join(unknown)}")
        return made

    def replace_mentions(
        self, name: Callable[[str], str], expression: Callable[[Expression], Expression]
    ) -> Self:
        """Return the item with each name and each expression in it replaced; itself, if all stay."""

        def element(of: Any) -> Any:
            return expression(of) if isinstance(of, SQL) else name(of)

        changed: dict[str, Any] = {}
        for attribute in self._mentioning():
            value = getattr(self, attribute)
            if attribute in _NAMES:
                made: Any = tuple(map(name, value))
            elif attribute in _CONDITIONS:
                made = value if value is None else expression(value)
            elif attribute in _ELEMENTS:
                made = tuple((element(of), operator) for of, operator in value)
            else:
                made = tuple(part.replace(element(part.of)) for part in value)
            # Two texts that differ in white space are equal, and not the same.
            if made is not value and (attribute in _CONDITIONS or not _is_same(made, value)):
                changed[attribute] = made
        return self.replace(**changed) if changed else self

    def rename(self, names: Mapping[str, str], in_sql: Mapping[str, str] | None = None) -> Self:
        """Return the item after renames, old name to new; ``in_sql``: those of words in SQL, if others.

        A model's item mentions fields, but its SQL mentions columns.
        """
        words = names if in_sql is None else in_sql
        return self.replace_mentions(
            lambda name: names.get(name, name),
            lambda of: of.rename(words if isinstance(of, SQL) else names),
        )

    def mentions(self) -> tuple[frozenset[str], tuple[Expression, ...]]:
        """Return the names that the item has outright, and its expressions."""
        names: list[str] = []
        expressions: list[Expression] = []

        def note_name(name: str) -> str:
            names.append(name)
            return name

        def note_expression(of: Expression) -> Expression:
            expressions.append(of)
            return of

        self.replace_mentions(note_name, note_expression)
        return frozenset(names), tuple(expressions)

    def names(self) -> frozenset[str]:
        """Return the names that the item has outright or in a `Q`: SQL may mean something else."""
        outright, expressions = self.mentions()
        return outright.union(*(each.names() for each in expressions if isinstance(each, Q)))

    def columns_among(self, known: frozenset[str]) -> frozenset[str]:
        """Return which of some columns a table's item is made of, in expressions too."""
        outright, expressions = self.mentions()
        return (outright & known).union(*(each.columns(known) for each in expressions))


def _is_same(ones: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    """Return True if two tuples have the very same members, or equal names."""
    pairs = zip(ones, others, strict=True)
    return all(one is other or (isinstance(one, str) and one == other) for one, other in pairs)
