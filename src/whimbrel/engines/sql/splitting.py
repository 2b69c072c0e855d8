"""Several statements in one string, taken apart where one ends, and nowhere else.

A semicolon ends a statement unless it stands in quotes, in a comment, in parentheses, in the body
of a trigger (SQLite) or in that of a function (PostgreSQL's BEGIN ATOMIC).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

_PLAIN_QUOTES = r"'(?:[^']|'')*'?"
#: With a backslash, the next character stands for itself.
_ESCAPED_QUOTES = r"'(?:[^'\\]|\\.|'')*'?"
_NAMES = r'"(?:[^"]|"")*"?'
_DASHES = r"--[^\n]*"
#: A word may hold a $, which then begins no quote.
_WORD = r"[^\W\d][\w$]*"

#: How each dialect quotes and comments, first match first (PostgreSQL 18, 4.1; SQLite,
#: lang_keywords.html and lang_comment.html). A comment of PostgreSQL may hold others: see `_comment`.
_TOKENS = {
    "postgresql": rf"""
        (?P<comment>{_DASHES}) | (?P<nested>/\*) | (?P<quoted>[eE]{_ESCAPED_QUOTES}
        | {_PLAIN_QUOTES} | {_NAMES} | \$(?P<tag>(?:[^\W\d]\w*)?)\$(?s:.*?)(?:\$(?P=tag)\$|\Z))
        | (?P<word>{_WORD}) | (?P<mark>[;()])
    """,
    "sqlite": rf"""
        (?P<comment>{_DASHES} | /\*(?s:.*?)(?:\*/|\Z))
        | (?P<quoted>{_PLAIN_QUOTES} | {_NAMES} | `(?:[^`]|``)*`? | \[[^\]]*\]?)
        | (?P<word>{_WORD}) | (?P<mark>[;()])
    """,
    "mysql": rf"""
        (?P<comment>\#[^\n]* | --(?=\s|\Z)[^\n]* | /\*(?!!)(?s:.*?)(?:\*/|\Z))
        | (?P<quoted>{_ESCAPED_QUOTES} | "(?:[^"\\]|\\.|"")*"? | `(?:[^`]|``)*`?)
        | (?P<word>{_WORD}) | (?P<mark>[;()])
    """,
}


@lru_cache(maxsize=4)
def _tokens(dialect: str) -> re.Pattern[str]:
    return re.compile(_TOKENS.get(dialect, _TOKENS["sqlite"]), re.VERBOSE | re.DOTALL)


def statements(sql: str, dialect: str) -> list[str]:
    """The statements in a string, without their semicolons; those of comments alone left out."""
    found: list[str] = []
    start, end = 0, len(sql)
    one = _Statement(dialect)
    for kind, text, place in _read(sql, dialect):
        if kind == "mark" and text == ";" and one.ends_here():
            found += _trimmed(sql[start:place], one)
            start, one = place + 1, _Statement(dialect)
        else:
            one.take(kind, text)
    return found + _trimmed(sql[start:end], one)


def first_words(sql: str, dialect: str) -> tuple[str, ...]:
    """The first words of a statement, in capitals; its comments do not count."""
    words = (text.upper() for kind, text, _ in _read(sql, dialect) if kind == "word")
    return tuple(islice(words, 3))


#: What opens and closes transactions.
_OF_TRANSACTIONS = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"}


def ends_transaction(sql: str, dialect: str) -> str | None:
    """The first words of a statement that opens or closes a transaction; None for any other."""
    words = first_words(sql, dialect)
    is_one = bool(words) and words[0] in _OF_TRANSACTIONS and "TO" not in words
    return " ".join(words) if is_one or words[:2] == ("PREPARE", "TRANSACTION") else None


#: What any database does in a transaction as well as in none.
_FITS = {"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "WITH"}
_FITS_WITH = {"ALTER", "CREATE", "DROP"}
_OBJECTS = {
    "TABLE",
    "INDEX",
    "UNIQUE",
    "VIEW",
    "OR",
    "TRIGGER",
    "FUNCTION",
    "SEQUENCE",
    "SCHEMA",
    "EXTENSION",
    "TYPE",
    "DOMAIN",
}


def fits_a_transaction(sql: str, dialect: str) -> bool:
    """True if a statement can surely run in a transaction."""
    words = [text.upper() for kind, text, _ in _read(sql, dialect) if kind == "word"]
    is_of_object = len(words) > 1 and words[0] in _FITS_WITH and words[1] in _OBJECTS
    is_one = bool(words) and (words[0] in _FITS or is_of_object)
    return is_one and "CONCURRENTLY" not in words


def is_concurrent(sql: str, dialect: str) -> bool:
    """True if a statement works for long and lets others go on meanwhile: it says CONCURRENTLY."""
    return any(
        kind == "word" and text.upper() == "CONCURRENTLY" for kind, text, _ in _read(sql, dialect)
    )


def _trimmed(text: str, one: _Statement) -> list[str]:
    """A statement without blanks around it; nothing where it is comments alone."""
    is_more = one.words or one.last != ("", "") or _length(text) > one.commented
    return [text.strip()] if is_more else []


def _read(sql: str, dialect: str) -> Iterator[tuple[str, str, int]]:
    """The tokens that matter, each with its kind and its place."""
    pattern = _tokens(dialect)
    place = 0
    while (match := pattern.search(sql, place)) is not None:
        place = match.end()
        if match.lastgroup == "nested":
            place = _end_of_comment(sql, match.start())
            yield "comment", sql[match.start() : place], match.start()
        else:
            kind = "quoted" if match.lastgroup == "tag" else str(match.lastgroup)
            yield kind, match[0], match.start()


_EDGE = re.compile(r"/\*|\*/")


def _end_of_comment(sql: str, place: int) -> int:
    depth = 0
    for edge in _EDGE.finditer(sql, place):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)


@dataclass
class _Statement:
    """A statement as far as it has been read."""

    dialect: str
    words: list[str] = field(default_factory=list)
    parentheses: int = 0
    #: How many BEGIN and CASE of a function's body wait for their END.
    blocks: int = 0
    #: The last token that is no comment, and the one before it.
    last: tuple[str, str] = ("", "")
    #: How much of it is comments.
    commented: int = 0

    def take(self, kind: str, text: str) -> None:
        """One token more."""
        if kind == "comment":
            self.commented += _length(text)
            return
        word = text.upper()
        self.last = (self.last[1], word)
        if kind != "word":
            self.parentheses += {"(": 1, ")": -1}.get(text, 0)
            return
        if len(self.words) < 6:
            self.words.append(word)
        if self.dialect != "sqlite" and self._is_function():
            if word in ("BEGIN", "CASE"):
                self.blocks += word == "BEGIN" or self.blocks > 0
            elif word == "END":
                self.blocks -= self.blocks > 0

    def ends_here(self) -> bool:
        """Return True if a semicolon ends it; one that does not is remembered."""
        if self._is_trigger():
            # sqlite3_complete() sees it in this way too: a trigger ends with ";END;".
            ends = self.last == (";", "END")
        else:
            ends = self.parentheses <= 0 and self.blocks == 0
        if not ends:
            self.last = (self.last[1], ";")
        return ends

    def _is_function(self) -> bool:
        """True for CREATE [OR REPLACE] of a function or procedure, which may have a body."""
        words = self.words
        rest = words[3:] if words[1:3] == ["OR", "REPLACE"] else words[1:]
        return words[:1] == ["CREATE"] and rest[:1] in (["FUNCTION"], ["PROCEDURE"])

    def _is_trigger(self) -> bool:
        words = [word for word in self.words if word not in ("EXPLAIN", "TEMP", "TEMPORARY")]
        return self.dialect == "sqlite" and words[:2] == ["CREATE", "TRIGGER"]


def _length(text: str) -> int:
    """Return the length of a text without its spaces."""
    return len("".join(text.split()))
