"""CREATE TABLE as SQLite keeps it, taken apart: what a person put there by hand is not lost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

_TOKEN = re.compile(
    r"""(?P<gap>\s+|--[^\n]*|/\*.*?\*/)
        | x?'(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\]
        | \d+(?:\.\d*)?(?:e[+-]?\d+)?\b | (?:[\w$]|[^\x00-\x7f])+ | ->>? | [<>=!|]+ | .""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
# Whatever is no ASCII may stand in a name without quotes (tokenize.c, CC_KYWD0).
_NAME = re.compile(r"(?:[^\W\d]|[^\x00-\x7f])(?:[\w$]|[^\x00-\x7f])*")

_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


@dataclass(frozen=True)
class LiveConstraint:
    """A constraint in the database. ``equality_key``: what it says, the same however it is spelled.

    ``text`` stands as a table's constraint, also where it was written after a column.
    """

    kind: str
    name: str | None
    columns: tuple[str, ...]
    equality_key: str
    text: str


@dataclass(frozen=True)
class LiveColumn:
    """A column in the database: its definition as it is written, with the constraints in it.

    ``clauses``: what follows the name, as tokens; the type, or nothing, is the first of them.
    """

    name: str
    text: str
    constraints: tuple[LiveConstraint, ...]
    clauses: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class LiveDefinition:
    """A CREATE TABLE taken apart. ``tail``: the words after the parenthesis, in capitals."""

    columns: tuple[LiveColumn, ...]
    constraints: tuple[LiveConstraint, ...]
    tail: frozenset[str]

    @property
    def all_constraints(self) -> tuple[LiveConstraint, ...]:
        """Those of the table and those of its columns."""
        inner = (each for column in self.columns for each in column.constraints)
        return (*self.constraints, *inner)


def tokens(sql: str) -> list[str]:
    """The tokens of a piece of SQL, without blanks and comments."""
    return [match[0] for match in _TOKEN.finditer(sql) if match["gap"] is None]


def unquoted(token: str) -> str:
    """A name without its quotes."""
    if len(token) > 1 and token[0] in "\"`'" and token[-1] == token[0]:
        return token[1:-1].replace(token[0] * 2, token[0])
    return token[1:-1] if token.startswith("[") and token.endswith("]") else token


def folded(name: str) -> str:
    """A name in lowercase: names are case-insensitive, in the letters of ASCII."""
    return name.lower() if name.isascii() else name.translate(_SMALL)


def is_name(token: str) -> bool:
    """Return True if a token can be a column's name; a number or a string cannot."""
    return token[:1] in '"`[' or bool(_NAME.fullmatch(token))


def mentions(sql: str, name: str) -> bool:
    """Return True if a name stands in a piece of SQL; names are case-insensitive."""
    return any(is_name(token) and unquoted(token).lower() == name.lower() for token in tokens(sql))


def is_on(index: str, column: str) -> bool:
    """Return True if a CREATE INDEX is made of a column: its own name may be the same."""
    found = tokens(index)
    return mentions(joined(found[found.index("(") :]), column)


def taken_apart(sql: str) -> LiveDefinition:
    """The definition in a CREATE TABLE statement."""
    all_tokens = tokens(sql)
    start = all_tokens.index("(")
    end = closing(all_tokens, start)
    columns: list[LiveColumn] = []
    constraints: list[LiveConstraint] = []
    for part in split(all_tokens[start + 1 : end]):
        if part[0].upper() in _CONSTRAINTS:
            for each in _without_commas(part):
                name = unquoted(each[1]) if each[0].upper() == "CONSTRAINT" else None
                if body := each[2:] if name is not None else each:
                    constraints.append(_constraint(body, name, each))
        else:
            columns.append(_column(part))
    tail = frozenset(" ".join(part).upper() for part in split(all_tokens[end + 1 :]))
    return LiveDefinition(tuple(columns), tuple(constraints), tail)


_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN")


def _without_commas(of: list[str]) -> Iterator[list[str]]:
    """The constraints of a table: SQLite wants no comma between them."""
    part: list[str] = []
    depth = 0
    for token in of:
        depth += {"(": 1, ")": -1}.get(token, 0)
        starts = depth == 0 and token.upper() in _CONSTRAINTS
        if starts and part and not _is_naming(part):
            yield part
            part = []
        part.append(token)
    yield part


def closing(of: Sequence[str], start: int) -> int:
    """The place of the parenthesis that closes the one at a place."""
    depth = 0
    for place in range(start, len(of)):
        depth += {"(": 1, ")": -1}.get(of[place], 0)
        if depth == 0:
            return place
    return len(of)


def is_in_parentheses(of: Sequence[str]) -> bool:
    """Return True if the first of some tokens is a parenthesis that the last one closes."""
    return bool(of) and of[0] == "(" and closing(of, 0) == len(of) - 1


def split(of: Sequence[str]) -> Iterator[list[str]]:
    """Tokens between the commas that stand in no parenthesis."""
    part: list[str] = []
    depth = 0
    for token in of:
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token == "," and depth == 0:
            yield part
            part = []
        else:
            part.append(token)
    if part:
        yield part


def joined(of: Sequence[str]) -> str:
    """Tokens as SQL again."""
    text = ""
    for token in of:
        glued = not text or token in ",).;" or text[-1] in "(."
        text += token if glued else f" {token}"
    return text


# -- constraints -----------------------------------------------------------------------------


def _constraint(body: list[str], name: str | None, whole: list[str]) -> LiveConstraint:
    word = body[0].upper()
    place = body.index("(") if "(" in body else len(body) - 1
    inside = body[place + 1 : closing(body, place)]
    columns = tuple(unquoted(each[0]) for each in split(inside)) if word != "CHECK" else ()
    equality_key = f"{word} {','.join(sorted(column.lower() for column in columns))}"
    if word == "CHECK":  # the same however names are quoted and words are capitalized
        said = (token if token[0] == "'" else unquoted(token).lower() for token in inside)
        equality_key = f"CHECK {' '.join(said)}"
    elif word == "FOREIGN":  # from where to where
        place = [token.upper() for token in body].index("REFERENCES") + 1
        equality_key += f" {unquoted(body[place]).lower()}"
    return LiveConstraint(word, name, columns, equality_key, joined(whole))


# -- columns ---------------------------------------------------------------------------------

_CLAUSES = ("CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE")
_MORE_CLAUSES = ("REFERENCES", "GENERATED", "AS")


def _column(part: list[str]) -> LiveColumn:
    name = unquoted(part[0])
    clauses = list(_clauses(part[1:]))
    found = [
        constraint
        for clause, called in clauses
        for constraint in _column_constraint(name, clause, called)
    ]
    return LiveColumn(
        name, joined(part), tuple(found), tuple(tuple(clause) for clause, _ in clauses)
    )


def _clauses(of: list[str]) -> Iterator[tuple[list[str], str | None]]:
    """The clauses of a column's definition, each with the name it was given."""
    name: str | None = None
    clause: list[str] = []
    depth = 0
    before = ""
    for token in of:
        word = token.upper()
        starts = depth == 0 and word in (*_CLAUSES, *_MORE_CLAUSES) and not _goes_on(before, word)
        depth += {"(": 1, ")": -1}.get(token, 0)
        if starts:
            yield clause, name
            name, clause = (None, []) if not _is_naming(clause) else (unquoted(clause[1]), [])
        clause.append(token)
        before = "SET DEFAULT" if (before, word) == ("SET", "DEFAULT") else word
    yield clause, name


def _is_naming(clause: list[str]) -> bool:
    return len(clause) == 2 and clause[0].upper() == "CONSTRAINT"


def _goes_on(before: str, word: str) -> bool:
    """Return True if a word belongs to the clause before it: NOT NULL, SET DEFAULT, ALWAYS AS."""
    return (before, word) == ("ALWAYS", "AS") or before in ("NOT", "SET", "DEFAULT", "CONSTRAINT")


def _column_constraint(
    column: str, clause: list[str], name: str | None
) -> Iterator[LiveConstraint]:
    """A column's constraint as one of the table."""
    word = clause[0].upper() if clause else ""
    named = ["CONSTRAINT", quoted(name)] if name else []
    own = ["(", quoted(column), ")"]
    if word == "CHECK":
        yield _constraint(clause, name, [*named, *clause])
    elif word == "UNIQUE":
        yield _constraint([*clause[:1], *own], name, [*named, "UNIQUE", *own, *clause[1:]])
    elif word == "PRIMARY":
        yield _constraint([*clause[:2], *own], name, [*named, *clause[:2], *own])
    elif word == "REFERENCES":
        key = ["FOREIGN", "KEY", *own, *clause]
        yield _constraint(key, name, [*named, *key])


def quoted(name: str) -> str:
    """A name in quotes, whether it needs them or not."""
    return '"' + name.replace('"', '""') + '"'
