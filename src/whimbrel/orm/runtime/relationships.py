"""SQLAlchemy's relationships of historical models, made when somebody asks for one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whimbrel.orm.hops import hop_of
from whimbrel.orm.meta import Meta
from whimbrel.sources.relationships import Waiting, relate


def relate_to_sqlalchemy(meta: Meta, name: str) -> None:
    """Make SQLAlchemy's relationship of a hop, and of its other side."""
    hop = hop_of(meta, name)
    owner, other = hop.owner, hop.source if hop.reverse else hop.target
    accessor = next(
        (
            each.accessor
            for each in other.reverses.values()
            if each.label == owner.label and each.field_name == hop.field_name
        ),
        "+",
    )
    bound = hop.field.replace(related_name=accessor)
    with _WithoutDescriptors((owner.model, hop.field_name), (other.model, accessor)):
        relate(Waiting(owner.info, hop.field_name, bound, ()), owner.apps.built_infos())
        owner.apps.registry.configure()
    if hop.through is not None:
        for model, side in ((owner.model, hop.field_name), (other.model, accessor)):
            if side in vars(model):
                _give_through(vars(model)[side].inner, hop.through.meta.model)


def _give_through(attribute: Any, between: type[Any]) -> None:
    """``Post.tags.through``: SQLAlchemy hands what an attribute has not to its comparator."""
    plain = type(attribute.comparator)
    names = {"__slots__": (), "through": between}
    attribute.comparator.__class__ = type("Comparator", (plain,), names)


class _WithoutDescriptors:
    """Takes accessors off their classes, and lays them around what SQLAlchemy puts there."""

    def __init__(self, *names: tuple[type[Any], str]) -> None:
        self.names: Iterable[tuple[type[Any], str]] = names
        self.taken: dict[tuple[type[Any], str], Any] = {}

    def __enter__(self) -> None:
        for model, name in self.names:
            if name in vars(model):
                self.taken[model, name] = vars(model)[name]
                delattr(model, name)

    def __exit__(self, *_: object) -> None:
        for (model, name), accessor in self.taken.items():
            for each in (model, *_subclasses(model)):
                inner = vars(each).get(name)
                if inner is not None:
                    type.__setattr__(each, name, accessor.wrap(inner))
                elif each is model:
                    type.__setattr__(each, name, accessor)


def _subclasses(model: type[Any]) -> list[type[Any]]:
    return [each for child in model.__subclasses__() for each in (child, *_subclasses(child))]
