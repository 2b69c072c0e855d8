"""The digest of a function's code, whatever its layout.

Only what stands in the migration's own file counts: its function, and what that uses of the
same file. What it imports from elsewhere may change without the migration being edited.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from whimbrel.bytecode import parse_file

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: What says nothing of what the code does. ``kind``: the u of u"".
_UNTOLD = frozenset({"ctx", "type_comment", "kind"})


def body_of(function: Callable[..., Any]) -> Any:
    """The code of a function and of what it uses of its file, as JSON can say it.

    None where there is no source to read.
    """
    found = nodes_of(function)
    if found is None:
        return None
    own, used = found
    return [[_form(node) for node in own], {name: _form(node) for name, node in used.items()}]


def nodes_of(
    function: Callable[..., Any],
) -> tuple[Sequence[ast.AST], Mapping[str, ast.stmt]] | None:
    """The definition of a function, and by their names those that it uses of its file.

    None where there is no source to read.
    """
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    tree = parse_file(code.co_filename) if code is not None else None
    if code is None or tree is None:
        return None
    own = _find_definitions(tree, code.co_name, code.co_firstlineno)
    defined = definitions(tree)
    return own, {name: defined[name] for name in sorted(names_used_by(own, defined))}


def _find_definitions(tree: ast.Module, name: str, line: int) -> list[ast.AST]:
    """The definition that begins on a line; of lambdas there may be several."""
    if name == "<lambda>":
        return [
            each for each in ast.walk(tree) if isinstance(each, ast.Lambda) and each.lineno == line
        ]
    return [
        each
        for each in ast.walk(tree)
        if isinstance(each, _DEFINITIONS) and each.name == name and _first_line(each) == line
    ]


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def definitions(tree: ast.Module) -> Mapping[str, ast.stmt]:
    """Return the definitions on the file's top level, by name, but for the migration itself."""
    return {name: node for node in tree.body for name in _names_of(node) if name != "Migration"}


def _names_of(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign(targets=targets):
            inner = (each for target in targets for each in ast.walk(target))
            return [each.id for each in inner if isinstance(each, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def names_used_by(own: Sequence[ast.AST], defined: Mapping[str, ast.stmt]) -> set[str]:
    """The names, of what is defined, of what these use of it, and of what that uses."""
    found: set[str] = set()
    fresh: list[ast.AST] = list(own)
    while fresh:
        node = fresh.pop()
        names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        new = {name for name in names & defined.keys() if name not in found}
        found |= new
        fresh += [defined[name] for name in sorted(new) if defined[name] not in own]
    return {name for name in found if defined[name] not in own}


def _form(node: ast.AST) -> Any:
    """A node as lists and strings: what it has, and nothing of what it has not.

    So a later Python, whose nodes have more, says the same of the same code.
    """
    fields = {name: _part(value) for name, value in _fields(node)}
    return [type(node).__name__, {name: value for name, value in fields.items() if value != []}]


def _fields(node: ast.AST) -> Iterator[tuple[str, Any]]:
    for name, value in ast.iter_fields(node):
        if name in _UNTOLD or (value is None and not isinstance(node, ast.Constant)):
            continue
        yield name, _without_docstring(value) if name == "body" else value


def _without_docstring(body: Any) -> Any:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body


def _part(value: Any) -> Any:
    if isinstance(value, ast.AST):
        return _form(value)
    if isinstance(value, list):
        return [_part(each) for each in value]
    return value if isinstance(value, str) else repr(value)
