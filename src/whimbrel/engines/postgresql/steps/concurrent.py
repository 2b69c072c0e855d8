"""Indexes that are built or dropped while others write, and what a try that failed has left of one.

That is found by its definition: an index of the same name that is another one is not ours, and the
server says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.errors import is_lock_timeout
from whimbrel.engines.postgresql.steps import probes
from whimbrel.engines.postgresql.waiting import waiting
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.engines.step import Boundary, HazardCode, Lock, Step
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Index, Name


@dataclass(frozen=True)
class ConcurrentIndex:
    """An index that is built concurrently. condition: that of its row in pg_index (``i``).

    after: statements once it is there.
    """

    place: Name
    create: str
    condition: str
    after: tuple[str, ...] = ()

    @property
    def drop(self) -> str:
        return f"DROP INDEX CONCURRENTLY {COMPILER.at(self.place)}"

    def statements(self, connection: Connection) -> Iterator[str]:
        """Yield what is left to do. A try that fails takes away what it leaves, if it can."""
        is_valid = self._is_valid(connection)
        if is_valid is False:
            yield self.drop
        if not is_valid:
            with drop_on_failure(connection, self._left_by_failure):
                execute(connection, self.create)
        yield from self.after

    def _left_by_failure(self, connection: Connection) -> str | None:
        return COMPILER.at(self.place) if self._is_valid(connection) is False else None

    def _is_valid(self, connection: Connection) -> bool | None:
        """Return whether the index can be used; None where there is none of its definition."""
        found = execute(connection, f"SELECT indisvalid FROM pg_index i WHERE {self.condition}")
        return found.scalar()


#: Seconds for which the drop of what a failed build left waits for locks.
_DROP = 2.0


@contextmanager
def drop_on_failure(
    connection: Connection, left: Callable[[Connection], str | None]
) -> Iterator[None]:
    """A scope that builds an index concurrently; rows that do not fit leave none that refuses others.

    left: gives the name of what a build that failed has left. What did not get a lock is not waited for
    again: the next try drops it.
    """
    try:
        yield
    except SQLAlchemyError as error:
        if not is_lock_timeout(error):
            with suppress(SQLAlchemyError):
                if name := left(connection):
                    with waiting(connection, _DROP):
                        execute(connection, f"DROP INDEX CONCURRENTLY {name}")
        raise


# -- steps ---------------------------------------------------------------------------------------


def build(step: Step, at: Name, index: Index) -> Step:
    """Return a step that creates an index of the table ``at`` as one that builds it concurrently."""
    create = _concurrently(step.sql)
    # There are statistics of an expression only after ANALYZE, which nothing else would bring about.
    is_made = any(isinstance(part.of, SQL) for part in index.parts)
    after = (f"ANALYZE {COMPILER.at(at)}",) if is_made else ()
    place = Name(at.schema, index.name)
    built = ConcurrentIndex(place, create, is_index(at, index), after)
    return replace(
        _weak(step),
        statements=(create, *after),
        done=has_index(built.condition),
        broken=has_index(built.condition, is_valid=False),
        cleanup=(built.drop,),
        settling=built,
    )


def drop(step: Step, at: Name, index: Index) -> Step:
    """Return a step that drops an index as one that does it concurrently.

    One that is half dropped is dropped for good by its clean-up; then it is done.
    """
    statement = _concurrently(step.sql)
    broken = has_index(is_index(at, index), is_valid=False)
    return replace(_weak(step), statements=(statement,), broken=broken, cleanup=(statement,))


def _concurrently(sql: str) -> str:
    return sql.replace("INDEX ", "INDEX CONCURRENTLY ", 1)


def _weak(step: Step) -> Step:
    return replace(
        step,
        tables=tuple((at, Lock.SHARE_UPDATE_EXCLUSIVE) for at, _ in step.tables),
        hazards=tuple(each for each in step.hazards if each.code is HazardCode.MAY_FAIL_ON_ROWS),
        boundary=Boundary.AUTOCOMMIT,
    )


# -- the definition of an index -------------------------------------------------------------------


def has_index(condition: str, *, is_valid: bool = True) -> str:
    """The probe for an index. condition: on its row in pg_index (``i``)."""
    return (
        f"SELECT 1 FROM pg_index i WHERE {condition} AND {'' if is_valid else 'NOT '}i.indisvalid"
    )


def columns_of(row: str) -> str:
    """The names of an index's columns, in order; NULL for an expression. row: of pg_index."""
    return (
        f"ARRAY(SELECT (SELECT attname::text FROM pg_attribute WHERE attrelid = {row}.indrelid AND attnum = "
        f"u.number) FROM unnest({row}.indkey) WITH ORDINALITY AS u(number, n) ORDER BY n)"
    )


def is_index(at: Name, index: Index) -> str:
    """Return the condition on a row of pg_index (``i``) for an index by its name and its definition."""
    own = probes.oid(Name(at.schema, index.name))
    there = f"i.indexrelid = {own} AND i.indrelid = {probes.oid(at)}"
    return f"{there} AND {is_defined_as(index)}"


def is_defined_as(index: Index) -> str:
    """Return the condition on a row of pg_index (``i``) for an index of such a definition.

    Of an expression it says only that there is one: the server writes it in words of its own.
    """
    return " AND ".join(_definition(index))


def _definition(index: Index) -> Iterator[str]:
    method = index.method or "btree"
    columns: Sequence[str | None] = [
        part.of if isinstance(part.of, str) else None for part in index.parts
    ]
    names = ", ".join("NULL" if name is None else text(name) for name in [*columns, *index.include])
    yield f"i.indisunique = {str(index.unique).lower()}"
    yield f"i.indnkeyatts = {len(columns)}"
    yield f"{columns_of('i')} = ARRAY[{names}]::text[]"
    yield (
        "(SELECT amname FROM pg_class x JOIN pg_am m ON m.oid = x.relam "
        f"WHERE x.oid = i.indexrelid) = {text(method)}"
    )
    if method == "btree":
        yield f"i.indoption::text = {text(' '.join(map(str, _orders(index))))}"
    yield f"i.indpred IS {'NULL' if index.where is None else 'NOT NULL'}"
    if index.nulls_not_distinct:
        yield "i.indnullsnotdistinct"


def _orders(index: Index) -> Iterator[int]:
    """Yield the order of each part as pg_index has it: 1 for descending, 2 for nulls first."""
    for part in index.parts:
        is_first = part.descending if part.nulls is None else part.nulls == "first"
        yield part.descending + 2 * is_first
