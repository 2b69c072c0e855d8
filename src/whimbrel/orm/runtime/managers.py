"""``Model.objects``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whimbrel.orm.meta import Meta
from whimbrel.orm.query.chainable import unknown_method
from whimbrel.orm.query.query import Query
from whimbrel.orm.query.queryset import QuerySet


class Manager:
    """Where queries of a historical model begin: it has every method of a queryset."""

    def __init__(self, meta: Meta, alias: str | None = None) -> None:
        self.meta = meta
        self._alias = alias

    @property
    def model(self) -> type[Any]:
        """The model."""
        return self.meta.model

    def get_queryset(self) -> QuerySet:
        """All rows, as a queryset."""
        return QuerySet(Query(self.meta, self._alias))

    def all(self) -> QuerySet:
        """All rows."""
        return self.get_queryset()

    def db_manager(self, using: str | None = None) -> Manager:
        """The manager on another database."""
        self.get_queryset().using(using)
        return Manager(self.meta, using)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(QuerySet, name):
            raise unknown_method(f"{self.meta.label}.objects", name, QuerySet)
        return getattr(self.get_queryset(), name)

    def __repr__(self) -> str:
        return f"<the manager of {self.meta.label}>"

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *dir(QuerySet)})
