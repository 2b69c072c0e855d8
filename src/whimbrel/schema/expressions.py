"""SQL expressions as values: constants, text, and conditions in terms of columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from whimbrel.errors import ModelError


@dataclass(frozen=True, slots=True)
class Constant:
    """A Python value that the engine writes as a literal of the column's type."""

    value: Any

    def __eq__(self, other: object) -> bool:
        # 0 and False, 1 and 1.0 are equal in Python, and different defaults.
        return isinstance(other, Constant) and _is_same(self.value, other.value)

    def __hash__(self) -> int:
        # Equal values need not look the same (Decimal("1.5"), Decimal("1.50")), nor be hashable.
        return hash(type(self.value))


def _is_same(left: Any, right: Any) -> bool:
    """Whether two values are equal, and of one type, to the bottom."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_is_same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(_is_same, left, right))
    return bool(left == right)


class SQL:
    """An expression in SQL's own words, with the spelling of a dialect where it differs.

    ``SQL("now()", sqlite="CURRENT_TIMESTAMP")``. Names of the model's columns in it follow
    when a field is renamed.
    """

    __slots__ = ("dialects", "text")
    text: str
    dialects: tuple[tuple[str, str], ...]

    def __init__(self, text: str, **dialects: str) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "dialects", tuple(sorted(dialects.items())))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an SQL value does not change")

    def on(self, dialect: str) -> str:
        """The text for a dialect."""
        return dict(self.dialects).get(dialect, self.text)

    def rename(self, columns: Mapping[str, str]) -> SQL:
        """The same expression after columns were renamed, old name to new."""
        return SQL(
            rename_words(self.text, columns),
            **{name: rename_words(text, columns) for name, text in self.dialects},
        )

    def columns(self, known: frozenset[str]) -> frozenset[str]:
        """Which of the known column names the text mentions."""
        texts = (self.text, *(text for _, text in self.dialects))
        return frozenset(word for text in texts for word in words(text)) & known

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SQL) and (self.text, self.dialects) == (other.text, other.dialects)

    def __hash__(self) -> int:
        return hash((self.text, self.dialects))

    def __repr__(self) -> str:
        more = "".join(f", {name}={text!r}" for name, text in self.dialects)
        return f"SQL({self.text!r}{more})"


# A quoted string, a dollar-quoted one, a quoted name, or a bare word.
_TOKENS = re.compile(
    r"""'(?:[^']|'')*' | \$(\w*)\$.*?\$\1\$ | "(?P<quoted>(?:[^"]|"")*)" | `(?P<ticked>[^`]*)`
        | (?<!::)\b(?P<word>[^\W\d]\w*+(?!\s*\())""",
    re.VERBOSE | re.DOTALL,
)


def words(text: str) -> Iterator[str]:
    """The names in a piece of SQL that could be columns: no strings, no functions."""
    for match in _TOKENS.finditer(text):
        name = match["word"] or match["quoted"] or match["ticked"]
        if name:
            yield name


def rename_words(text: str, columns: Mapping[str, str]) -> str:
    """A piece of SQL after columns were renamed; strings and function names stay."""
    if not columns:
        return text

    def renamed(match: re.Match[str]) -> str:
        for group in ("word", "quoted", "ticked"):
            if match[group] in columns:
                return match[0].replace(match[group], columns[match[group]])
        return match[0]

    return _TOKENS.sub(renamed, text)


@dataclass(frozen=True, slots=True)
class F:
    """Another field, where a condition compares with one: ``Q(end__gt=F("start"))``."""

    name: str


LOOKUPS = (
    "exact",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "isnull",
    "range",
    "startswith",
    "endswith",
    "contains",
)


class Q:
    """A condition in terms of fields: ``Q(price__gte=0) & ~Q(name="")``.

    Lookups: exact (or none), gt, gte, lt, lte, in, isnull, range, startswith, endswith,
    contains. A value may be an ``F("other_field")``. Raises `ModelError` for any other lookup.
    """

    AND: ClassVar[str] = "AND"
    OR: ClassVar[str] = "OR"
    __slots__ = ("children", "connector", "negated")
    children: tuple[Q | tuple[str, str, Any], ...]
    connector: str
    negated: bool

    def __init__(self, *conditions: Q, **lookups: Any) -> None:
        found = tuple(_lookup(name, value) for name, value in sorted(lookups.items()))
        if len(conditions) == 1 and not found:
            self._set(*conditions[0]._value())
        else:
            joined = (child for each in conditions for child in each._parts(self.AND))
            self._set((*joined, *found), self.AND, False)

    def _set(
        self, children: tuple[Q | tuple[str, str, Any], ...], connector: str, negated: bool
    ) -> None:
        object.__setattr__(self, "children", children)
        object.__setattr__(self, "connector", connector)
        object.__setattr__(self, "negated", negated)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Q value does not change")

    @classmethod
    def _of(
        cls, children: tuple[Q | tuple[str, str, Any], ...], connector: str, negated: bool = False
    ) -> Q:
        made = cls()
        made._set(children, connector, negated)
        return made

    def __and__(self, other: Q) -> Q:
        return self._joined(other, self.AND)

    def __or__(self, other: Q) -> Q:
        return self._joined(other, self.OR)

    def __invert__(self) -> Q:
        return Q._of(self.children, self.connector, not self.negated)

    def _joined(self, other: Q, connector: str) -> Q:
        if not (self.children and other.children):
            return self if self.children else other
        return Q._of((*self._parts(connector), *other._parts(connector)), connector)

    def _parts(self, connector: str) -> tuple[Q | tuple[str, str, Any], ...]:
        plain = not self.negated and (self.connector == connector or len(self.children) < 2)
        return self.children if plain else (self,)

    def rename(self, columns: Mapping[str, str]) -> Q:
        """The same condition after columns were renamed, old name to new."""
        return Q._of(
            tuple(_renamed(child, columns) for child in self.children), self.connector, self.negated
        )

    def columns(self, known: frozenset[str]) -> frozenset[str]:
        """Which of the known columns the condition mentions."""
        return self.names() & known

    def names(self) -> frozenset[str]:
        """The fields, or columns, that the condition mentions."""
        return frozenset(name for child in self.children for name in _names(child))

    def with_values(self, name: str, by: Mapping[Any, Any]) -> Q:
        """The same condition with values that one field is compared with exchanged."""
        children = (_revalued(child, name, by) for child in self.children)
        return Q._of(tuple(children), self.connector, self.negated)

    def _value(self) -> tuple[tuple[Q | tuple[str, str, Any], ...], str, bool]:
        return self.children, self.connector, self.negated

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Q) and repr(self._value()) == repr(other._value())

    def __hash__(self) -> int:
        return hash(repr(self._value()))

    def __repr__(self) -> str:
        parts = [
            repr(child) if isinstance(child, Q) else f"Q({_keyword(child)}={child[2]!r})"
            for child in self.children
        ]
        sign = " & " if self.connector == self.AND else " | "
        inner = sign.join(parts) or "Q()"
        if self.negated:
            return f"~({inner})" if len(parts) > 1 else f"~{inner}"
        return f"({inner})" if len(parts) > 1 else inner


def _keyword(child: tuple[str, str, Any]) -> str:
    return child[0] if child[1] == "exact" else f"{child[0]}__{child[1]}"


def _lookup(name: str, value: Any) -> tuple[str, str, Any]:
    column, _, lookup = name.rpartition("__")
    if not column:
        column, lookup = name, "exact"
    if lookup not in LOOKUPS:
        raise ModelError(
            f"Q({name}=...) has an unknown lookup {lookup!r}",
            mend=f"Known lookups: {', '.join(LOOKUPS)}. Other conditions go in SQL('...').",
        )
    if isinstance(value, set | frozenset):
        value = sorted(value, key=repr)
    return column, lookup, tuple(value) if isinstance(value, list) else value


def _renamed(
    child: Q | tuple[str, str, Any], columns: Mapping[str, str]
) -> Q | tuple[str, str, Any]:
    if isinstance(child, Q):
        return child.rename(columns)
    name, lookup, value = child

    def followed(of: Any) -> Any:
        return F(columns.get(of.name, of.name)) if isinstance(of, F) else of

    return columns.get(name, name), lookup, _each(value, followed)


def _revalued(
    child: Q | tuple[str, str, Any], name: str, by: Mapping[Any, Any]
) -> Q | tuple[str, str, Any]:
    if isinstance(child, Q):
        return child.with_values(name, by)
    if child[0] != name:
        return child
    return child[0], child[1], _each(child[2], lambda of: by.get(of, of))


def _each(value: Any, by: Callable[[Any], Any]) -> Any:
    """A value, or each of several, exchanged."""
    return tuple(map(by, value)) if isinstance(value, tuple) else by(value)


def _names(child: Q | tuple[str, str, Any]) -> frozenset[str]:
    if isinstance(child, Q):
        return child.names()
    values = child[2] if isinstance(child[2], tuple) else (child[2],)
    return frozenset({child[0], *(value.name for value in values if isinstance(value, F))})


Expression: TypeAlias = SQL | Q
Default: TypeAlias = SQL | Constant
