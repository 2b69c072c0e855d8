"""Expressions as PostgreSQL spells them, in a form that it keeps when it reads them again."""

from __future__ import annotations

import re

# A string, a quoted name, or one of the two parentheses.
_PARENTHESES = re.compile(r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | [()]""", re.VERBOSE)
# (ARRAY['a'::character varying, 'b'::character varying])::text[]
_CAST_ARRAY = re.compile(
    r"""\(ARRAY\[(?P<items>(?:'(?:[^']|'')*'::character\ varying(?:,\ )?)+)\]\)::text\[\]""",
    re.VERBOSE,
)
_ITEM = re.compile(r"'(?:[^']|'')*'::character varying")
_AS_TEXT = r"(\g<0>)::text"


def settled(expression: str) -> str:
    """The expression as it comes out if it is made of what came out.

    For ``x IN ('a')`` on a VARCHAR it first is an array that is cast, and then one of casts.
    """
    if "]::" not in expression and "])::" not in expression:
        return expression
    return _CAST_ARRAY.sub(lambda of: f"ARRAY[{_ITEM.sub(_AS_TEXT, of['items'])}]", expression)


def bare(expression: str) -> str:
    """An expression without parentheses around all of it; settled."""
    expression = settled(expression).strip()
    while expression.startswith("(") and _closes_at(expression) == len(expression) - 1:
        expression = expression[1:-1].strip()
    return expression


def _closes_at(expression: str) -> int:
    """Return the position at which the parenthesis that it begins with is closed."""
    depth = 0
    for match in _PARENTHESES.finditer(expression):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth == 0:
            return match.start()
    return -1
