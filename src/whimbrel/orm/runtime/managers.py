"""``Model.objects``, and the managers of the rows that an instance leads to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from whimbrel.errors import QueryError
from whimbrel.orm.expressions.value_types import convert
from whimbrel.orm.hops import Hop, Through
from whimbrel.orm.meta import Meta
from whimbrel.orm.query.chainable import unknown_method
from whimbrel.orm.query.instance_state import related_cache
from whimbrel.orm.query.query import Query
from whimbrel.orm.query.queryset import QuerySet


class Manager:
    """The start of queries of a historical model: it has every method of a queryset."""

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


class RelatedManager(Manager):
    """The rows whose key points at an instance: ``author.post_set``."""

    def __init__(self, instance: Any, hop: Hop) -> None:
        super().__init__(hop.target, instance._alias)
        self.instance = instance
        self.hop = hop

    # -- reading

    def get_queryset(self) -> QuerySet:
        parent = (self.hop.field_name, self.hop.remote, self._near_value, self.instance)
        queryset = (
            self._all_rows().filter(**{self.hop.remote: self._near_value})._replace(known=(parent,))
        )
        return self._with_prefetched(queryset)

    def _with_prefetched(self, queryset: QuerySet) -> QuerySet:
        rows = related_cache(self.instance).get(f"[{self.hop.name}]")
        return queryset if rows is None else queryset._with_rows(rows)

    def _all_rows(self) -> QuerySet:
        """The rows of the model, related or not."""
        return super().get_queryset()

    @property
    def _near_value(self) -> Any:
        return getattr(self.instance, self.hop.local)

    def _clear_cache(self) -> None:
        related_cache(self.instance).pop(f"[{self.hop.name}]", None)

    # -- writing

    def create(self, **values: Any) -> Any:
        """Insert a row that points at the instance."""
        self._clear_cache()
        return self._all_rows().create(**{self.hop.field_name: self.instance, **values})

    def get_or_create(self, defaults: Mapping[str, Any] | None = None, **lookups: Any) -> Any:
        """The row that points at the instance and meets the lookups, made if there is none."""
        return self._or_create("get_or_create", defaults, lookups)

    def update_or_create(self, defaults: Mapping[str, Any] | None = None, **lookups: Any) -> Any:
        """The same, with ``defaults`` written to it either way."""
        return self._or_create("update_or_create", defaults, lookups)

    def _or_create(self, method: str, defaults: Any, lookups: dict[str, Any]) -> Any:
        self._clear_cache()
        own = {self.hop.field_name: self.instance}
        return getattr(self._all_rows(), method)(defaults=defaults, **own, **lookups)

    def add(self, *instances: Any, bulk: bool = True) -> None:
        """Make rows point at the instance."""
        self._clear_cache()
        for each in instances:
            setattr(each, self.hop.field_name, self.instance)
            if each._state.adding:
                each.save()
        self._all_rows().filter(pk__in=[each.pk for each in instances]).update(
            **{self.hop.remote: self._near_value}
        )

    def remove(self, *instances: Any) -> None:
        """Make rows point at nothing. Raises `QueryError` where the key cannot be NULL."""
        self._remove_rows(self._all_rows().filter(pk__in=[each.pk for each in instances]))

    def clear(self) -> None:
        """Make all of them point at nothing."""
        self._remove_rows(self._all_rows())

    def _remove_rows(self, rows: QuerySet) -> None:
        if not self.hop.field.null:
            raise QueryError(
                f"{self.hop.owner.label}.{self.hop.field_name} cannot be NULL: no row can be let go",
                hint="Delete the rows, or make them point at another: .update(...).",
            )
        self._clear_cache()
        rows.filter(**{self.hop.remote: self._near_value}).update(**{self.hop.remote: None})

    def set(self, instances: Iterable[Any], *, clear: bool = False, bulk: bool = True) -> None:
        """Make these the rows that point at the instance, and no others."""
        wanted = list(instances)
        keys = {each.pk for each in wanted}
        if self.hop.field.null:
            self.remove(*(each for each in self.get_queryset() if each.pk not in keys))
        self.add(*wanted)


class ManyToManyManager(RelatedManager):
    """The rows that a table between leads to: ``post.tags``."""

    @property
    def through(self) -> type[Any]:
        """The model between."""
        return self._through.meta.model

    @property
    def _through(self) -> Through:
        assert self.hop.through is not None
        return self.hop.through

    def get_queryset(self) -> QuerySet:
        keys = self._link_rows().values_list(self._through.far, flat=True)
        return self._with_prefetched(self._all_rows().filter(**{f"{self.hop.remote}__in": keys}))

    def _link_rows(self) -> QuerySet:
        """The rows of the table between."""
        links = Manager(self._through.meta, self._alias).all()
        return links.filter(**{self._through.near: self._near_value})

    def _key_of(self, row: Any) -> Any:
        if hasattr(type(row), "_meta"):
            return getattr(row, self.hop.remote)
        through = self._through
        return convert(row, through.meta.fields_by_name[through.far].table_column.type)

    def add(self, *rows: Any, through_defaults: Any = None, bulk: bool = True) -> None:
        """Lead to these rows, or keys, too; those that it leads to already stay."""
        self._clear_cache()
        through = self._through
        wanted = list(dict.fromkeys(self._key_of(row) for row in rows))
        there = set(self._link_rows().values_list(through.far, flat=True))
        defaults = {through.near: self._near_value, **(through_defaults or {})}
        links = [
            through.meta.model(**{through.far: key, **defaults})
            for key in wanted
            if key not in there
        ]
        Manager(through.meta, self._alias).all().bulk_create(links)

    def remove(self, *rows: Any) -> None:
        """Lead to these rows, or keys, no longer."""
        self._clear_cache()
        keys = [self._key_of(row) for row in rows]
        self._link_rows().filter(**{f"{self._through.far}__in": keys}).delete()

    def clear(self) -> None:
        """Lead to no rows."""
        self._clear_cache()
        self._link_rows().delete()

    def set(
        self,
        rows: Iterable[Any],
        *,
        clear: bool = False,
        bulk: bool = True,
        through_defaults: Any = None,
    ) -> None:
        """Lead to these rows, or keys, and to no others."""
        wanted = [self._key_of(row) for row in rows]
        there = list(self._link_rows().values_list(self._through.far, flat=True))
        self.remove(*(key for key in there if clear or key not in wanted))
        self.add(*wanted, through_defaults=through_defaults)

    def create(self, through_defaults: Any = None, **values: Any) -> Any:
        """Insert a row, and lead to it."""
        row = self._all_rows().create(**values)
        self.add(row, through_defaults=through_defaults)
        return row

    def _or_create(self, method: str, defaults: Any, lookups: dict[str, Any]) -> Any:
        row, is_new = getattr(self.get_queryset(), method)(defaults=defaults, **lookups)
        if is_new:
            self.add(row)
        return row, is_new


def related_manager(instance: Any, hop: Hop) -> RelatedManager:
    """The manager of the rows that a hop leads to from an instance."""
    if getattr(instance, hop.local) is None:
        raise QueryError(
            f"a {hop.source.label} that was never saved leads to no rows by {hop.name!r}",
            hint="Save it first.",
        )
    return ManyToManyManager(instance, hop) if hop.through else RelatedManager(instance, hop)
