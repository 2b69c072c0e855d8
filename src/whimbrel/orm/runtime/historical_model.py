"""The base class of historical models: rows that are saved, deleted and read again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, ClassVar

from whimbrel.errors import QueryAttributeError, QueryError, UnknownArgument, did_you_mean
from whimbrel.orm.hops import find_hop
from whimbrel.orm.meta import BoundField, Meta
from whimbrel.orm.query import save
from whimbrel.orm.query.instance_state import is_saved, mark_deleted, related_cache, set_loaded
from whimbrel.orm.runtime.descriptors import RelationDescriptor
from whimbrel.orm.runtime.managers import Manager
from whimbrel.sources.mapping import default_of
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.others import BinaryField
from whimbrel.state.fields.text import CharField, TextField


class HistoricalModel:
    """A row of a historical model.

    It is made with keyword arguments, a foreign key by its row or by its ``_id``; fields that
    are not given take their defaults. Two of one model with one primary key are equal.
    """

    _meta: ClassVar[Meta]
    objects: ClassVar[Manager]
    DoesNotExist: ClassVar[type[Exception]]
    MultipleObjectsReturned: ClassVar[type[Exception]]
    #: The alias of the database that it was read from.
    _alias: str | None = None

    def __init__(self, *args: Any, **values: Any) -> None:
        fields = self._meta.fields
        for field, value in zip(fields, args, strict=False):
            values.setdefault(field.attname, value)
        for field in fields:
            names = {field.attname, field.name}
            if field in self._meta.primary_key:
                names.add("pk")
            if names & values.keys():
                continue
            if field.field.has_default:
                values[field.attname] = default_of(field.field)
            elif (empty := _empty_value(field.field)) is not None:
                values[field.attname] = empty
        meta = self._meta
        for name, value in values.items():
            if name not in {*meta.fields_by_name, "pk"} and find_hop(meta, name) is None:
                error = meta.unknown_field(name)
                raise UnknownArgument(error.message, place=error.place, hint=error.hint)
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        relation = inspect.getattr_static(type(self), name, None)
        if isinstance(relation, RelationDescriptor):
            raise relation.missing_error(self)
        if name in _INSTEAD or (name.startswith("get_") and name.endswith("_display")):
            raise QueryAttributeError(
                f"a row of {self._meta.label} has no {name!r} at this point of history",
                hint=_INSTEAD.get(name, "History knows no choices: write their names here."),
            )
        fields = (each.attname for each in self._meta.fields)
        there = dict.fromkeys([*fields, *self._meta.lookup_names(), *_METHODS])
        raise QueryAttributeError(
            f"{self._meta.label} has no {name!r} at this point of history",
            hint=did_you_mean(name, there, f"It has: {', '.join(there)}. {_NO_METHODS}"),
        )

    # -- its key

    @property
    def pk(self) -> Any:
        """The primary key's value; of several fields, a tuple."""
        values = tuple(getattr(self, each.attname) for each in self._meta.primary_key)
        return values[0] if len(values) == 1 else values

    @pk.setter
    def pk(self, value: Any) -> None:
        key = self._meta.primary_key
        for each, part in zip(key, (value,) if len(key) == 1 else value, strict=True):
            setattr(self, each.attname, part)

    @property
    def _state(self) -> Any:
        """Django's state: ``adding`` is True before it is saved; ``db`` is the database's alias."""
        return SimpleNamespace(adding=not is_saved(self), db=self._alias or self._meta.apps.alias)

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, HistoricalModel):
            return self is other
        same = self._meta.label == other._meta.label
        return same and self.pk is not None and bool(self.pk == other.pk)

    def __hash__(self) -> int:
        return hash(self.pk) if self.pk is not None else id(self)

    def __repr__(self) -> str:
        key = ", ".join(repr(self.__dict__.get(each.attname)) for each in self._meta.primary_key)
        return f"<{type(self).__name__}: {key}>"

    def serializable_value(self, name: str) -> Any:
        """The value of a field; of a key, the key itself."""
        return getattr(self, self._meta.get_field(name).attname)

    # -- writing

    def save(
        self,
        force_insert: bool = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Write it at once: UPDATE where it was read or saved before, else INSERT.

        An UPDATE leaves alone what has not changed since. update_fields: the only fields to write; with
        none, nothing is written. Raises `QueryError` for a field that there is not, or with
        ``force_update`` where no row was there.
        """
        elsewhere = using not in (None, self._state.db)
        self._use(using)
        if update_fields is not None:
            chosen = [self._meta.get_field(name) for name in update_fields]
            if chosen and not save.update(self, chosen, by_name=True):
                raise self._no_row_error()
            return
        if not force_insert and self._may_exist():
            if save.update(self, self._meta.fields, by_name=elsewhere):
                return
            if force_update:
                raise self._no_row_error()
        save.insert(self)

    def _use(self, using: str | None) -> None:
        if using is not None:
            self._meta.model.objects.using(using)
            self.__dict__["_alias"] = using

    def _may_exist(self) -> bool:
        """True if it was saved, or has a key that no default has made just now."""
        if is_saved(self):
            return True
        keys = self._meta.primary_key
        is_new = any(callable(each.field.default) for each in keys)
        return not is_new and all(self.__dict__.get(each.attname) is not None for each in keys)

    def _no_row_error(self) -> QueryError:
        return QueryError(
            f"no row of {self._meta.label} has the primary key {self.pk!r}: nothing was updated",
            hint="Save it without force_update and update_fields to insert it.",
        )

    def delete(self, using: str | None = None) -> tuple[int, dict[str, int]]:
        """Delete its row, and let the database do what ON DELETE says of those that point at it.

        Return the number of its own rows that there were, and the same by model.
        """
        self._use(using)
        if self.pk is None:
            raise QueryError(f"a {self._meta.label} that was never saved cannot be deleted")
        deleted: tuple[int, dict[str, int]] = (
            self._queryset().filter(**self._key_lookups()).delete()
        )
        mark_deleted(self)
        if len(self._meta.primary_key) == 1:
            self.pk = None
        return deleted

    # -- reading

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None
    ) -> None:
        """Read it anew, or only some of its fields. Raises its ``DoesNotExist``."""
        self._use(using)
        chosen = [self._meta.get_field(name) for name in fields] if fields is not None else None
        reload(self, chosen or list(self._meta.fields))
        if chosen is None:
            related_cache(self).clear()
        for each in chosen or ():
            related_cache(self).pop(each.name, None)

    def _key_lookups(self) -> dict[str, Any]:
        """The lookups that find its row."""
        return {each.attname: getattr(self, each.attname) for each in self._meta.primary_key}

    def _queryset(self) -> Any:
        return self._meta.model.objects.using(self._alias)


def _empty_value(field: Field) -> Any:
    """The value of a field of text, or of bytes, that was not given; None for any other."""
    if field.null or field.column_default() is not None or field.computed() is not None:
        return None
    return next((empty for kind, empty in _EMPTY if isinstance(field, kind)), None)


_EMPTY: tuple[tuple[Any, Any], ...] = (((CharField, TextField), ""), (BinaryField, b""))

#: Hints for methods that a row has in Django.
_INSTEAD = {
    "full_clean": "The database checks what it is given: catch IntegrityError around save().",
    "clean_fields": "The database checks what it is given: catch IntegrityError around save().",
    "validate_unique": "The database checks what it is given: catch IntegrityError around save().",
    "save_base": "save() runs no signals and no methods of models.py: use it.",
    "get_deferred_fields": "sqlalchemy.inspect(row).unloaded has their names.",
}
_NO_METHODS = (
    "A historical model has fields and relations, none of the methods of the model in models.py."
)
_METHODS = ("pk", "save", "delete", "refresh_from_db", "serializable_value")


def reload(instance: Any, fields: list[BoundField]) -> None:
    """Read fields of an instance's row."""
    names = [each.attname for each in fields]
    rows = instance._queryset().filter(**instance._key_lookups()).order_by()
    row = rows.values_list(*names).first()
    if row is None:
        raise instance.DoesNotExist(
            f"the row of {instance._meta.label} with the primary key {instance.pk!r} is gone"
        )
    set_loaded(instance, dict(zip(names, row, strict=True)))


def load_missing(
    in_session: Callable[..., None], state: Any, names: Iterable[str], passive: Any
) -> None:
    """Called by SQLAlchemy for attributes that were deferred, or that the database has made."""
    if state.session_id:
        in_session(state, names, passive)
        return
    instance = state.obj()
    by_name = instance._meta.fields_by_name
    reload(instance, [by_name[name] for name in sorted(names)])
