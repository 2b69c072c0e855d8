"""Models of others: a declarative base, a registry, a MetaData, or SQLModel."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from whimbrel.bytecode import importing
from whimbrel.errors import ConfigError, ModelError, StateError, WhimbrelError
from whimbrel.sources import locations
from whimbrel.sources.names import NamedTable, fields_of, mappers_of, model_names
from whimbrel.sources.table_reader import declaration
from whimbrel.sources.unsupported import refuse_lone_sequences
from whimbrel.state.state import State


def read(
    metadata: sa.MetaData,
    app: str,
    where: str = "",
    onto: State | None = None,
    others: Mapping[sa.Table, NamedTable] | None = None,
) -> State:
    """The state that has the models of a metadata's tables, after those of ``onto``.

    where: what to call the metadata in errors ("acme.db:Base"). others: tables of other apps
    that foreign keys may point at. Raises `ModelError`.
    """
    return read_named(name_tables(metadata, app, where), onto, others)


def read_named(
    names: Mapping[sa.Table, NamedTable],
    onto: State | None = None,
    others: Mapping[sa.Table, NamedTable] | None = None,
) -> State:
    """Return the state as `read` does, for tables that have been given the names of their models."""
    state = onto if onto is not None else State()
    tables = {**(others or {}), **names}
    for named in names.values():
        fields, options = declaration(named, tables)
        try:
            state = state.with_new_model(named.app, named.name, fields, options, place=named.place)
        except (ModelError, StateError) as error:
            raise named.error(error.message, error.hint) from error
    return state


def name_tables(
    metadata: sa.MetaData, app: str, where: str, names_of: str = "postgresql"
) -> dict[sa.Table, NamedTable]:
    """The models of a metadata's tables, in the order of their declaration.

    names_of: the dialect whose limits the names of indexes and constraints have.
    """
    if names_of != "sqlite":  # which has no sequences
        refuse_lone_sequences(metadata, where)
    mappers = mappers_of(metadata)
    tables = list(metadata.tables.values())
    names = model_names(tables, mappers)
    return {
        table: NamedTable(
            table,
            app,
            names[table],
            _place(table, mappers.get(table, []), where),
            fields_of(table, mappers.get(table, [])),
            names_of,
        )
        for table in tables
    }


def _place(table: sa.Table, mappers: list[orm.Mapper[Any]], where: str) -> str:
    if mappers:
        return locations.of_class(mappers[0].class_)
    return f"Table {str(table.name)!r} in {where}" if where else f"Table {str(table.name)!r}"


# -- finding what was configured


def load(target: str, root: Path, place: str) -> sa.MetaData:
    """The metadata that "module:attribute" names; a module alone must hold exactly one.

    place: where the target was configured. Raises `ConfigError`, with the file and line of a
    module that does not import.
    """
    module_name, _, attribute = target.partition(":")
    module = import_module(module_name, root, place)
    if not attribute:
        return _only_metadata(module, place)
    found: Any = module
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise ConfigError(
                f"{module_name} has no {attribute}",
                place=place,
                hint=f"It has: {', '.join(_names_of_metadata(module)) or 'no models at all'}.",
            )
        found = getattr(found, name)
    metadata = metadata_of(found)
    if metadata is None:
        raise ConfigError(
            f"{target} is {found!r}, which holds no models",
            place=place,
            hint="Name a declarative base, a registry, a MetaData or SQLModel: "
            + (", ".join(_names_of_metadata(module)) or "there is none in that module")
            + ".",
        )
    return metadata


def metadata_of(value: Any) -> sa.MetaData | None:
    """The metadata of a declarative base, a registry, SQLModel, or itself."""
    if isinstance(value, sa.MetaData):
        return value
    metadata = getattr(value, "metadata", None)
    if isinstance(metadata, sa.MetaData) and not isinstance(value, sa.Table):
        return metadata
    return None


def import_module(name: str, root: Path, place: str) -> ModuleType:
    """A module of the user's. Raises `ConfigError` where it does not import."""
    try:
        with importing():
            return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except WhimbrelError as error:
        error.place = error.place or locations.of_error(error, root)
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"there is no module {error.name!r}",
                place=place,
                hint=f"It was looked for in {root} and where Python imports from.",
            ) from error
        raise _broken(name, error, root) from error
    except BaseException as error:  # sys.exit() too: nothing would be said of it
        raise _broken(name, error, root) from error


def _broken(name: str, error: BaseException, root: Path) -> ConfigError:
    return ConfigError(
        f"{name} does not import: {type(error).__name__}: {error}",
        place=locations.of_error(error, root) or name,
        hint=f"Fix it, or install what it needs; `python -c 'import {name}'` must work.",
    )


def _only_metadata(module: ModuleType, place: str) -> sa.MetaData:
    held = map(metadata_of, _public(module).values())
    found = {id(each): each for each in held if each is not None}
    if len(found) == 1:
        return next(iter(found.values()))
    raise ConfigError(
        f"{module.__name__} holds {len(found) or 'no'} sets of models",
        place=place,
        hint=f"Name one: {', '.join(f'{module.__name__}:{name}' for name in _names_of_metadata(module))}."
        if found
        else 'Name what holds the models: models = "module:Base".',
    )


def refuse_tables_of_others(module: ModuleType, app: str) -> None:
    """Raises `ConfigError` where a module that was to have native models has tables of SQLAlchemy."""
    named = {
        name: metadata
        for name, value in _public(module).items()
        if (metadata := metadata_of(value)) is not None and not hasattr(value, "_meta")
    }
    holding = [name for name, metadata in named.items() if metadata.tables]
    if holding:
        bases = [name for name in holding if not hasattr(_public(module)[name], "__table__")]
        raise ConfigError(
            f"{module.__name__} has tables of SQLAlchemy or SQLModel, and no models of whimbrel",
            place=f"app {app}",
            hint=f"Say what holds them: [tool.whimbrel.app.{app}] "
            f'models = "{module.__name__}:{(bases or holding)[0]}"',
        )


def _names_of_metadata(module: ModuleType) -> list[str]:
    return [name for name, value in _public(module).items() if metadata_of(value) is not None]


def _public(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}
