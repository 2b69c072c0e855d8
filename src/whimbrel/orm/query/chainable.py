"""The methods of a queryset that return another: they ask nothing of the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from whimbrel.errors import QueryAttributeError, QueryError, did_you_mean
from whimbrel.orm.expressions.aggregates import Aggregate
from whimbrel.orm.query.query import Annotation, Query
from whimbrel.schema.expressions import F, Q

if TYPE_CHECKING:
    from typing import Self


class Chainable:
    """A queryset without its rows: each method returns a new one, and leaves this as it is."""

    def __init__(self, query: Query) -> None:
        self.query = query

    def _replace(self, **changed: Any) -> Self:
        return type(self)(self.query.replace(**changed))

    @property
    def model(self) -> type[Any]:
        """The model whose rows these are."""
        return self.query.meta.model

    @property
    def db(self) -> str:
        """The alias of the database that is asked."""
        return self.query.alias or self.query.meta.apps.alias

    @property
    def ordered(self) -> bool:
        """True if the rows come in an order that was asked for."""
        return bool(self.query.ordering)

    # -- rows

    def all(self) -> Self:
        """The same rows."""
        return self._replace()

    def none(self) -> Self:
        """No rows."""
        return self._replace(empty=True)

    def filter(self, *conditions: Any, **lookups: Any) -> Self:
        """The rows that meet all conditions: `Q`, `Exists`, SQLAlchemy's, ``field__lookup=value``."""
        self._refuse_slice("filter")
        return type(self)(self.query.with_filter(Q(*conditions, **lookups)))

    def exclude(self, *conditions: Any, **lookups: Any) -> Self:
        """The rows that do not meet all conditions; those where a field is NULL stay."""
        self._refuse_slice("exclude")
        if not conditions and not lookups:
            return self._replace()
        # Not ~Q(...), which would take a NOT inside away: what is under two of them is not as if there
        # were none.
        inner = Q(*conditions, **lookups)
        return type(self)(self.query.with_filter(Q._of((inner,), Q.AND, negated=True)))

    def _refuse_slice(self, method: str) -> None:
        if self.query.is_sliced:
            raise QueryError(
                f"a slice of a queryset takes no {method}()", hint=f"{method}() first, then slice."
            )
        if self.query.combined is not None and method != "order_by":
            raise QueryError(
                f"a {self.query.combined[0]} of querysets takes no {method}()",
                hint=f"{method}() each of them first.",
            )

    def using(self, alias: str | None) -> Self:
        """The same rows of another database. Raises `QueryError` where there is none of the alias."""
        connections = self.query.meta.apps.connections
        if alias is not None and alias not in connections:
            raise QueryError(
                f"this migration has no connection to the database {alias!r}",
                hint=did_you_mean(alias, connections, f"It has: {', '.join(sorted(connections))}."),
            )
        own = alias is None or alias == self.query.meta.apps.alias
        return self._replace(alias=None if own else alias)

    # -- order

    def order_by(self, *names: Any) -> Self:
        """In this order: "name", "-name", "author__name", "?", expressions; none for no order."""
        self._refuse_slice("order_by")
        return self._replace(order=names, backwards=False)

    def reverse(self) -> Self:
        """In the other order."""
        return self._replace(backwards=not self.query.backwards)

    def distinct(self, *names: str) -> Self:
        """Each row once; with names, the first row of those that are alike in them."""
        return self._replace(distinct=not names, distinct_on=names)

    # -- columns

    def values(self, *names: Any, **expressions: Any) -> Self:
        """Dictionaries of these fields and expressions; of all fields, if none is named."""
        return self._replace(fields=self._fields(names, expressions), shape="dicts")

    def values_list(self, *names: Any, flat: bool = False, named: bool = False) -> Self:
        """Tuples; ``flat`` single values of one field; ``named`` named tuples."""
        if flat and len(names) != 1:
            raise QueryError(
                f"values_list(flat=True) takes one field, not {len(names)}",
                hint="Name one field, or leave flat=True out.",
            )
        shape = "flat" if flat else "named" if named else "tuples"
        return self._replace(fields=self._fields(names, {}), shape=shape)

    def _fields(
        self, names: tuple[Any, ...], expressions: Mapping[str, Any]
    ) -> tuple[tuple[str, Any], ...]:
        if not names and not expressions:
            names = (*(each.attname for each in self.query.meta.fields), *self.query.visible)
        fields = [
            (each, each) if isinstance(each, str) else (_label(each, at), each)
            for at, each in enumerate(names, start=1)
        ]
        return (*fields, *expressions.items())

    def only(self, *names: str) -> Self:
        """Read only these fields at once; the others when they are asked for."""
        return self._replace(only=self._field_names(names), defer=frozenset())

    def defer(self, *names: str | None) -> Self:
        """Read these fields only when they are asked for."""
        if names == (None,):
            return self._replace(only=None, defer=frozenset())
        return self._replace(
            defer=self.query.defer | self._field_names(n for n in names if n is not None)
        )

    def _field_names(self, names: Any) -> frozenset[str]:
        plain = frozenset(name.partition("__")[0] for name in names)
        for name in plain:
            self.query.meta.get_field(name)
        return plain

    # -- annotations

    def annotate(self, *expressions: Any, **named: Any) -> Self:
        """With values that the database computes, as attributes of the rows."""
        return self._add_annotations(expressions, named, hidden=False)

    def alias(self, *expressions: Any, **named: Any) -> Self:
        """With names for expressions, for use in filter() and the rest."""
        return self._add_annotations(expressions, named, hidden=True)

    def _add_annotations(
        self, expressions: tuple[Any, ...], named: Mapping[str, Any], hidden: bool
    ) -> Self:
        given = {each.default_alias: each for each in expressions} | dict(named)
        query = self.query
        for name, expression in given.items():
            if name in {each.name for each in query.meta.fields} and query.fields is None:
                raise QueryError(
                    f"{query.meta.label} has a field {name!r}: an annotation needs another name"
                )
            if (
                query.fields is not None
                and query.group is None
                and query.has(Aggregate, expression)
            ):
                query = query.replace(group=tuple(each for _, each in query.fields))
            query = query.replace(steps=(*query.steps, Annotation(name, expression, hidden)))
            if query.fields is not None and not hidden:
                query = query.replace(fields=(*query.fields, (name, F(name))))
        return type(self)(query)

    # -- related rows, and locks

    def select_related(self, *names: str | None) -> Self:
        """Read the rows that keys lead to at once, by joins: "author", "author__city"."""
        if names == (None,):
            return self._replace(related=())
        if not names:
            fields = self.query.meta.fields
            keys = tuple(each.name for each in fields if each.is_relation and not each.field.null)
            links = {each.link.name for each in self.query.meta.lineage if each.link is not None}
            return self._replace(related=tuple(name for name in keys if name not in links))
        return self._replace(related=(*self.query.related, *names))

    def prefetch_related(self, *lookups: Any) -> Self:
        """Read what relations lead to, by one query for each: names, or `Prefetch`."""
        if lookups == (None,):
            return self._replace(prefetches=())
        return self._replace(prefetches=(*self.query.prefetches, *lookups))

    def select_for_update(
        self,
        nowait: bool = False,
        skip_locked: bool = False,
        of: tuple[str, ...] = (),
        no_key: bool = False,
    ) -> Self:
        """Lock the rows until the transaction ends, where the database has such locks."""
        options = {"nowait": nowait, "skip_locked": skip_locked, "key_share": no_key}
        # A row that an outer join may miss cannot be locked: only the model's own are.
        return self._replace(lock=(*options.items(), ("of", self.query.meta.table)))

    # -- several querysets

    def union(self, *others: Chainable, all: bool = False) -> Self:
        """The rows of all of them, each once; with ``all`` as often as they are there."""
        return self._combine("union_all" if all else "union", others)

    def intersection(self, *others: Chainable) -> Self:
        """The rows that all of them have."""
        return self._combine("intersection", others)

    def difference(self, *others: Chainable) -> Self:
        """The rows that this has and the others have not."""
        return self._combine("difference", others)

    def _combine(self, kind: str, others: tuple[Chainable, ...]) -> Self:
        queries = (self.query, *(other.query for other in others))
        if kind in ("union", "union_all"):
            queries = tuple(each for each in queries if not each.empty) or queries[:1]
        if len(queries) == 1:
            return type(self)(queries[0])
        own = self.query
        combined = Query(
            own.meta, own.alias, shape=own.shape, fields=own.fields, combined=(kind, queries)
        )
        return type(self)(combined)

    def __or__(self, other: Self) -> Self:
        if self.query.empty or other.query.empty:
            return other if self.query.empty else self
        return self._join(other, self.query.conditions() | other.query.conditions())

    def __and__(self, other: Self) -> Self:
        if self.query.empty or other.query.empty:
            return self.none()
        return self._join(other, self.query.conditions() & other.query.conditions())

    def _join(self, other: Self, condition: Q) -> Self:
        for each in (self, other):
            each._refuse_slice("& and |")
        by_name = self.query.annotations | other.query.annotations
        known = (*self.query.known, *other.query.known)
        query = self.query.replace(steps=tuple(by_name.values()), known=known)
        return type(self)(query.with_filter(condition))

    def __getattr__(self, name: str) -> Any:
        raise unknown_method("a queryset", name, type(self))


def _label(expression: Any, number: int) -> str:
    alias = getattr(expression, "default_alias", None) or getattr(expression, "name", None)
    return alias if isinstance(alias, str) else f"{type(expression).__name__.lower()}{number}"


#: Hints for methods that querysets, and managers of Django's own, have in Django.
_INSTEAD = {
    "explain": "queryset.sql is the SELECT; schema_editor.execute() takes an EXPLAIN.",
    "_raw_delete": "delete() is one statement here.",
    "raw": "schema_editor.execute(sql, params) gives rows; filter() takes SQLAlchemy's text() too.",
    "extra": "annotate() and filter() take expressions of SQLAlchemy's: sqlalchemy.text(...).",
    "dates": 'annotate(day=TruncDay("field")).values_list("day", flat=True).distinct() gives them.',
    "datetimes": 'annotate(at=TruncHour("field")).values_list("at", flat=True).distinct() gives them.',
    "get_for_model": "Name it: ContentType.objects.get_or_create(app_label=..., model=...). Managers "
    "of models.py are no part of history.",
    "get_for_id": "objects.get(pk=...) gives it. Managers of models.py are no part of history.",
    "get_by_natural_key": "Name the fields: objects.get(codename=..., content_type=...). Managers of "
    "models.py are no part of history.",
    "create_user": "Managers of models.py are no part of history: objects.create(...), with the "
    "password hashed before.",
}


def unknown_method(of: str, name: str, kind: type[Any]) -> Exception:
    """The error for a method that there is not. ``kind``: the class that has those that there are."""
    if name in _INSTEAD:
        return QueryAttributeError(f"{of} has no {name!r}", hint=_INSTEAD[name])
    if name.startswith("_"):
        return AttributeError(name)
    there = [each for each in dir(kind) if not each.startswith("_")]
    listed = (
        f"It has: {', '.join(there)}. Managers and querysets of models.py are no part of history."
    )
    return QueryAttributeError(f"{of} has no {name!r}", hint=did_you_mean(name, there, listed))
