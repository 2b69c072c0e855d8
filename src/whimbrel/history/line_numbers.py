"""The lines of a file on which names get their values: for errors found after the import."""

from __future__ import annotations

import ast

from whimbrel.bytecode import parse_file


def line_of_name(file: str, name: str) -> int | None:
    """The line on which a file gives a name its value, at its top or in its class Migration."""
    tree = parse_file(file)
    statements = (
        node for node in ast.walk(tree or ast.Module([], [])) if isinstance(node, ast.stmt)
    )
    return next((node.lineno for node in statements if name in _names_of(node)), None)


def lines_of_operations(file: str, number: int) -> list[int | None]:
    """The line on which each of a file's operations begins, where it can be told."""
    # Late, since it is for findings alone.
    from whimbrel.history.source_diff import operations_of

    tree = parse_file(file)
    found = operations_of(tree) if tree else []
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
