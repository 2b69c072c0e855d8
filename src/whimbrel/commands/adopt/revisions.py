"""The revision files of an Alembic project, as they are written: none of them is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from whimbrel.errors import UsageError
from whimbrel.schema.table import Name


@dataclass(frozen=True)
class Revision:
    """A revision file: its id, the ids that it comes after, its other names, its file.

    tables: those that it makes, or gives a name, as far as its text says so.
    """

    id: str
    after: tuple[str, ...]
    labels: tuple[str, ...]
    file: Path
    tables: frozenset[Name] = frozenset()


def revisions_in(folder: Path, *, recursive: bool) -> Iterator[Revision]:
    files = folder.rglob("*.py") if recursive else folder.glob("*.py")
    for file in sorted(files):
        if not file.name.startswith(("__init__", ".#")):
            found = _revision(file)
            if found is not None:
                yield found


def _revision(file: Path) -> Revision | None:
    """Return what a revision file says of itself; None where it is none."""
    module = _parse(file)
    assigned = dict(_assigned_in(module))
    said = {name: value for name, value in assigned.items() if name in _SAID}
    if "revision" not in said:
        return None
    values = {name: _words(file, name, value) for name, value in said.items()}
    after = (*values.get("down_revision", ()), *values.get("depends_on", ()))
    tables = frozenset(_tables(module, assigned))
    return Revision(values["revision"][0], after, values.get("branch_labels", ()), file, tables)


_SAID = ("revision", "down_revision", "depends_on", "branch_labels")


def _words(file: Path, name: str, value: ast.expr) -> tuple[str, ...]:
    """A string, several, or none."""
    try:
        found = ast.literal_eval(value)
    except ValueError:
        found = 0
    words = (found,) if isinstance(found, str) else found or ()
    if found == 0 or not all(isinstance(each, str) for each in words):
        raise UsageError(
            f"{name} is computed, and cannot be read without running it",
            place=f"{file}:{value.lineno}",
            hint="Write the revision's id there as a string.",
        )
    return tuple(words)


def _parse(file: Path) -> ast.Module:
    """The syntax tree of a file. Raises `UsageError`."""
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UsageError(
            f"not Python: {error}", place=f"{file}{line}", hint="Fix it first."
        ) from error


def _assigned_in(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The names that get a value at the top of a module, in order."""
    for statement in module.body:
        if isinstance(statement, ast.AnnAssign) and statement.value is not None:
            yield from _named(statement.target, statement.value)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                yield from _named(target, statement.value)


def _named(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value


# -- the tables that they make ---------------------------------------------------------------

_CREATE = re.compile(r"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.\"`\[\]]+)", re.IGNORECASE)


def _tables(module: ast.Module, assigned: dict[str, ast.expr]) -> Iterator[Name]:
    """The tables that a revision makes or renames to, wherever it does not go back."""
    for node in _of_upgrades(module):
        if isinstance(node, ast.Call):
            method = node.func.attr if isinstance(node.func, ast.Attribute) else None
            place = _MAKING.get(method or "")
            if place is not None and len(node.args) > place:
                schema = next((each.value for each in node.keywords if each.arg == "schema"), None)
                name = _text_of(node.args[place], assigned)
                if name:
                    yield Name(_text_of(schema, assigned), name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in _CREATE.findall(node.value):
                yield Name.read(re.sub(r"[\"`\[\]]", "", found))


def _of_upgrades(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        back = isinstance(child, ast.FunctionDef) and child.name.startswith("downgrade")
        if not back:
            yield child
            yield from _of_upgrades(child)


#: By the method of ``op``: which of its arguments is the name of a table that is there after it.
_MAKING = {"create_table": 0, "rename_table": 1}


def _text_of(value: ast.expr | None, assigned: dict[str, ast.expr]) -> str | None:
    """The string that an expression is, or that a name at the top of its module stands for."""
    if isinstance(value, ast.Name) and value.id in assigned:
        value = assigned[value.id]
    is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return str(ast.literal_eval(value)) if value is not None and is_text else None
