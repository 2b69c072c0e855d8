"""Steps of the SQL that RunSQL was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from whimbrel.engines.sql.splitting import ends_transaction, statements
from whimbrel.engines.step import Boundary, UserStep
from whimbrel.errors import HistoryError, UnsupportedError
from whimbrel.operations.special import RunSQL


def user_steps(
    operation: RunSQL, dialect: str, *, backwards: bool, atomic: bool
) -> Iterator[UserStep]:
    """The steps of a direction. ``atomic``: whether they run in a transaction.

    Raises `UnsupportedError` where there is no SQL for the dialect, `HistoryError` for what cannot
    be sent.
    """
    given = operation.get_sql(backwards=backwards)
    if isinstance(given, Mapping) and dialect not in given:
        raise UnsupportedError(
            f"it has no SQL for {dialect}, but for {', '.join(given) or 'nothing'}",
            place=operation.describe(),
            hint=f'Add {{"{dialect}": ...}}; migrations.RunSQL.noop, where nothing is to be done.',
        )
    chosen = given[dialect] if isinstance(given, Mapping) else given
    boundary = Boundary.SHARED if atomic else Boundary.AUTOCOMMIT
    for sql, parameters in _taken_apart(operation, chosen or "", dialect):
        if words := ends_transaction(sql, dialect):
            raise HistoryError(
                f"it opens or closes a transaction: {words}",
                place=operation.describe(),
                hint="Leave that out: a migration runs in a transaction of its own. Where it must run "
                "in none, write atomic = False in its class.",
            )
        yield UserStep((sql,), boundary=boundary, parameters=parameters)


def _taken_apart(operation: RunSQL, given: Any, dialect: str) -> Iterator[tuple[str, Any]]:
    if isinstance(given, str):
        yield from ((sql, None) for sql in statements(given, dialect))
    elif _is_pair(given):
        sql, parameters = given
        found = statements(sql, dialect)
        if len(found) > 1:
            raise HistoryError(
                f"{len(found)} statements share one list of parameters",
                place=operation.describe(),
                hint="Give each statement a pair of its own: [(sql, parameters), (sql, parameters)].",
            )
        yield from ((each, parameters) for each in found)
    elif isinstance(given, Sequence):
        for each in given:
            yield from _taken_apart(operation, each, dialect)
    else:
        raise HistoryError(
            f"{given!r} is no SQL",
            place=operation.describe(),
            hint="A string, a list of strings, or pairs of a string and its parameters.",
        )


def _is_pair(given: Any) -> bool:
    """A statement with its parameters, which are a list or a mapping; or None."""
    if not (isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], str)):
        return False
    second = given[1]
    if isinstance(second, tuple):
        return not _is_pair(second)
    return second is None or isinstance(second, list | Mapping)
