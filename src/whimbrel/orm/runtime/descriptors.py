"""Descriptors of historical classes, under the names of relations and under ``objects``.

Asked of the class it is SQLAlchemy's attribute, for ``select().join(Post.author)``. Asked of an
instance that is in a Session it is SQLAlchemy's too; of any other, Django's.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import sqlalchemy as sa

from whimbrel.errors import QueryError
from whimbrel.orm.hops import Hop, find_reverse, hop_of
from whimbrel.orm.meta import Meta
from whimbrel.orm.query.instance_state import related_cache
from whimbrel.orm.runtime.managers import Manager, related_manager
from whimbrel.sources.relationships import Waiting, relate


class ManagerDescriptor:
    """``Model.objects``: gives the class's manager."""

    def __get__(self, instance: Any, owner: type[Any]) -> Manager:
        if instance is not None:
            raise AttributeError("objects is the model's, not an instance's")
        return Manager(owner._meta)


class RelationDescriptor:
    """A relation's descriptor. ``inner``: SQLAlchemy's attribute, once it was asked for."""

    def __init__(self, meta: Meta, name: str, inner: Any = None) -> None:
        self.meta = meta
        self.name = name
        self.inner = inner

    def wrap(self, inner: Any) -> RelationDescriptor:
        """The same descriptor with SQLAlchemy's attribute in it."""
        return type(self)(self.meta, self.name, inner)

    @property
    def hop(self) -> Hop:
        """The way to the related rows."""
        return hop_of(self.meta, self.name)

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return self._class_attribute(owner)
        if _is_in_session(instance):
            return self._class_attribute(type(instance)).__get__(instance, owner)
        return self._value_of(instance)

    def _class_attribute(self, owner: type[Any]) -> Any:
        if self.inner is not None:
            return self.inner
        relate_to_sqlalchemy(self.meta, self.name)
        wrapper = next(vars(base)[self.name] for base in owner.__mro__ if self.name in vars(base))
        if wrapper.inner is None:
            raise AttributeError(f"{self.meta.label}.{self.name} is the row's own other part")
        return wrapper.inner

    def _value_of(self, instance: Any) -> Any:
        """The attribute of an instance."""
        raise NotImplementedError

    def __set__(self, instance: Any, value: Any) -> None:
        if _is_in_session(instance):
            self._class_attribute(type(instance)).__set__(instance, value)
        else:
            self._set_value(instance, value)

    def missing_error(self, instance: Any) -> Exception:
        """The error where it leads to no row: ``hasattr`` is False then."""
        hop = self.hop
        kind: type[Exception] = hop.target.missing_related_error
        return kind(
            f"this {self.meta.label} leads to no {hop.target.label} by {self.name!r}: "
            f"{hop.local} is {getattr(instance, hop.local)!r}"
        )

    def _set_value(self, instance: Any, value: Any) -> None:
        """Set the attribute of an instance."""
        raise QueryError(
            f"{self.meta.label}.{self.name} leads to several rows and cannot be set",
            hint=f"Save the instance, then: instance.{self.name}.set([...]).",
        )


def _is_in_session(instance: Any) -> bool:
    return bool(sa.inspect(instance).session_id)


class ForwardDescriptor(RelationDescriptor):
    """The row that a key points at."""

    @cached_property
    def other_side(self) -> str | None:
        """The accessor of the other side, where that leads to one row."""
        reverse = find_reverse(self.hop)
        return reverse.accessor if reverse is not None and not reverse.many else None

    def _value_of(self, instance: Any) -> Any:
        hop = self.hop
        value = getattr(instance, hop.local)
        known = related_cache(instance).get(self.name)
        if value is None:
            if known is not None:
                return known  # it was set before it was saved
            if hop.field.null:
                return None
            raise self.missing_error(instance)
        if known is not None and getattr(known, hop.remote) == value:
            return known
        related = hop.target.model.objects.using(instance._alias).get(**{hop.remote: value})
        related_cache(instance)[self.name] = related
        return related

    def _set_value(self, instance: Any, value: Any) -> None:
        hop = self.hop
        if value is not None and not isinstance(value, hop.target.model):
            raise QueryError(
                f"{self.meta.label}.{self.name} takes a {hop.target.label} of this point of "
                f"history, not {value!r}",
                hint=f"Set {hop.local} to set the key by itself; get the model from apps.",
            )
        setattr(instance, hop.local, None if value is None else getattr(value, hop.remote))
        related_cache(instance)[self.name] = value
        if value is not None and self.other_side is not None:
            related_cache(value)[self.other_side] = instance


class ReverseOneDescriptor(RelationDescriptor):
    """The one row that points at this."""

    def _value_of(self, instance: Any) -> Any:
        hop = self.hop
        related = related_cache(instance).get(self.name)
        if related is not None:
            return related
        value = getattr(instance, hop.local)
        rows = hop.target.model.objects.using(instance._alias)
        related = rows.filter(**{hop.remote: value}).first() if value is not None else None
        if related is None:
            raise self.missing_error(instance)
        related_cache(related)[hop.field_name] = instance
        related_cache(instance)[self.name] = related
        return related

    def _set_value(self, instance: Any, value: Any) -> None:
        hop = self.hop
        setattr(value, hop.field_name, instance)
        related_cache(instance)[self.name] = value


class ToManyDescriptor(RelationDescriptor):
    """The rows that point at this, or that a table between leads to."""

    def _value_of(self, instance: Any) -> Any:
        return related_manager(instance, self.hop)


# -- relationships of SQLAlchemy's, made when somebody asks for one


def relate_to_sqlalchemy(meta: Meta, name: str) -> None:
    """Make SQLAlchemy's relationship of a hop, and of its other side."""
    hop = hop_of(meta, name)
    owner, other = hop.owner, hop.source if hop.reverse else hop.target
    reverse = find_reverse(hop)
    accessor = reverse.accessor if reverse is not None else "+"
    bound = hop.field.replace(related_name=accessor)
    with _WithoutDescriptors((owner.model, hop.field_name), (other.model, accessor)):
        relate(Waiting(owner.info, hop.field_name, bound, ()), owner.apps.built_infos())
        owner.apps.registry.configure()
    if hop.through is not None:
        for model, side in ((owner.model, hop.field_name), (other.model, accessor)):
            if side in vars(model):
                _give_through(vars(model)[side].inner, hop.through.meta.model)


def _give_through(attribute: Any, through: type[Any]) -> None:
    """``Post.tags.through``: SQLAlchemy asks the comparator for what an attribute does not have."""
    plain = type(attribute.comparator)
    names = {"__slots__": (), "through": through}
    attribute.comparator.__class__ = type("Comparator", (plain,), names)


class _WithoutDescriptors:
    """Takes descriptors off their classes, and puts them around SQLAlchemy's attributes."""

    def __init__(self, *names: tuple[type[Any], str]) -> None:
        self.names = names
        self.taken: dict[tuple[type[Any], str], Any] = {}

    def __enter__(self) -> None:
        for model, name in self.names:
            if name in vars(model):
                self.taken[model, name] = vars(model)[name]
                delattr(model, name)

    def __exit__(self, *_: object) -> None:
        for (model, name), descriptor in self.taken.items():
            for each in (model, *_subclasses(model)):
                inner = vars(each).get(name)
                if inner is not None:
                    type.__setattr__(each, name, descriptor.wrap(inner))
                elif each is model:
                    type.__setattr__(each, name, descriptor)


def _subclasses(model: type[Any]) -> list[type[Any]]:
    return [each for child in model.__subclasses__() for each in (child, *_subclasses(child))]
