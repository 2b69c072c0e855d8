"""Related managers: the rows that one instance leads to, and how to change which they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from whimbrel.errors import QueryError
from whimbrel.orm.expressions.value_types import convert
from whimbrel.orm.hops import Hop
from whimbrel.orm.query.instance_state import related_cache
from whimbrel.orm.query.queryset import QuerySet
from whimbrel.orm.runtime.managers import Manager


def related_manager(instance: Any, hop: Hop) -> RelatedManager:
    """The manager of the rows that a hop leads to from an instance."""
    if getattr(instance, hop.local) is None:
        raise QueryError(
            f"a {hop.source.label} that was never saved leads to no rows by {hop.name!r}",
            hint="Save it first.",
        )
    return ManyToManyManager(instance, hop) if hop.through else RelatedManager(instance, hop)


class RelatedManager(Manager):
    """The rows whose key points at an instance: ``author.post_set``."""

    def __init__(self, instance: Any, hop: Hop) -> None:
        super().__init__(hop.target, instance._alias)
        self.instance = instance
        self.hop = hop

    # -- reading

    def get_queryset(self) -> QuerySet:
        known = related_cache(self.instance).get(f"[{self.hop.name}]")
        found = super().get_queryset()._filtered_by(self._condition())
        parent = (self.hop.field_name, self.hop.remote, self._near, self.instance)
        found = found._replace(known=(*found.query.known, parent))
        return found._with_rows(known) if known is not None else found

    def _condition(self) -> dict[str, Any]:
        return {self.hop.remote: self._near}

    @property
    def _near(self) -> Any:
        return getattr(self.instance, self.hop.local)

    def _clear_cache(self) -> None:
        related_cache(self.instance).pop(f"[{self.hop.name}]", None)

    # -- writing

    def create(self, **values: Any) -> Any:
        """Insert a row that points at the instance."""
        self._clear_cache()
        return super().get_queryset().create(**{self.hop.field_name: self.instance, **values})

    def get_or_create(self, defaults: Mapping[str, Any] | None = None, **lookups: Any) -> Any:
        """The row that points at the instance and meets the lookups, made if there is none."""
        return self._or_create("get_or_create", defaults, lookups)

    def update_or_create(self, defaults: Mapping[str, Any] | None = None, **lookups: Any) -> Any:
        """The same, with ``defaults`` written to it either way."""
        return self._or_create("update_or_create", defaults, lookups)

    def _or_create(self, method: str, defaults: Any, lookups: dict[str, Any]) -> Any:
        self._clear_cache()
        own = {self.hop.field_name: self.instance}
        return getattr(super().get_queryset(), method)(defaults=defaults, **own, **lookups)

    def bulk_create(self, instances: Iterable[Any], **options: Any) -> list[Any]:
        """Insert many rows that point at the instance."""
        self._clear_cache()
        made = list(instances)
        for each in made:
            setattr(each, self.hop.field_name, self.instance)
        return super().get_queryset().bulk_create(made, **options)

    def add(self, *instances: Any, bulk: bool = True) -> None:
        """Make rows point at the instance."""
        self._clear_cache()
        for each in instances:
            setattr(each, self.hop.field_name, self.instance)
            if each._state.adding:
                each.save()
        self._all().filter(pk__in=[each.pk for each in instances]).update(
            **{self.hop.remote: self._near}
        )

    def _all(self) -> QuerySet:
        return super().get_queryset()

    def remove(self, *instances: Any) -> None:
        """Make rows point at nothing. Raises `QueryError` where the key cannot be NULL."""
        self._remove_rows(self._all().filter(pk__in=[each.pk for each in instances]))

    def clear(self) -> None:
        """Make all of them point at nothing."""
        self._remove_rows(self._all())

    def _remove_rows(self, rows: QuerySet) -> None:
        if not self.hop.field.null:
            raise QueryError(
                f"{self.hop.owner.label}.{self.hop.field_name} cannot be NULL: no row can be let go",
                hint="Delete the rows, or make them point at another: .update(...).",
            )
        self._clear_cache()
        rows._filtered_by(self._condition()).update(**{self.hop.remote: None})

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
        assert self.hop.through is not None
        return self.hop.through.meta.model

    def get_queryset(self) -> QuerySet:
        known = related_cache(self.instance).get(f"[{self.hop.name}]")
        through = self.hop.through
        assert through is not None
        keys = self._link_rows().values_list(through.far, flat=True)
        found = Manager.get_queryset(self)._filtered_by({f"{self.hop.remote}__in": keys})
        return found._with_rows(known) if known is not None else found

    def _link_rows(self) -> QuerySet:
        """The rows between."""
        through = self.hop.through
        assert through is not None
        made = Manager(through.meta, self._alias).all()
        return made._filtered_by({through.near: self._near})

    def _key_of(self, row: Any) -> Any:
        if hasattr(type(row), "_meta"):
            return getattr(row, self.hop.remote)
        through = self.hop.through
        assert through is not None
        return convert(row, through.meta.fields_by_name[through.far].table_column.type)

    def add(self, *rows: Any, through_defaults: Any = None, bulk: bool = True) -> None:
        """Lead to these rows, or keys, too; those that it leads to already stay."""
        self._clear_cache()
        through = self.hop.through
        assert through is not None
        wanted = list(dict.fromkeys(self._key_of(row) for row in rows))
        there = set(self._link_rows().values_list(through.far, flat=True))
        made = [
            through.meta.model(
                **{through.near: self._near, through.far: key, **(through_defaults or {})}
            )
            for key in wanted
            if key not in there
        ]
        Manager(through.meta, self._alias).all().bulk_create(made)

    def remove(self, *rows: Any) -> None:
        """Lead to these rows, or keys, no longer."""
        self._clear_cache()
        through = self.hop.through
        assert through is not None
        keys = [self._key_of(row) for row in rows]
        self._link_rows()._filtered_by({f"{through.far}__in": keys}).delete()

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
        through = self.hop.through
        assert through is not None
        wanted = [self._key_of(row) for row in rows]
        there = list(self._link_rows().values_list(through.far, flat=True))
        self.remove(*(key for key in there if clear or key not in wanted))
        self.add(*wanted, through_defaults=through_defaults)

    def create(self, through_defaults: Any = None, **values: Any) -> Any:
        """Insert a row, and lead to it."""
        made = self._all().create(**values)
        self.add(made, through_defaults=through_defaults)
        return made

    def _all(self) -> QuerySet:
        return Manager.get_queryset(self)

    def _or_create(self, method: str, defaults: Any, lookups: dict[str, Any]) -> Any:
        made, is_new = getattr(self._all(), method)(defaults=defaults, **lookups)
        self.add(made)
        return made, is_new

    def bulk_create(self, instances: Iterable[Any], **options: Any) -> list[Any]:
        made = self._all().bulk_create(instances, **options)
        self.add(*made)
        return made
