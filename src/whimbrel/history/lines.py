"""Where in a file a name gets its value: for errors that are found after the import."""

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
        if isinstance(node, ast.stmt) and name in _named_by(node)
    )
    return next(lines, None)


def _named_by(node: ast.stmt) -> list[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [each.id for each in targets if isinstance(each, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
