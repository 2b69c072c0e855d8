"""A function that uses the models of today."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from whimbrel.lint.functions import Code, code_of
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope
from whimbrel.operations.backfill import Backfill
from whimbrel.operations.base import Operation


def _check(scope: LintScope) -> Iterator[Problem]:
    for number, operation in scope.operations:
        for function in _functions(operation):
            code = code_of(function)
            for name, node in _live(code) if code is not None else ():
                line = node.lineno if code is not None and scope.is_own(code.file) else None
                message = f"{scope.title(number)}: it uses {name} of the models as they are today"
                yield Problem(message, number, line, _fix(scope.migration.app, name))


def _functions(operation: Operation) -> list[Callable[..., Any]]:
    """The code of an operation, in both directions."""
    if isinstance(operation, Backfill):
        given = (operation.function, operation.reverse, *(operation.set or {}).values())
        return [each for each in given if callable(each)]
    ways = (False, True) if operation.is_executed else ()
    return [each for way in ways if (each := operation.get_function(backwards=way)) is not None]


def _fix(app: str, name: str) -> str:
    return f'{name} = apps.get_model("{app}", "{name}")' if name[:1].isupper() else ""


def _live(code: Code) -> Iterator[tuple[str, ast.stmt | ast.expr]]:
    """Return the models that code uses, each once, with the first place."""
    seen: set[str] = set()
    for node in (each for top in code.nodes for each in ast.walk(top)):
        for name in _names(node, code):
            if name not in seen:
                seen.add(name)
                assert isinstance(node, ast.stmt | ast.expr)
                yield name, node


#: Whose modules of models are none of an application.
_LIBRARIES = ("whimbrel", "sqlalchemy", "sqlmodel", "django")


def _names(node: ast.AST, code: Code) -> Iterator[str]:
    match node:
        case ast.ImportFrom(module=module, level=level, names=names):
            path = (module or "").split(".")
            if level == 0 and path[0] in _LIBRARIES:
                return
            for each in names:
                if path[-1] == "models" or each.name == "models":
                    yield each.asname or each.name
        case ast.Import(names=names):
            for each in names:
                first, *_, last = each.name.split(".")
                if last == "models" and first not in _LIBRARIES:
                    yield each.asname or each.name
        case ast.Attribute(value=ast.Name(id=name), attr="models") if name not in _LIBRARIES:
            if isinstance(code.names.get(name), ModuleType):
                yield f"{name}.models"
        case ast.Name(id=name) if _is_live(code.names.get(name)):
            yield name


def _is_live(value: object) -> bool:
    """True for a model of an application, and for a module of models."""
    if isinstance(value, ModuleType):
        path = value.__name__.split(".")
        return path[-1] == "models" and path[0] != "whimbrel"
    return isinstance(value, type) and (hasattr(value, "__mapper__") or hasattr(value, "__table__"))


RULE = Rule(
    code="live-models",
    level="warning",
    title="a function of a migration uses the models of the application",
    happens="It works with the tables as they are at the end of history, not as they are when the migration runs.",
    why="It works today. As soon as a model has a column that a later migration adds, a new database cannot be "
    "migrated any more: this migration asks for what is not there yet.",
    instead="Take the model from history: apps.get_model(app, name).",
    check=_check,
    bad=migration(
        "migrations.RunPython(forwards, migrations.RunPython.noop)",
        above="""\
def forwards(apps, schema_editor):
    from blog.models import Author

    Author.objects.create(name="Greg")
""",
    ),
    good=migration(
        "migrations.RunPython(forwards, migrations.RunPython.noop)",
        above="""\
def forwards(apps, schema_editor):
    Author = apps.get_model("blog", "Author")
    Author.objects.create(name="Greg")
""",
    ),
)
