"""The models of a whole project: of every app that is configured."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from whimbrel.bytecode import importing
from whimbrel.config import AppConfig, Config, make_importable
from whimbrel.errors import ConfigError, WhimbrelError
from whimbrel.sources import native
from whimbrel.sources.managed import managed_option, with_tables_of_others
from whimbrel.sources.names import NamedTable
from whimbrel.sources.sqlalchemy import (
    import_module,
    load,
    name_tables,
    read_named,
    refuse_tables_of_others,
)
from whimbrel.state.state import State


def read_models(
    config: Config,
    labels: Iterable[str] | None = None,
    before: State | None = None,
    *,
    defer_mapping: bool = False,
) -> State:
    """Return the state of the models of all apps; those of ``labels`` must be among them.

    All are read, whichever are asked for: models point at those of other apps. before: what the
    migrations lead to, which may know tables of others. defer_mapping: native models are mapped when
    they are used (see `native.finish`). Imports the users' modules. Raises `ConfigError` for one that
    does not import, `ModelError` for what no database could hold.
    """
    make_importable(config)
    for label in labels or ():
        config.app(label)
    project = _Project(config)
    with native.deferred_mapping() if defer_mapping else nullcontext():
        for app in config.apps:
            project.load(app)
    native.drop_stale()
    if not defer_mapping:
        native.finish()
    state = project.state([app.label for app in config.apps])
    return with_tables_of_others(state, config, before, project.silent())


def import_errors(config: Config) -> dict[str, WhimbrelError]:
    """Return the errors of modules of models that do not import, by app: of all apps, not the first."""
    make_importable(config)
    errors: dict[str, WhimbrelError] = {}
    project = _Project(config)
    for app in config.apps:
        try:
            project.load(app)
        except WhimbrelError as error:
            errors[app.label] = error
    return errors


class _Project:
    """The imported models: names of tables of others by app; native models know their own."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.names: dict[str, dict[sa.Table, NamedTable]] = {}
        self.native: set[str] = set()
        self.modules: dict[str, ModuleType] = {}

    def load(self, app: AppConfig) -> None:
        place = f"{self.config.file or self.config.root}: app {app.label}"
        if app.models is not None:
            metadata = load(app.models, self.config.root, place)
            self.names[app.label] = name_tables(
                metadata,
                app.label,
                app.models,
                "sqlite" if self.config.is_of_sqlite_alone else "postgresql",
            )
        elif app.package is not None and _has_models(app.package):
            module = import_module(f"{app.package}.models", self.config.root, place)
            file = Path(module.__file__ or "")
            hidden = file.parent.with_suffix(".py")
            if file.name == "__init__.py" and hidden.is_file():
                raise ConfigError(
                    f"nothing looks at it: Python imports the package {file.parent.name}/ beside it",
                    place=os.path.relpath(hidden),
                    hint="Move what is in it into the package, and remove it.",
                )
            self.native.add(app.label)
            self.modules[app.label] = module

    def silent(self) -> set[str]:
        """Return the labels of the models that do not say whether their tables are ours."""
        return {
            named.label
            for names in self.names.values()
            for table, named in names.items()
            if managed_option(table) is None
        }

    def state(self, order: list[str]) -> State:
        others = {table: named for names in self.names.values() for table, named in names.items()}
        if others:
            others.update(_native_tables())
        state = State()
        for label in order:
            if label in self.names:
                state = read_named(self.names[label], state, others)
            elif label in self.native:
                models = [
                    each for each in native.declared_models() if each._meta.app_label == label
                ]
                if not models:
                    refuse_tables_of_others(self.modules[label], label)
                state = native.state_of(models, state)
        return state


def _native_tables() -> dict[sa.Table, NamedTable]:
    """Native models' tables, for the foreign keys of others."""
    return {
        model.__table__: NamedTable(
            model.__table__,
            model._meta.app_label,
            model._meta.name,
            model._meta.place,
            {
                model.__table__.c[field.column_name(name)]: name
                for name, field in model._meta.fields.items()
                if field.has_column
            },
        )
        for model in native.declared_models()
    }


def _has_models(package: str) -> bool:
    try:
        with importing():
            return f"{package}.models" in sys.modules or find_spec(f"{package}.models") is not None
    except KeyboardInterrupt:
        raise
    except BaseException:  # of the package itself, which is imported here
        return True  # importing it will tell what is wrong
