"""From SQLAlchemy's clauses to expressions as values: each dialect's spelling of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from whimbrel.errors import ModelError
from whimbrel.schema.expressions import SQL
from whimbrel.schema.foreign import DIALECTS as FOREIGN

_INLINE = {"literal_binds": True, "include_table": False}


#: The dialects whose spelling is kept where it differs from the first one's.
DIALECTS = ("default", "mysql", "postgresql", "sqlite")

#: The dialects that have indexes with a condition, in SQLAlchemy's options: "sqlite_where".
WITH_PARTIAL_INDEXES = ("postgresql", "sqlite")


@cache
def dialect_of(name: str) -> Any:
    """Return SQLAlchemy's dialect. Late, since that is imported with all of its drivers."""
    make: Any = DefaultDialect
    if name != "default":
        make = import_module(f"sqlalchemy.dialects.{name}").dialect
    # A paramstyle without percent signs leaves those in the text single.
    return make(paramstyle="named")


def sql_of(clause: Any) -> SQL:
    """A clause as SQL, its values written out and its columns without their table.

    Raises `ModelError` where no dialect can write it.
    """
    if isinstance(clause, str):
        return SQL(clause)
    # SQLAlchemy writes NULL for a parameter without a value, such as ":x" in a text.
    for element in sa.sql.visitors.iterate(clause):
        if isinstance(element, sa.BindParameter) and element.required:
            raise ModelError(
                f"the parameter :{element.key} in {str(clause)!r} has no value",
                hint=f"Bind it, or write a colon that is meant as one as \\:{element.key}.",
            )
    texts = dict(_texts(clause))
    if not texts:
        raise ModelError(
            f"the expression {clause!s} cannot be written as SQL",
            hint='Write it as sqlalchemy.text("..."), with the values in it.',
        )
    base = texts.pop("default", None) or texts.get("postgresql") or next(iter(texts.values()))
    return SQL(base, **{name: text for name, text in texts.items() if text != base})


def _texts(clause: Any) -> Iterator[tuple[str, str]]:
    for name in DIALECTS:
        try:
            compiled = clause.compile(dialect=dialect_of(name), compile_kwargs=_INLINE)
        except (sa.exc.CompileError, NotImplementedError, AttributeError):
            continue
        yield name, str(compiled)


def dialects_of_constraint(constraint: sa.Constraint) -> tuple[str, ...]:
    """The dialects of ours on which SQLAlchemy makes a constraint that a type brings."""
    rule = constraint._create_rule
    if rule is None:
        return FOREIGN
    return tuple(
        name for name in FOREIGN if rule(dialect_of(name).ddl_compiler(dialect_of(name), None))
    )


def condition_on(texts: Mapping[str, SQL | None]) -> SQL | None:
    """One condition of those that dialects are given; None where there is none on any.

    Dialects that are given none have an empty text.
    """
    given = {name: text for name, text in texts.items() if text is not None}
    if not given:
        return None
    if len(given) < len(texts):
        return SQL("", **{name: text.on(name) for name, text in given.items()})
    base = given.get("postgresql") or next(iter(given.values()))
    own = {name: text.on(name) for name, text in given.items() if text.on(name) != base.text}
    return SQL(base.text, **{**dict(base.dialects), **own})


def dialects_of(part: Any) -> tuple[str, ...]:
    """The only dialects that a constraint or an index is made on (``ddl_if``); () for all.

    Raises `ModelError` for what no file can say.
    """
    said = part._ddl_if
    if said is None or (said.dialect is None and said.callable_ is None):
        return ()
    given = (said.dialect,) if isinstance(said.dialect, str) else tuple(sorted(said.dialect or ()))
    if said.callable_ is not None or not given:
        name = getattr(said.callable_, "__qualname__", None)
        asks = f"asks the function {name}, which no migration can ask again"
        raise ModelError(
            f"ddl_if of {part.name or type(part).__name__} "
            f"{asks if said.callable_ is not None else 'names no database'}",
            hint='Name the databases that have it: .ddl_if(dialect="postgresql").',
        )
    return given
