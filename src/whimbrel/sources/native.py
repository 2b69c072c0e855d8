"""Native models: a subclass of `Model` is a SQLAlchemy mapped class."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from types import CodeType, FrameType
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import event, orm

from whimbrel.errors import ModelError, StateError
from whimbrel.sources import declaration, locations
from whimbrel.sources.declaration import Info
from whimbrel.sources.mapping import attribute, default_of, map_class, table_of
from whimbrel.sources.relationships import Waiting, never_came, relate, relations
from whimbrel.sources.table_events import complete
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

_names: dict[str, Any] = {}
_registry = orm.registry(class_registry=_names)


class _Shared:
    """An attribute of `Model` that shows all tables: what is declared is mapped before it is seen."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        map_declared()
        return self.value


class Model:
    """A model. A subclass has a table, unless its Meta says ``abstract = True``.

    ``select()``, `Session` and all the rest of SQLAlchemy work on it. An instance is made with
    keyword arguments; fields that are not given take their defaults. A foreign key ``author``
    is a relationship, with its column's value in ``author_id``; the other side has
    ``related_name``, or "<model>_set". ``_meta`` tells the model's label, fields and options.
    Raises `ModelError` for what cannot be, with the place of the class.
    """

    __whimbrel_root__ = True

    metadata: ClassVar[sa.MetaData] = _Shared(_registry.metadata)  # type: ignore[assignment]
    registry: ClassVar[orm.registry] = _Shared(_registry)  # type: ignore[assignment]
    _meta: ClassVar[Info]
    __table__: ClassVar[sa.Table]
    __mapper__: ClassVar[orm.Mapper[Any]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._meta = declaration.read(cls, locations.here())
        if not cls._meta.abstract:
            _declare(cls._meta)

    def __init__(self, **values: Any) -> None:
        if isinstance(vars(type(self)).get(_MANAGER), _UnmappedManager):
            map_declared()
            type(self).__init__(self, **values)
            return
        for name in values:
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no field {name!r}")
        for info in _lineage(type(self)):
            for name, field in info.fields.items():
                given = name in values or attribute(name, field) in values
                if field.has_default and not given:
                    values[attribute(name, field)] = default_of(field)
        for name, value in values.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        key = sa.inspect(self).identity
        return f"<{type(self).__name__} {', '.join(map(repr, key)) if key else '(new)'}>"


def _lineage(model: type[Any]) -> list[Info]:
    """The model and those above it whose tables it extends, the topmost first."""
    infos = (vars(base).get("_meta") for base in reversed(model.__mro__))
    return [info for info in infos if info is not None and not info.abstract]


# -- declaring

#: The models that are mapped, by their labels in lowercase.
_known: dict[str, Info] = {}
#: Those that are declared and wait to be mapped, in order.
_declared: dict[str, Info] = {}
#: The code of the module in which each model was declared, by the model's label.
_bodies: dict[str, CodeType | None] = {}
#: Relations by the label of a model that they wait for.
_waiting: dict[str, list[Waiting]] = {}


class _Mode:
    """The state of this module. is_running: a mapping is under way."""

    is_deferred = False
    is_running = False


@contextmanager
def deferred_mapping() -> Iterator[None]:
    """Models that are declared in here are mapped when SQLAlchemy, or anybody, asks for them.

    Who only compares their fields saves half of what an import takes.
    """
    before, _Mode.is_deferred = _Mode.is_deferred, True
    try:
        yield
    finally:
        _Mode.is_deferred = before


class _Unmapped:
    """An attribute that the mapping of a class makes: asked for, it maps what is declared."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        map_declared()
        return getattr(owner if instance is None else instance, self.name)


class _UnmappedManager:
    """Stands where SQLAlchemy looks for a class's manager: `select()` and `inspect()` map it."""

    def __init__(self, model: type[Any]) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        map_declared()
        return getattr(vars(self._model)[_MANAGER], name)


_MANAGER = "_sa_class_manager"


def _declare(info: Info) -> None:
    """Take a model up; it is mapped now, or when it is asked for."""
    _make_room(info)
    label = info.label.lower()
    _bodies[label] = _module_body(info.model.__module__)
    _declared[label] = info
    if not _Mode.is_deferred:
        map_declared()
        return
    attributes = {attribute(*each) for each in info.fields.items()}
    for name in {"__table__", "__mapper__", *info.fields, *attributes} - vars(info.model).keys():
        setattr(info.model, name, _Unmapped(name))
    setattr(info.model, _MANAGER, _UnmappedManager(info.model))


def map_declared() -> None:
    """Map the models that wait for it. Raises `ModelError` for one that does not map."""
    if _Mode.is_running:
        return
    _Mode.is_running = True
    for model in (info.model for info in _declared.values()):
        for name, value in list(vars(model).items()):
            if isinstance(value, _Unmapped | _UnmappedManager):
                delattr(model, name)
    try:
        while _declared:
            _map_whole(_declared.pop(next(iter(_declared))))
    finally:
        _Mode.is_running = False


def _map_whole(info: Info) -> None:
    """Map a model, and all relations that now have both ends. Leaves nothing behind if it fails."""
    try:
        info.model.__table__ = table_of(info, _registry.metadata)
        info.tables.append(info.model.__table__)
        if len(info.parents) > 1:
            raise info.error(
                "it extends the tables of more than one model",
                "Extend one of them, and point at the others with a OneToOneField.",
            )
        above = info.parents[0]._meta if info.parents else None
        map_class(info, _registry, above)
        _known[info.label.lower()] = info
        _relate_what_can_be(info)
    except ModelError as error:
        forget([info])
        error.place = error.place or info.place
        raise


def _make_room(info: Info) -> None:
    """The same class declared again (its module was imported anew) takes its own place."""
    before = _known.get(info.label.lower()) or _declared.get(info.label.lower())
    if before is None:
        return
    same = (before.model.__module__, before.model.__qualname__)
    if same != (info.model.__module__, info.model.__qualname__) or _stands_beside(info):
        raise info.error(
            f"there is a model of this label already, at {before.place}",
            "Rename one of them, or give one another app_label in its Meta.",
        )
    forget([before])


def _stands_beside(info: Info) -> bool:
    """True if a class is a second one of its name in one run of its module's code.

    A module that is loaded again (by a notebook, or a server that watches files) runs other code.
    """
    code = _bodies.get(info.label.lower())
    return code is not None and code is _module_body(info.model.__module__)


def _module_body(module: str) -> CodeType | None:
    """The code of a module that is running right now."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == module:
            return frame.f_code
        frame = frame.f_back
    return None


def _relate_what_can_be(info: Info) -> None:
    """The relations that waited for a model, and its own; some have to wait for yet another."""
    ready = _waiting.setdefault(info.label.lower(), [])
    ready.extend(relations(info))
    while ready:
        each = ready.pop(0)
        missing = next((label for label in each.needs if label not in _known), None)
        if missing is None:
            relate(each, _known)
        else:
            _waiting.setdefault(missing, []).append(each)
    del _waiting[info.label.lower()]


def finish() -> None:
    """Map what is declared, before the models are used.

    Raises `ModelError` for a relation to a model that was never declared.
    """
    map_declared()
    for each in chain.from_iterable(_waiting.values()):
        raise never_came(each, _known)


@event.listens_for(Model, "before_mapper_configured", propagate=True)
def _before_use(_mapper: Any, _model: Any) -> None:
    """Called when SQLAlchemy is about to use one of these models for the first time.

    Historical models are used without them: a migration that imports a function of models.py has some
    models, and not what they point at.
    """
    finish()


@event.listens_for(_registry.metadata, "before_create")
def _complete(metadata: sa.MetaData, _connection: Any, **_: Any) -> None:
    """Called when SQLAlchemy is about to create the tables."""
    finish()
    complete(metadata, lower(state_of(declared_models())))


def drop_stale() -> None:
    """Forget models whose modules were imported anew, and no longer declare them."""
    forget(info for info in _all() if not _is_current(info.model))


def _is_current(model: type[Any]) -> bool:
    module = sys.modules.get(model.__module__)
    return "." in model.__qualname__ or getattr(module, model.__qualname__, None) is model


def forget(infos: Iterable[Info]) -> None:
    """Take models out, as when their modules are imported anew."""
    for info in list(infos):
        _known.pop(info.label.lower(), None)
        _declared.pop(info.label.lower(), None)
        for waiting in _waiting.values():
            waiting[:] = [each for each in waiting if each.info is not info]
        for table in info.tables:
            table.metadata.remove(table)
    _names.clear()


# -- what was declared


def declared_models() -> list[type[Model]]:
    """Every native model that is declared and has a table, in the order of declaration."""
    return [info.model for info in _all()]


def _all() -> list[Info]:
    return [*_known.values(), *_declared.values()]


def state_of(classes: Iterable[type[Model]], onto: State | None = None) -> State:
    """The state that has these models, after those of ``onto``. Raises `ModelError`."""
    state = onto if onto is not None else State()
    for model in classes:
        info = model._meta
        bases = [parent._meta.label for parent in info.parents]
        try:
            state = state.with_new_model(
                info.app_label,
                info.name,
                list(info.fields.items()),
                info.options,
                bases,
                info.place,
            )
        except (ModelError, StateError) as error:
            raise ModelError(
                error.message, place=error.place or info.place, hint=error.hint
            ) from error
    return state
