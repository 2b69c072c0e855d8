"""A queryset: reads and writes the rows of a query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from whimbrel.errors import QueryError
from whimbrel.orm.meta import Meta
from whimbrel.orm.query import mutations, save, totals
from whimbrel.orm.query.chainable import Chainable
from whimbrel.orm.query.compiler import compile_query
from whimbrel.orm.query.prefetch import KEYS_PER_QUERY, prefetch_related_objects
from whimbrel.orm.query.query import Query
from whimbrel.orm.query.row_reader import read_rows, stream_rows, take_chunks
from whimbrel.orm.query.scope import Scope

#: So many rows are written by one statement where no other number is given.
BATCH = 1000


class QuerySet(Chainable):
    """Rows of a historical model, read when they are looked at, and kept from then on."""

    def __init__(self, query: Query) -> None:
        super().__init__(query)
        self._cache: list[Any] | None = None

    @property
    def connection(self) -> Connection:
        """The connection that is asked."""
        return self.query.meta.apps.connections[self.db]

    # -- rows

    def _fetch(self) -> list[Any]:
        if self._cache is None:
            self._cache = list(read_rows(self.connection, self.query))
            if self.query.prefetches and self.query.fields is None:
                prefetch_related_objects(self._cache, *self.query.prefetches)
        return self._cache

    def _with_rows(self, instances: Iterable[Any]) -> QuerySet:
        """This queryset, with rows that a prefetch has read."""
        self._cache = list(instances)
        return self

    def all(self) -> QuerySet:
        """The same rows; those that a prefetch has read are not read again."""
        queryset = super().all()
        queryset._cache = self._cache
        return queryset

    def __iter__(self) -> Iterator[Any]:
        return iter(self._fetch())

    def __len__(self) -> int:
        return len(self._fetch())

    def __bool__(self) -> bool:
        return bool(self._fetch())

    def __contains__(self, value: object) -> bool:
        return value in self._fetch()

    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return self._slice(at)
        rows = list(self._slice(slice(at, at + 1)))
        if not rows:
            raise IndexError(f"there is no row {at}")
        return rows[0]

    def _slice(self, at: slice) -> Any:
        start, stop = at.start or 0, at.stop
        if start < 0 or (stop or 0) < 0:
            raise QueryError(
                "a queryset does not count from its end", hint="reverse() it, or list() it first."
            )
        if self._cache is not None:
            return self._cache[at]
        low = self.query.low + start
        ends = [self.query.low + stop] if stop is not None else []
        ends += [self.query.high] if self.query.high is not None else []
        rows = self._replace(low=low, high=max(low, min(ends)) if ends else None)
        return list(rows)[:: at.step] if at.step else rows

    def __repr__(self) -> str:
        return f"<queryset of {self.query.meta.label}>"

    def iterator(self, chunk_size: int = 2000) -> Iterator[Any]:
        """The rows one after the other, from a cursor on the server: no more than ``chunk_size``
        of them are in memory at once."""
        for some in stream_rows(self.connection, self.query, chunk_size):
            if self.query.prefetches and self.query.fields is None:
                prefetch_related_objects(some, *self.query.prefetches)
            yield from some

    @property
    def sql(self) -> str:
        """The SELECT, as its database spells it."""
        return str(compile_query(self.query).select.compile(dialect=self.connection.dialect))

    # -- as a value in another query

    def select_in(self, scope: Scope, like: Any = None, rows: bool = False) -> Any:
        """The query as a SELECT in a scope: of its only column, else of its key."""
        query = self.query.replace(lock=None)
        if rows:
            return totals.select_rows(query, scope)
        if query.combined is None and query.fields is None:
            query = query.replace(fields=(("pk", "pk"),))
        if query.fields is not None and len(query.fields) != 1:
            raise QueryError(
                f"a queryset in another gives one column, not {len(query.fields)}",
                hint='Name one: .values("id").',
            )
        return compile_query(query, scope).select

    def as_keys(self, meta: Meta, name: str) -> QuerySet:
        """The query with the values that a key to its model is compared with, in place of rows."""
        query = self.query
        plain = query.fields is None and query.combined is None and query.meta.label == meta.label
        return self.values(name) if plain else self

    def resolve(self, scope: Scope) -> Any:
        """The query as one value."""
        return self.select_in(scope).scalar_subquery()

    # -- one of them

    def get(self, *conditions: Any, **lookups: Any) -> Any:
        """Return the only row that meets the conditions. Raises the model's ``DoesNotExist``, or
        ``MultipleObjectsReturned``."""
        chosen = self.filter(*conditions, **lookups) if conditions or lookups else self
        rows = list(chosen if chosen.query.is_sliced else chosen[:21])
        if len(rows) == 1:
            return rows[0]
        label, model = self.query.meta.label, self.model
        shown = [*map(repr, conditions), *(f"{name}={value!r}" for name, value in lookups.items())]
        asked = ", ".join(shown) or "the conditions"
        if not rows:
            raise model.DoesNotExist(f"no {label} meets {asked}")
        number = "more than 20" if len(rows) > 20 else str(len(rows))
        raise model.MultipleObjectsReturned(f"{number} rows of {label} meet {asked}, not one")

    def first(self) -> Any:
        """The first row, in the order of the key where there is no other; None for none."""
        ordered = self if self.ordered or self.query.is_sliced else self._by_key()
        return next(iter(ordered[:1]), None)

    def last(self) -> Any:
        """The last row."""
        if self.query.is_sliced:
            return next(iter(list(self)[-1:]), None)
        ordered = self if self.ordered else self._by_key()
        return next(iter(ordered.reverse()[:1]), None)

    def _by_key(self) -> QuerySet:
        if self.query.group is not None:
            return self
        return self.order_by(*(each.attname for each in self.query.meta.primary_key))

    def earliest(self, *names: Any) -> Any:
        """The first row by these fields. Raises the model's ``DoesNotExist``."""
        return self._order_by_fields(names)[:1].get()

    def latest(self, *names: Any) -> Any:
        """The last row by these fields. Raises the model's ``DoesNotExist``."""
        return self._order_by_fields(names).reverse()[:1].get()

    def _order_by_fields(self, names: Sequence[Any]) -> QuerySet:
        if not names:
            raise QueryError("earliest() and latest() need a field", hint='latest("id"), for one.')
        return self.order_by(*names)

    def in_bulk(
        self, id_list: Iterable[Any] | None = None, *, field_name: str = "pk"
    ) -> dict[Any, Any]:
        """Rows by their keys: all of them, or those of ``id_list``."""
        if id_list is None:
            return {getattr(each, field_name): each for each in self}
        rows: dict[Any, Any] = {}
        for some in take_chunks(id_list, KEYS_PER_QUERY):
            chosen = self.filter(**{f"{field_name}__in": some})
            rows |= {getattr(each, field_name): each for each in chosen}
        return rows

    # -- all of them

    def exists(self) -> bool:
        """True if there is any row."""
        if self._cache is not None:
            return bool(self._cache)
        return totals.exists(self.connection, self.query)

    def contains(self, instance: Any) -> bool:
        """True if a row is among them."""
        return self.filter(pk=instance.pk).exists()

    def count(self) -> int:
        """The number of rows."""
        if self._cache is not None:
            return len(self._cache)
        return totals.count(self.connection, self.query)

    def aggregate(self, *expressions: Any, **named: Any) -> dict[str, Any]:
        """One value of all rows for each name: ``aggregate(Sum("price"), most=Max("price"))``."""
        given = {each.default_alias: each for each in expressions} | named
        return totals.aggregate(self.connection, self.query, given)

    # -- writing

    def create(self, **values: Any) -> Any:
        """Insert a row at once. Return its instance."""
        instance = self.model(**values)
        instance.__dict__["_alias"] = self.query.alias
        instance.save(force_insert=True)
        return instance

    def get_or_create(
        self, defaults: Mapping[str, Any] | None = None, **lookups: Any
    ) -> tuple[Any, bool]:
        """The row that meets the lookups, and False; or one made of them and ``defaults``, and True."""
        try:
            return self.get(**lookups), False
        except self.model.DoesNotExist:
            return self.create(**_creation_values(lookups, defaults)), True

    def update_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **lookups: Any,
    ) -> tuple[Any, bool]:
        """The row that meets the lookups, with ``defaults`` written to it; or one made of both."""
        try:
            row = self.get(**lookups)
        except self.model.DoesNotExist:
            given = defaults if create_defaults is None else create_defaults
            return self.create(**_creation_values(lookups, given)), True
        for name, value in (defaults or {}).items():
            setattr(row, name, _call_if_callable(value))
        row.save()
        return row, False

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Sequence[str] | None = None,
        unique_fields: Sequence[str] | None = None,
    ) -> list[Any]:
        """Insert many rows. They learn their keys, but where conflicts are ignored or updated."""
        instances = list(objs)
        for each in instances:
            each.__dict__["_alias"] = self.query.alias
        conflict: Callable[[Any], Any] | None = None
        if ignore_conflicts or update_conflicts:
            conflict = mutations.make_upsert(
                self.connection,
                self.query.meta,
                ignore_conflicts,
                update_fields or (),
                unique_fields or (),
            )
        size = batch_size or BATCH
        save.insert_all(self.connection, self.query.meta, instances, size, conflict)
        return instances

    def bulk_update(
        self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        """Write these fields of many rows. Return how many rows were there."""
        chosen = [self.query.meta.get_field(name) for name in fields]
        if not chosen:
            raise QueryError("bulk_update() needs fields to write")
        instances = list(objs)
        keys = [each.name for each in chosen if each in each.meta.primary_key]
        if keys:
            raise QueryError(f"bulk_update() cannot write the primary key {keys[0]!r}")
        if any(each.pk is None for each in instances):
            raise QueryError("bulk_update() takes rows that were saved before")
        size = batch_size or BATCH
        return save.update_all(self.connection, self.query.meta, instances, chosen, size)

    def update(self, **values: Any) -> int:
        """Write values to all rows by one UPDATE. Return how many there were. Values may be
        expressions; fields with ``auto_now`` stay."""
        self._cache = None
        return mutations.update(self.connection, self.query, values)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete all rows by one DELETE; the database does what ON DELETE says. Return how many of
        the model's own there were."""
        self._cache = None
        return mutations.delete(self.connection, self.query)


def _creation_values(
    lookups: Mapping[str, Any], defaults: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The values of a new row: of lookups that name a field, and the defaults."""
    plain = {
        name.removesuffix("__exact"): value
        for name, value in lookups.items()
        if "__" not in name.removesuffix("__exact")
    }
    return plain | {name: _call_if_callable(value) for name, value in (defaults or {}).items()}


def _call_if_callable(value: Any) -> Any:
    return value() if callable(value) else value
