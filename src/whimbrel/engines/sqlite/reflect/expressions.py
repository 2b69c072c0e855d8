"""An expression in one spelling, whoever wrote it: what is compared, and read by people.

SQLite keeps expressions as they were typed, but for names that it quotes when it renames
something. So quotes, capitals, blanks, comments and parentheses around the whole say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from whimbrel.engines.sql.literals import text
from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.engines.sqlite.reflect.ddl import (
    closing,
    folded,
    is_in_parentheses,
    is_name,
    tokens,
    unquoted,
)

#: The words of expressions (lang_expr.html). Other words are names, or functions.
_KEYWORDS = frozenset(
    (
        *("ALL", "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "CAST", "COLLATE", "DESC"),
        *("DISTINCT", "ELSE", "END", "ESCAPE", "EXISTS", "FILTER", "FROM", "GLOB", "IN", "IS"),
        *("ISNULL", "LIKE", "MATCH", "NOT", "NOTNULL", "OR", "ORDER", "OVER", "REGEXP", "SELECT"),
        *("THEN", "WHEN", "WHERE"),
    )
)
_CONSTANTS = frozenset(
    ("NULL", "TRUE", "FALSE", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP")
)


def normal(of: Sequence[str], columns: Mapping[str, str], table: str = "") -> str:
    """Tokens of an expression as text.

    ``columns``: how the table spells its columns, by lowercase name.
    """
    bare = without_parentheses(of)
    named = _named(bare, columns, folded(table))
    return "".join(
        token if place == 0 or _is_glued(named, place) else f" {token}"
        for place, token in enumerate(named)
    )


def condition(check: str, columns: Mapping[str, str], table: str) -> str:
    """The condition of a CHECK as text; see `normal`."""
    of = tokens(check)
    start = of.index("(")
    return normal(of[start : closing(of, start) + 1], columns, table)


def default(of: Sequence[str]) -> str | None:
    """Return what stands after DEFAULT as text; None for NULL, which a column has without one."""
    bare = without_parentheses(of)
    if len(bare) == 1 and is_name(bare[0]):
        word = bare[0].upper()
        if word in ("TRUE", "FALSE"):
            return "1" if word == "TRUE" else "0"  # what they are (lang_expr.html, 15)
        if word == "NULL":
            return None
        # Any other name is a string (parse.y, ccons ::= DEFAULT id).
        return word if word in _CONSTANTS else text(unquoted(bare[0]))
    return normal(bare, {})


_NUMBER = re.compile(r"'([+-]?)0*(\d{1,15})(\.\d{1,15})?'")


def number_in(default: str) -> str:
    """The number that a string is kept as in a column of numbers (datatype3.html, 3); else itself."""
    found = _NUMBER.fullmatch(default)
    if found is None:
        return default
    sign, whole, rest = found.groups()
    return f"{'-' if sign == '-' else ''}{whole}{rest or ''}"


def without_parentheses(of: Sequence[str]) -> list[str]:
    """Tokens without the parentheses around all of them."""
    bare = list(of)
    while len(bare) > 2 and is_in_parentheses(bare) and bare[1].upper() != "SELECT":
        bare = bare[1:-1]
    return bare


def collation(token: str) -> str:
    """A collation's name, which is case-insensitive."""
    return unquoted(token).upper()


# -- names -----------------------------------------------------------------------------------


def _named(of: Sequence[str], columns: Mapping[str, str], table: str) -> list[str]:
    found: list[str] = []
    place = 0
    while place < len(of):
        after = of[place + 1] if place + 1 < len(of) else ""
        if after == "." and is_name(of[place]) and folded(unquoted(of[place])) == table:
            place += 2  # the table's own name before a column's
            continue
        before = found[-1] if found else ""
        found.append(_token(of[place], before, after, columns))
        place += 1
    return found


def _token(token: str, before: str, after: str, columns: Mapping[str, str]) -> str:
    if not is_name(token):
        return token
    name = unquoted(token)
    if before == "COLLATE":
        return COMPILER.collation(name.upper())
    known = columns.get(folded(name))
    if token == name:
        word = token.upper()
        if word in _KEYWORDS or (word in _CONSTANTS and known is None):
            return word
        return token.lower() if after == "(" else known or token
    if known is not None:
        return known
    # In double quotes: perhaps a string, where there is no such column (quirks.html, 8).
    return token if token[0] == '"' else COMPILER.quote(name)


# -- blanks ----------------------------------------------------------------------------------


def _is_glued(of: Sequence[str], place: int) -> bool:
    before, token = of[place - 1], of[place]
    if token == "(":
        return before in ("(", "CAST") or _is_operand(before, is_call=True)
    if token == ".":
        return _is_operand(before)
    if _is_sign(of, place - 1):
        return token not in ("-", "+")  # two of them would begin a comment
    return token in (",", ")") or before in ("(", ".")


def _is_operand(token: str, *, is_call: bool = False) -> bool:
    """Return True if an operand may end with a token; ``is_call``: whether it may be a function's name."""
    if token in _KEYWORDS or not token:
        return False
    return is_name(token) or (not is_call and (token[-1] in ")'" or token[-1].isalnum()))


def _is_sign(of: Sequence[str], place: int) -> bool:
    """Return True if a token belongs to the number or name after it."""
    before = of[place - 1] if place else ""
    return of[place] in ("-", "+", "~") and not _is_operand(before)
