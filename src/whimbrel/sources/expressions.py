"""From SQLAlchemy's clauses to expressions as values: each dialect's spelling of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine.default import DefaultDialect

from whimbrel.errors import ModelError
from whimbrel.schema.expressions import SQL

_INLINE = {"literal_binds": True, "include_table": False}


@cache
def dialects() -> dict[str, Any]:
    """The dialects whose spelling is kept where it differs from the first one's."""
    makers: dict[str, Callable[..., Any]] = {
        "default": DefaultDialect,
        "mysql": mysql.dialect,
        "postgresql": postgresql.dialect,
        "sqlite": sqlite.dialect,
    }
    # A paramstyle without percent signs leaves those in the text single.
    return {name: make(paramstyle="named") for name, make in makers.items()}


def spelled(clause: Any) -> SQL:
    """A clause as SQL, its values written out and its columns without their table.

    Raises `ModelError` where no dialect can write it.
    """
    if isinstance(clause, str):
        return SQL(clause)
    _refuse_open_parameters(clause)
    texts = dict(_texts(clause))
    if not texts:
        raise ModelError(
            f"the expression {clause!s} cannot be written as SQL",
            mend='Write it as sqlalchemy.text("..."), with the values in it.',
        )
    base = texts.pop("default", None) or texts.get("postgresql") or next(iter(texts.values()))
    return SQL(base, **{name: text for name, text in texts.items() if text != base})


def _refuse_open_parameters(clause: Any) -> None:
    """SQLAlchemy writes NULL for a parameter without a value, such as ":x" in a text."""
    for element in sa.sql.visitors.iterate(clause):
        if isinstance(element, sa.BindParameter) and element.required:
            raise ModelError(
                f"the parameter :{element.key} in {str(clause)!r} has no value",
                mend=f"Bind it, or write a colon that is meant as one as \\:{element.key}.",
            )


def _texts(clause: Any) -> Iterator[tuple[str, str]]:
    for name, dialect in dialects().items():
        try:
            compiled = clause.compile(dialect=dialect, compile_kwargs=_INLINE)
        except (sa.exc.CompileError, NotImplementedError, AttributeError):
            continue
        yield name, str(compiled)


def merged(texts: dict[str, SQL]) -> SQL | None:
    """One expression of those that are given for single dialects; None where there is none."""
    if not texts:
        return None
    base = texts.get("postgresql") or next(iter(texts.values()))
    own = {name: text.on(name) for name, text in texts.items()}
    return SQL(
        base.text,
        **{
            **dict(base.dialects),
            **{name: text for name, text in own.items() if text != base.text},
        },
    )
