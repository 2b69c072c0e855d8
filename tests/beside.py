"""Django and Whimbrel side by side: the same models, rows and functions on two databases.

A function is what a data migration has, ``f(apps, schema_editor, m)``, where ``m`` is what each of
the two calls ``models``. Each case is run in a transaction that is taken back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import django
import pytest
import sqlalchemy as sa
from django.conf import settings
from django.db import connections, transaction
from django.db import models as django_models
from django.db.migrations import CreateModel as DjangoCreateModel
from django.db.migrations.state import ProjectState
from django.db.utils import load_backend

from blog import make, open_engine, state_of
from whimbrel import migrations
from whimbrel import models as our_models
from whimbrel.engines import engine_for
from whimbrel.errors import DataError
from whimbrel.planning.items import DataOperation
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.data.python import run_code

Function = Callable[[Any, Any, Any], Any]
Models = Callable[[Any], dict[str, dict[str, Any]]]

if not settings.configured:
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        USE_TZ=True,
        TIME_ZONE="UTC",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
# Tests are in no event loop of their own; Django takes that of a notebook for one.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


class Django:
    """Django's side: models of migrations, on a database of its own."""

    models = django_models

    def __init__(self, url: str, models: Models, filled: Function) -> None:
        self.connection = _django_connection(url)
        connections["default"] = self.connection
        self.state = ProjectState()
        with self.connection.schema_editor() as editor:
            for name, fields in models(self.models).items():
                before = self.state.clone()
                key = ("id", self.models.BigAutoField(primary_key=True))
                operation = DjangoCreateModel(name, [key, *fields.items()])
                operation.state_forwards("blog", self.state)
                operation.database_forwards("blog", editor, before, self.state)
        self.apps = self.state.apps
        self.run(filled, keep=True)

    def run(self, function: Function, keep: bool = False) -> Any:
        """Call a function in a transaction that is taken back, or kept. Return its value."""
        connections["default"] = self.connection
        with self.connection.schema_editor() as editor, transaction.atomic():
            value = function(self.apps, editor, self.models)
            editor.deferred_sql.clear()
            if not keep:
                transaction.set_rollback(True)
        return value

    def close(self) -> None:
        """Let go of the database."""
        self.connection.close()


def _django_connection(url: str) -> Any:
    place = sa.make_url(url)
    given: dict[str, Any] = {
        "ENGINE": f"django.db.backends.{'sqlite3' if place.drivername == 'sqlite' else 'postgresql'}",
        "NAME": place.database,
    }
    if place.drivername != "sqlite":
        given |= {
            "HOST": place.host or place.query.get("host", ""),
            "PORT": str(place.port or place.query.get("port", "")),
            "USER": place.username or "",
            "PASSWORD": place.password or "",
        }
    made = connections.configure_settings({"default": given})["default"]
    return load_backend(made["ENGINE"]).DatabaseWrapper(made, "default")


class Whimbrel:
    """Our side."""

    models = our_models

    def __init__(self, url: str, models: Models, filled: Function) -> None:
        self.state = state_of(
            [
                migrations.CreateModel(
                    name, [("id", our_models.BigAutoField(primary_key=True)), *fields.items()]
                )
                for name, fields in models(our_models).items()
            ]
        )
        self.connection = open_engine(url).connect()
        make(self.connection, self.state)
        self.connection.commit()
        self.run(filled, keep=True)

    def run(self, function: Function, keep: bool = False) -> Any:
        """Call a function in a transaction that is taken back, or kept. Return its value."""
        context = ExecutionContext(engine_for(self.connection.dialect.name), self.connection)
        values: list[Any] = []

        def call(apps: Any, editor: Any) -> None:
            values.append(function(apps, editor, our_models))

        operation = migrations.RunPython(call)
        data = DataOperation(operation, "blog", self.state)
        with (
            suppress(_TakenBack),
            context.engine.transaction(self.connection, (), rows=True),
        ):
            _with_its_own_errors(lambda: run_code(data, context))
            if not keep:
                raise _TakenBack
        return values[0]

    def close(self) -> None:
        """Let go of the database."""
        self.connection.close()


class _TakenBack(Exception):
    """Ends a transaction that is not to be kept."""


def _with_its_own_errors(run: Callable[[], None]) -> None:
    """Called, with errors as the function has raised them."""
    try:
        run()
    except DataError as error:
        if error.__cause__ is not None:
            raise error.__cause__ from None
        raise


@contextmanager
def both(
    request: pytest.FixtureRequest, models: Models, filled: Function
) -> Iterator[tuple[Django, Whimbrel]]:
    """Both on databases of their own, of the kind that is the request's parameter."""
    with ExitStack() as stack:
        urls = ["sqlite:///:memory:"] * 2
        if request.param == "postgresql":
            server = request.getfixturevalue("postgresql_server")
            with server.connect() as connection:
                if connection.info.server_version < 140000:
                    pytest.skip("Django 5.2 begins with PostgreSQL 14")
            urls = [server.url(stack.enter_context(server.fresh_database())) for _ in urls]
        sides = Django(urls[0], models, filled), Whimbrel(urls[1], models, filled)
        for side in sides:
            stack.callback(side.close)
        yield sides
