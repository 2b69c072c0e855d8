"""The lines of a file on which names get their values: for errors found after the import."""

from __future__ import annotations

import ast
from pathlib import Path


def line_of_name(file: str, name: str) -> int | None:
    """The line on which a file gives a name its value, at its top or in its class Migration."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    lines = (
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and name in _names_of(node)
    )
    return next(lines, None)


def lines_of_operations(file: str, number: int) -> list[int | None]:
    """The line on which each of a file's operations begins, where it can be told."""
    # Late, since it is for findings alone.
    from whimbrel.history.source_diff import operations_of

    try:
        found = operations_of(ast.parse(Path(file).read_bytes()))
    except (OSError, SyntaxError, ValueError):
        found = []
    if len(found) == number:
        return [each.lineno for each in found]
    return [line_of_name(file, "operations")] * number


def _names_of(node: ast.stmt) -> list[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [each.id for each in targets if isinstance(each, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
