"""Pieces of Python source, and how they are laid out on lines of 88 characters.

The layout is the one that ruff and black leave alone: a bracket stands on one line where that
fits, else with one element a line and a comma after each.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 88
INDENT = 4


@dataclass(frozen=True, slots=True)
class Atom:
    """Text that is never broken."""

    text: str


@dataclass(frozen=True, slots=True)
class Prefixed:
    """A piece with something before it: ``null=``, ``"key": ``, ``~``."""

    prefix: str
    code: Code


@dataclass(frozen=True, slots=True)
class Group:
    """Pieces in brackets. ``tall``: one a line, even where they would fit on one.

    ``bare``: brackets about one piece that a comma would make a tuple of.
    """

    opening: str
    items: tuple[Code, ...]
    closing: str
    tall: bool = False
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """Pieces with an operator between them; an operand that needs brackets has them."""

    items: tuple[Code, ...]
    operator: str


@dataclass(frozen=True, slots=True)
class Chained:
    """A piece, and calls on what it gives: ``sa.JSON().with_variant(...)``."""

    head: Code
    calls: tuple[Group, ...]


Code: TypeAlias = Atom | Prefixed | Group | Joined | Chained


def call(name: str, args: Iterable[Code] = (), kwargs: Iterable[tuple[str, Code]] = ()) -> Group:
    """``name(args, key=value)``; a key that is no identifier comes in ``**{...}``."""
    pairs = list(kwargs)
    named = [Prefixed(f"{key}=", value) for key, value in pairs if is_name(key)]
    odd = [Prefixed(f"{text(key)}: ", value) for key, value in pairs if not is_name(key)]
    rest = [Prefixed("**", Group("{", tuple(odd), "}"))] if odd else []
    return Group(f"{name}(", (*args, *named, *rest), ")")


def is_name(key: str) -> bool:
    """True if a text can stand before ``=`` in a call, and after a dot."""
    return key.isidentifier() and not keyword.iskeyword(key)


def text(value: str) -> str:
    """A string as a literal, in the quotes that a formatter wants."""
    return _quote(value, repr(value + '"')[1:-2])


def raw_bytes(value: bytes) -> str:
    """Bytes as a literal."""
    shown = repr(value + b'"')[2:-2]
    return "b" + _quote(value.decode("latin-1"), shown)


def _quote(value: str, body: str) -> str:
    # ``body`` comes from a repr in single quotes: of the two quotes, only those are escaped.
    mark = "'" if value.count('"') > value.count("'") else '"'
    bare = re.sub(r"\\(.)", lambda match: "'" if match[1] == "'" else match[0], body)
    return mark + bare.replace(mark, f"\\{mark}") + mark


def flat(code: Code) -> str | None:
    """The piece on one line; None where something in it wants several."""
    match code:
        case Atom(content):
            return content
        case Prefixed(prefix, inner):
            shown = flat(inner)
            return None if shown is None else prefix + shown
        case Group():
            return _flat_group(code)
        case Joined(items, operator):
            return _flat_all(items, f" {operator} ")
        case Chained(head, calls):
            return _flat_all((head, *calls), "")


def _flat_group(group: Group) -> str | None:
    inner = _flat_all(group.items, ", ")
    if inner is None or (group.tall and group.items):
        return None
    alone = group.opening == "(" and len(group.items) == 1
    comma = "," if alone and not group.bare else ""
    return f"{group.opening}{inner}{comma}{group.closing}"


def _flat_all(items: Iterable[Code], between: str) -> str | None:
    shown = [flat(item) for item in items]
    return None if None in shown else between.join(each for each in shown if each is not None)


def lay_out(code: Code, indent: int = 0, before: int = 0, after: int = 0) -> str:
    """The piece as source.

    ``indent``: of the line that it begins on; ``before``: how many characters stand on that
    line already; ``after``: how many follow it on its last line.
    """
    shown = flat(code)
    if shown is not None and indent + before + width(shown) + after <= WIDTH:
        return shown
    match code:
        case Prefixed(prefix, inner):
            return prefix + lay_out(inner, indent, before + width(prefix), after)
        case Group():
            return _tall(code, indent)
        case Joined(items, operator):
            first = lay_out(items[0], indent)
            last = len(items) - 1
            rest = [
                lay_out(Prefixed(f"{operator} ", item), indent, after=after * (place == last))
                for place, item in enumerate(items[1:], start=1)
            ]
            return f"\n{' ' * indent}".join([first, *rest])
        case Chained(head, calls):
            return _chain(head, calls, indent, before, after)
    return code.text


def _tall(group: Group, indent: int) -> str:
    if not group.items:
        return f"{group.opening}{group.closing}"
    inner = indent + INDENT
    comma = "" if group.bare else ","
    pieces = [lay_out(item, inner, after=len(comma)) for item in group.items]
    lines = [f"{' ' * inner}{piece}{comma}\n" for piece in pieces]
    return f"{group.opening}\n{''.join(lines)}{' ' * indent}{group.closing}"


def _chain(head: Code, calls: tuple[Group, ...], indent: int, before: int, after: int) -> str:
    if len(calls) == 1:
        return lay_out(head, indent, before, width(calls[0].opening)) + _tall(calls[0], indent)
    last = len(calls) - 1
    tails = [lay_out(each, indent, 0, after * (i == last)) for i, each in enumerate(calls)]
    return f"\n{' ' * indent}".join([lay_out(head, indent, before), *tails])


def width(shown: str) -> int:
    """Return the number of columns that a text takes."""
    if shown.isascii():
        return len(shown)
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in shown)
    none = sum(unicodedata.combining(each) != 0 for each in shown)
    return len(shown) + wide - none
