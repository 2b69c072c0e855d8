"""SQL expressions as values: constants, text, and conditions in terms of columns."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias, TypeVar

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
    """Return True if two values are equal, and of one type, to the bottom."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_is_same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(_is_same, left, right))
    return (_is_nan(left) and _is_nan(right)) or bool(left == right)


def _is_nan(value: Any) -> bool:
    """Return True for NaN, which is not equal to itself."""
    return isinstance(value, float | Decimal) and math.isnan(value)


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
        """Return the known column names that the text mentions."""
        texts = (self.text, *(text for _, text in self.dialects))
        return frozenset(word for text in texts for word in words(text)) & known

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SQL) and self._equality_key() == other._equality_key()

    def __hash__(self) -> int:
        return hash(self._equality_key())

    def _equality_key(self) -> tuple[Any, ...]:
        """All that takes part in equality: white space between words does not."""
        return tokens(self.text), *((name, tokens(text)) for name, text in self.dialects)

    def __repr__(self) -> str:
        more = "".join(f", {name}={text!r}" for name, text in self.dialects)
        return f"SQL({self.text!r}{more})"


# Strings with the letters before them, quoted names, comments; then words, and what stands between.
_WRITTEN = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*' | (?:[uU]&|\w*)'(?:[^']|'')*' | \$(\w*)\$.*?\$\1\$
        | "(?:[^"]|"")*" | `[^`]*` | --[^\n]* \n? | /\*.*?\*/ | [\w.$]+ | [-+*/<>=~!@\#%^&|?:]+ | \S""",
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[str, ...]:
    """The tokens of a piece of SQL: two pieces that have the same differ in white space alone."""
    return tuple(match[0] for match in _WRITTEN.finditer(text))


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


class Combinable:
    """An operand of arithmetic, by which rows can be ordered: a field, or an expression of a query."""

    __slots__ = ()

    def __add__(self, other: Any) -> Combined:
        return Combined(self, "+", other)

    def __radd__(self, other: Any) -> Combined:
        return Combined(other, "+", self)

    def __sub__(self, other: Any) -> Combined:
        return Combined(self, "-", other)

    def __rsub__(self, other: Any) -> Combined:
        return Combined(other, "-", self)

    def __mul__(self, other: Any) -> Combined:
        return Combined(self, "*", other)

    def __rmul__(self, other: Any) -> Combined:
        return Combined(other, "*", self)

    def __truediv__(self, other: Any) -> Combined:
        return Combined(self, "/", other)

    def __rtruediv__(self, other: Any) -> Combined:
        return Combined(other, "/", self)

    def __mod__(self, other: Any) -> Combined:
        return Combined(self, "%", other)

    def __neg__(self) -> Combined:
        return Combined(self, "*", -1)

    def bitand(self, other: Any) -> Combined:
        """The bits that are set in both."""
        return Combined(self, "&", other)

    def bitor(self, other: Any) -> Combined:
        """The bits that are set in either."""
        return Combined(self, "|", other)

    def asc(self, nulls_first: bool = False, nulls_last: bool = False) -> Ordered:
        """Smallest first."""
        return Ordered(self, False, _place_of_nulls(nulls_first, nulls_last))

    def desc(self, nulls_first: bool = False, nulls_last: bool = False) -> Ordered:
        """Largest first."""
        return Ordered(self, True, _place_of_nulls(nulls_first, nulls_last))


def _place_of_nulls(first: bool, last: bool) -> str | None:
    return "first" if first else "last" if last else None


@dataclass(frozen=True, slots=True)
class F(Combinable):
    """Another field: ``Q(end__gt=F("start"))``; in queries also ``F("price") * 2``."""

    name: str


@dataclass(frozen=True, slots=True)
class Combined(Combinable):
    """Two expressions, or values, and an operator: ``F("price") * 2``."""

    left: Any
    operator: str
    right: Any

    def __repr__(self) -> str:
        sides = (
            f"({each!r})" if isinstance(each, Combined) else repr(each)
            for each in (self.left, self.right)
        )
        return f" {self.operator} ".join(sides)


@dataclass(frozen=True, slots=True)
class Ordered:
    """An expression to put rows in order by. ``nulls``: "first", "last" or None."""

    of: Any
    descending: bool = False
    nulls: str | None = None


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
    """A condition in terms of fields: ``Q(price__gte=0) & ~Q(name="")``. An empty one is false,
    and says nothing, nor does its negation.

    Lookups: exact (or none), gt, gte, lt, lte, in, isnull, range, startswith, endswith,
    contains. A value may be an ``F("other_field")``. Queries of historical models know more
    lookups, follow relations (``Q(author__name="Greg")``) and take conditions of other kinds;
    there whoever takes the condition says what cannot be (`plain_condition`).
    """

    AND: ClassVar[str] = "AND"
    OR: ClassVar[str] = "OR"
    XOR: ClassVar[str] = "XOR"
    __slots__ = ("children", "connector", "negated")
    children: tuple[Any, ...]
    connector: str
    negated: bool

    def __init__(self, *conditions: Any, **lookups: Any) -> None:
        found = tuple(_lookup(name, value) for name, value in sorted(lookups.items()))
        if len(conditions) == 1 and not found and isinstance(conditions[0], Q):
            self._set(*conditions[0]._value())
        else:
            joined = (child for each in conditions for child in _children(each))
            self._set((*joined, *found), self.AND, False)

    def _set(self, children: tuple[Any, ...], connector: str, negated: bool) -> None:
        object.__setattr__(self, "children", children)
        object.__setattr__(self, "connector", connector)
        object.__setattr__(self, "negated", negated)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Q value does not change")

    @classmethod
    def _of(cls, children: tuple[Any, ...], connector: str, negated: bool = False) -> Q:
        made = cls()
        made._set(children, connector, negated)
        return made

    def __and__(self, other: Any) -> Q:
        return self._join(Q(other), self.AND)

    def __or__(self, other: Any) -> Q:
        return self._join(Q(other), self.OR)

    def __xor__(self, other: Any) -> Q:
        return self._join(Q(other), self.XOR)

    def __bool__(self) -> bool:
        return bool(self.children)

    def __invert__(self) -> Q:
        return Q._of(self.children, self.connector, not self.negated)

    def _join(self, other: Q, connector: str) -> Q:
        if not (self.children and other.children):
            return self if self.children else other
        return Q._of((*self._parts(connector), *other._parts(connector)), connector)

    def _parts(self, connector: str) -> tuple[Any, ...]:
        plain = not self.negated and (self.connector == connector or len(self.children) < 2)
        return self.children if plain else (self,)

    def rename(self, columns: Mapping[str, str]) -> Q:
        """The same condition after columns were renamed, old name to new."""

        def renamed(name: str, lookup: str, value: Any) -> tuple[str, str, Any]:
            new = _each(value, lambda of: _rename_in_value(of, columns))
            return columns.get(name, name), lookup, new

        return self._with_lookups(renamed)

    def columns(self, known: frozenset[str]) -> frozenset[str]:
        """Return the known columns that the condition mentions."""
        return self.names() & known

    def names(self) -> frozenset[str]:
        """The fields, or columns, that the condition mentions."""
        return frozenset(name for child in self.children for name in _names(child))

    def with_values(self, name: str, by: Mapping[Any, Any]) -> Q:
        """The same condition with values that one field is compared with exchanged."""

        def exchanged(own: str, lookup: str, value: Any) -> tuple[str, str, Any]:
            return own, lookup, _each(value, lambda of: by.get(of, of)) if own == name else value

        return self._with_lookups(exchanged)

    def _with_lookups(self, by: Callable[[str, str, Any], tuple[str, str, Any]]) -> Q:
        """The same condition with each lookup in it exchanged, at any depth."""
        children = (
            each._with_lookups(by)
            if isinstance(each, Q)
            else (by(*each) if isinstance(each, tuple) else each)
            for each in self.children
        )
        return Q._of(tuple(children), self.connector, self.negated)

    def _value(self) -> tuple[tuple[Any, ...], str, bool]:
        return self.children, self.connector, self.negated

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Q) and repr(self._value()) == repr(other._value())

    def __hash__(self) -> int:
        return hash(repr(self._value()))

    def __repr__(self) -> str:
        parts = [
            f"Q({_keyword(child)}={child[2]!r})" if isinstance(child, tuple) else repr(child)
            for child in self.children
        ]
        inner = SIGNS[self.connector].join(parts) or "Q()"
        if self.negated:
            return f"~({inner})" if len(parts) > 1 else f"~{inner}"
        return f"({inner})" if len(parts) > 1 else inner


SIGNS = {Q.AND: " & ", Q.OR: " | ", Q.XOR: " ^ "}


def _keyword(child: tuple[str, str, Any]) -> str:
    return child[0] if child[1] == "exact" else f"{child[0]}__{child[1]}"


def _children(condition: Any) -> tuple[Any, ...]:
    """A condition as children of a Q: another Q, a pair ``("name__lookup", value)``, or itself."""
    if isinstance(condition, Q):
        return condition._parts(Q.AND)
    if isinstance(condition, tuple):
        return (_lookup(*condition),)
    return (condition,)


def _lookup(name: str, value: Any) -> tuple[str, str, Any]:
    """The name, the lookup if it is a known one, and the value."""
    column, _, lookup = name.rpartition("__")
    if not column or lookup not in LOOKUPS:
        column, lookup = name, "exact"
    if isinstance(value, set | frozenset):
        value = sorted(value, key=repr)
    return column, lookup, tuple(value) if isinstance(value, list) else value


def _rename_in_value(of: Any, columns: Mapping[str, str]) -> Any:
    if isinstance(of, Combined):
        return Combined(
            _rename_in_value(of.left, columns), of.operator, _rename_in_value(of.right, columns)
        )
    return F(columns.get(of.name, of.name)) if isinstance(of, F) else of


def _each(value: Any, by: Callable[[Any], Any]) -> Any:
    """A value, or each of several, exchanged."""
    return tuple(map(by, value)) if isinstance(value, tuple) else by(value)


def _names(child: Any) -> frozenset[str]:
    if isinstance(child, Q):
        return child.names()
    if not isinstance(child, tuple):
        return frozenset()
    values = child[2] if isinstance(child[2], tuple) else (child[2],)
    return frozenset({child[0], *(name for value in values for name in _names_in(value))})


def _names_in(value: Any) -> frozenset[str]:
    if isinstance(value, Combined):
        return _names_in(value.left) | _names_in(value.right)
    return frozenset({value.name} if isinstance(value, F) else ())


def plain_condition(expression: E) -> E:
    """A condition that a constraint or an index can have, as it is.

    Raises `ModelError` for lookups and values that only queries of historical models know.
    """
    if isinstance(expression, Q) and expression.connector == Q.XOR:
        raise ModelError(
            f"a constraint or an index cannot have the condition {expression!r}",
            hint="Write (a & ~b) | (~a & b) for a ^ b.",
        )
    for child in expression.children if isinstance(expression, Q) else ():
        if isinstance(child, Q):
            plain_condition(child)
        else:
            _refuse_more_than_plain(child)
    return expression


def _refuse_more_than_plain(child: Any) -> None:
    hint = f"Known lookups: {', '.join(LOOKUPS)}. Other conditions go in SQL('...')."
    if not isinstance(child, tuple):
        raise ModelError(f"a constraint or an index cannot have the condition {child!r}", hint=hint)
    name, lookup, value = child
    if "__" in name and lookup == "exact":
        unknown = name.rpartition("__")[2]
        raise ModelError(f"Q({name}=...) has an unknown lookup {unknown!r}", hint=hint)
    for each in value if isinstance(value, tuple) else (value,):
        if isinstance(each, Combinable) and not isinstance(each, F):
            raise ModelError(
                f"Q({_keyword(child)}={each!r}) is arithmetic, which only queries have", hint=hint
            )


E = TypeVar("E")
Expression: TypeAlias = SQL | Q
Default: TypeAlias = SQL | Constant
