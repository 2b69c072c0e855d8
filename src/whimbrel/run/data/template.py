"""The statement of a backfill's batches, for sqlmigrate: made offline, with places for the keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.exc import CompileError

from whimbrel.engines.sql.batches import between_places
from whimbrel.operations.backfill import Backfill
from whimbrel.planning.items import DataOperation


class _Sent(Exception):
    """A statement, instead of a database's answer to it."""

    def __init__(self, statement: Any) -> None:
        super().__init__()
        self.statement = statement


class _Offline:
    """A connection to nothing."""

    def __init__(self, dialect: Any) -> None:
        self.dialect = dialect

    def execute(self, statement: Any, *_: Any, **__: Any) -> Any:
        raise _Sent(statement)


def template(data: DataOperation, operation: Backfill, dialect: str) -> str | None:
    """The UPDATE of a batch, between the keys ``:after`` and ``:up_to``; None where it has none."""
    content = operation.content(backwards=data.backwards)
    if content is None or callable(content) or any(map(callable, content.values())):
        return None
    # "named" leaves a percent sign alone.
    offline: Any = _Offline(registry.load(dialect)(paramstyle="named"))
    statement = _statement(data, operation, content, offline)
    try:
        compiled = statement.compile(
            dialect=offline.dialect, compile_kwargs={"literal_binds": True}
        )
    except CompileError:  # a value of a type that has no literal
        compiled = statement.compile(dialect=offline.dialect)
    return " ".join(str(compiled).split())


def _statement(data: DataOperation, operation: Backfill, content: Any, offline: Any) -> Any:
    # Late, since most migrations have no data.
    from whimbrel.orm import apps_at

    apps = apps_at(data.state, offline)
    try:
        model = apps.get_model(data.app, operation.model_name)
        columns = [each.table_column for each in model._meta.primary_key]
        where = operation.chosen(backwards=data.backwards)
        rows = model.objects.order_by().filter(*between_places(columns))
        (rows.filter(where) if where is not None else rows).update(**content)
    except _Sent as sent:
        return sent.statement
    finally:
        apps.dispose()
    raise AssertionError("an update sends a statement")
