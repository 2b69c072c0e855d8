"""The historical models of one point of history, built when they are asked for."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.engine import Connection

from whimbrel.errors import MissingModel, NotALabel, did_you_mean
from whimbrel.state.model import Model
from whimbrel.state.state import State


class Apps:
    """The models of one point of history: a data migration's ``apps``.

    ``get_model("blog", "BlogPost")`` gives the model as it was at this point of history: a
    mapped class of SQLAlchemy's with ``.objects``. Only models that are asked for are built,
    and those that their relations lead to when they are followed.
    """

    def __init__(
        self,
        state: State,
        connection: Connection,
        alias: str,
        others: Mapping[str, Connection] | None,
        build: Callable[[Apps, Model], type[Any]],
    ) -> None:
        self.state = state
        self._build = build
        self.alias = alias
        self.connections: dict[str, Connection] = {**(others or {}), alias: connection}
        self.metadata = sa.MetaData()
        self.registry = orm.registry(metadata=self.metadata)
        self._built: dict[str, type[Any]] = {}
        self._link_models: dict[str, Model] = {}

    @property
    def connection(self) -> Connection:
        """The migration's connection."""
        return self.connections[self.alias]

    @property
    def dialects(self) -> Set[str]:
        """The kinds of databases that its connections are to."""
        return {each.dialect.name for each in self.connections.values()}

    # -- asking

    def get_model(self, app_label: str, model_name: str | None = None) -> type[Any]:
        """The model ``("blog", "BlogPost")`` or ``("blog.BlogPost")``, in any case of letters.

        Raises `MissingModel` where there is none at this point of history, naming those that are.
        """
        if model_name is None and "." not in app_label:
            raise NotALabel(
                f"{app_label!r} names no model",
                hint='Models are called "app.Model": apps.get_model("blog", "BlogPost").',
            )
        label = app_label if model_name is None else f"{app_label}.{model_name}"
        return self.model_class(label)

    def get_models(self, app_label: str | None = None) -> list[type[Any]]:
        """All models of this point of history, or those of one app; this builds them."""
        return [
            self.model_class(model.label)
            for model in self.state
            if app_label is None or model.app == app_label
        ]

    def get_app_configs(self) -> list[AppConfig]:
        """The apps that have models at this point of history."""
        return [AppConfig(self, label) for label in sorted({model.app for model in self.state})]

    def get_app_config(self, app_label: str) -> AppConfig:
        """One app. Raises `MissingModel`."""
        if not self.is_installed(app_label):
            raise self._missing_error(app_label)
        return AppConfig(self, app_label)

    def is_installed(self, app_label: str) -> bool:
        """True if an app has models at this point of history."""
        return any(model.app == app_label for model in self.state)

    def dispose(self) -> None:
        """Let go of the classes and their mappers; they are of no use afterwards."""
        self.registry.dispose()
        self.metadata.clear()
        self._built.clear()

    # -- building

    def model_class(self, label: str) -> type[Any]:
        """The class of a label, which is built now if it was not before. Raises `MissingModel`."""
        key = label.lower()
        model = self._built.get(key)
        if model is None:
            # That of a table between two is known by its label alone.
            value = self.state.find(label) or self._link_models.get(key)
            if value is None:
                raise self._missing_error(label)
            model = self._built[key] = self._build(self, value)
            # ``select(A).join(B)`` wants foreign keys between the tables.
            for other in self._built.values():
                other._meta.constrain(model._meta)
                if other is not model:
                    model._meta.constrain(other._meta)
            # Instances are made outside of SQLAlchemy's queries, which would see to it.
            self.registry.configure()
        return model

    def built_infos(self) -> dict[str, Any]:
        """The builders' knowledge of the classes that are there, by lowercase label."""
        return {label: model._meta.info for label, model in self._built.items()}

    def add_link_model(self, model: Model) -> None:
        """Make known the model of a many-to-many field's own table."""
        self._link_models.setdefault(model.label.lower(), model)

    # -- errors

    def _missing_error(self, label: str) -> MissingModel:
        app, _, name = label.partition(".")
        there = {model.name.lower(): model.name for model in self.state.of_app(app)}
        if not there:
            apps = sorted({model.app for model in self.state})
            listed = f"There are: {', '.join(apps)}." if apps else "There are no models at all."
            return MissingModel(
                f"there is no app {app!r} with models at this point of history",
                hint=did_you_mean(app, apps, listed),
            )
        listed = f"{app} has: {', '.join(there.values())}."
        elsewhere = [model.label for model in self.state if model.name.lower() == name.lower()]
        near = difflib.get_close_matches(name.lower(), there, n=1)
        if near:
            listed = f"Did you mean {there[near[0]]!r}? {listed}"
        elif elsewhere:
            listed = f"Did you mean {elsewhere[0]}? {listed}"
        return MissingModel(f"there is no model {label} at this point of history", hint=listed)


@dataclass(frozen=True)
class AppConfig:
    """An app at a point of history: its ``label``, and its models."""

    apps: Apps
    label: str

    @property
    def name(self) -> str:
        """The label: history knows no packages."""
        return self.label

    def get_models(self) -> list[type[Any]]:
        """Its models; this builds them."""
        return self.apps.get_models(self.label)

    def get_model(self, model_name: str) -> type[Any]:
        """One of its models. Raises `MissingModel`."""
        return self.apps.get_model(self.label, model_name)
