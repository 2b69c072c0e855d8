"""Column types from SQLite's own words, which may be any: none is refused."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.schema.types import ColumnType, describe, in_sql

_CALL = re.compile(r"(?P<word>[\w ]+?)\s*(?:\((?P<numbers>\s*\d+(?:\s*,\s*\d+)?\s*)\))?")
#: Two words for one type: SQLite makes the same of both, but of a primary key.
_SAME = {"INT": "INTEGER", "BOOL": "BOOLEAN"}
#: Types that SQLAlchemy writes on SQLite, and does not look for there.
_MORE = {
    "BINARY": sa.BINARY,
    "CLOB": sa.CLOB,
    "DOUBLE PRECISION": sa.DOUBLE_PRECISION,
    "UUID": sa.UUID,
    "VARBINARY": sa.VARBINARY,
}


@lru_cache(maxsize=4096)
def column_type(word: str) -> ColumnType:
    """SQLAlchemy's type of a declared one; where none is spelled that way, the word as it is."""
    made = _known(_SAME.get(word.upper(), word))
    return describe(made) if made is not None else in_sql(word)


def _known(word: str) -> sa.types.TypeEngine[Any] | None:
    match = _CALL.fullmatch(word)
    kind = _kind(match["word"].upper()) if match else None
    if match is None or kind is None:
        return None
    try:
        made = kind(*map(int, (match["numbers"] or "").split(",") if match["numbers"] else ()))
        spelled = str(COMPILER.dialect.type_compiler_instance.process(made))
    except (TypeError, sa.exc.SQLAlchemyError):
        return None
    return made if spelled.upper() == word.upper() else None


def _kind(word: str) -> Any:
    """The class of a type: SQLAlchemy's general one where there is one."""
    found = COMPILER.dialect.ischema_names.get(word) or _MORE.get(word)  # type: ignore[attr-defined]
    return getattr(sa, found.__name__, found) if found is not None else None
