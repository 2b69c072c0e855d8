"""Statements run as they stand, or with parameters: one spelling for every driver, literals in print.

``%s`` takes the next of a list, ``%(name)s`` one of a mapping, and ``%%`` is a percent sign; so is
any other ``%``. A mapping for ``:name`` is taken too. Without parameters none of these means anything.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult

from whimbrel.engines.step import Step
from whimbrel.errors import DatabaseError, UsageError

_PLACE = re.compile(r"%(?:%|s|\((?P<name>\w+)\)s)?")
#: Those that stand for no parameter.
_SIGNS = ("%", "%%")
#: As SQLAlchemy's text() has it: neither a cast (::) nor an escaped colon.
_COLON = re.compile(r"(?<![:\w\\]):(?P<name>\w+)(?!:)")

#: Does something else while a server is at work; True if there may be more to do.
Meanwhile: TypeAlias = Callable[[], bool]


def execute(connection: Connection, sql: str) -> CursorResult[Any]:
    """Run one statement as it is written: a ``%`` or ``:`` in it is nothing but that.

    Without ``no_parameters`` a driver would look for places of parameters in it.
    """
    try:
        return connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
    except UnicodeEncodeError as error:
        half = error.object[error.start : error.end]
        raise DatabaseError(
            f"the statement has {half!r} in it, which is half of a surrogate pair and no character",
            hint="Write the text of the migration otherwise.",
        ) from error


def execute_all(
    connection: Connection,
    statements: Sequence[str],
    meanwhile: Meanwhile | None = None,
) -> Iterator[None]:
    """Run statements one after the other: see `whimbrel.engines.base.Engine.execute_all`."""
    for sql in statements:
        execute(connection, sql)
        yield


def settle(connection: Connection, step: Step) -> Iterator[str]:
    """See `whimbrel.engines.base.Engine.settle`."""
    known: Any = step.settling
    yield from step.statements if known is None else known.statements(connection)


def execute_with(connection: Connection, sql: str, parameters: Any = None) -> CursorResult[Any]:
    """Run one statement with its parameters: None, a list or a mapping."""
    if not parameters:
        return execute(connection, sql)
    given = with_driver_values(connection.dialect.name, parameters)
    if isinstance(given, dict) and not _has_places(sql):
        return connection.execute(sa.text(sql), given)
    return connection.exec_driver_sql(with_driver_places(connection.dialect, sql), given)


def _has_places(sql: str) -> bool:
    return any(match[0] not in _SIGNS for match in _PLACE.finditer(sql))


def with_driver_places(dialect: sa.Dialect, sql: str) -> str:
    """A statement that has parameters, as its driver takes it."""
    if dialect.paramstyle in ("pyformat", "format"):
        return _PLACE.sub(lambda match: "%%" if match[0] == "%" else match[0], sql)
    return _PLACE.sub(_question_mark, sql) if _has_places(sql) else sql


def with_driver_values(dialect: str, parameters: Any) -> Any:
    """Return a mapping or a list of parameters, as a dictionary or tuple that the driver takes."""
    value_of = _DRIVER_VALUES.get(dialect, lambda value: value)
    if isinstance(parameters, Mapping):
        return {name: value_of(value) for name, value in parameters.items()}
    return tuple(map(value_of, parameters))


def _of_sqlite(value: Any) -> Any:
    """Return a value that sqlite3 does not take as columns hold it."""
    match value:
        case decimal.Decimal():
            return str(value)
        case dt.datetime():
            moment = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
            return moment.isoformat(" ", "microseconds")
        case dt.time():
            return value.isoformat("microseconds")
        case dt.date():
            return value.isoformat()
        case uuid.UUID():
            return value.hex
    return value


#: The values of drivers that do not take all.
_DRIVER_VALUES: dict[str, Callable[[Any], Any]] = {"sqlite": _of_sqlite}


def _question_mark(match: re.Match[str]) -> str:
    if match[0] in _SIGNS:
        return "%"
    return f":{match['name']}" if match["name"] else "?"


def with_literals(sql: str, parameters: Any, literal: Callable[[object], str]) -> str:
    """The statement with its parameters written into it. Raises `UsageError` where one is missing."""
    if not parameters:
        return sql
    if isinstance(parameters, Mapping) and not _has_places(sql):
        return _COLON.sub(lambda match: literal(_named(parameters, match["name"], sql)), sql)
    values: Iterator[Any] = iter(parameters if isinstance(parameters, Sequence) else ())

    def written(match: re.Match[str]) -> str:
        if match[0] in _SIGNS:
            return "%"
        if match["name"]:
            return literal(_named(parameters, match["name"], sql))
        try:
            return literal(next(values))
        except StopIteration:
            raise _missing("there are fewer parameters than places in", sql) from None

    return _PLACE.sub(written, sql)


def _named(parameters: Any, name: str, sql: str) -> Any:
    try:
        return parameters[name]
    except (KeyError, TypeError):
        raise _missing(f"there is no parameter {name!r} for", sql) from None


def _missing(what: str, sql: str) -> UsageError:
    return UsageError(
        f"{what}: {sql}",
        hint="Give a list for %s, a mapping for %(name)s; a percent sign is %% beside parameters.",
    )
