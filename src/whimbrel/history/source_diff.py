"""Two texts of a migration file: what they do differently, for people. Nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import TypeAlias

from whimbrel.history.function_digest import definitions, names_used_by

#: Longer expressions are broken, one argument to a line.
WIDTH = 88
#: No difference has more lines than this.
LONGEST = 40

#: "-", "+" or " " and a line.
_Signed: TypeAlias = tuple[str, str]


def differences(before: str, after: str) -> list[str]:
    """Return the difference of what a file did and does: lines that begin with ``-``, ``+`` or two spaces.

    Operations are compared in normal form, with the functions that they use. Empty where both
    say the same: what they import has changed, then. Raises `SyntaxError` for what is not Python.
    """
    old, new = _lines(ast.parse(before)), _lines(ast.parse(after))
    found = [f"{sign} {line}" for sign, line in _around(_diff_lines(old, new))]
    if len(found) <= LONGEST:
        return found
    return [*found[: LONGEST - 1], f"  ... and {len(found) - LONGEST + 1} more lines"]


def operations_of(tree: ast.Module) -> list[ast.expr]:
    """The expressions in a file's ``operations``; one, where they are not written as a list."""
    for owner in tree.body:
        if isinstance(owner, ast.ClassDef) and owner.name == "Migration":
            for each in owner.body:
                match each:
                    case (
                        ast.Assign(targets=[ast.Name(id="operations")], value=ast.expr() as made)
                        | ast.AnnAssign(target=ast.Name(id="operations"), value=ast.expr() as made)
                    ):
                        return made.elts if isinstance(made, ast.List | ast.Tuple) else [made]
    return []


def _lines(tree: ast.Module) -> list[str]:
    """Return the lines of a file's operations, and of what they use of it."""
    operations = operations_of(tree)
    defined = definitions(tree)
    lines = [line for each in operations for line in _broken(each)]
    for name in sorted(names_used_by(operations, defined), key=lambda name: defined[name].lineno):
        lines += ast.unparse(_without_docstring(defined[name])).strip().splitlines()
    return lines


def _without_docstring(node: ast.stmt) -> ast.stmt:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        match node.body:
            case [ast.Expr(value=ast.Constant(value=str())), first, *rest]:
                node.body = [first, *rest]
    return node


def _broken(node: ast.expr, indent: str = "", label: str = "", end: str = "") -> Iterator[str]:
    """An expression, one argument to a line where it is long."""
    line = f"{indent}{label}{ast.unparse(node)}{end}"
    opening, parts, closing = _parts(node)
    if len(line) <= WIDTH or not parts:
        yield line
        return
    yield f"{indent}{label}{opening}"
    for name, part in parts:
        yield from _broken(part, f"{indent}    ", name, ",")
    yield f"{indent}{closing}{end}"


def _parts(node: ast.expr) -> tuple[str, list[tuple[str, ast.expr]], str]:
    """Return the beginning of an expression, its parts with the text before each, and its end."""
    match node:
        case ast.Call():
            named = [(f"{each.arg}=" if each.arg else "**", each.value) for each in node.keywords]
            given = [("", each) for each in node.args]
            return f"{ast.unparse(node.func)}(", [*given, *named], ")"
        case ast.List():
            return "[", [("", each) for each in node.elts], "]"
        case ast.Tuple():
            return "(", [("", each) for each in node.elts], ")"
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return "{", [(f"{ast.unparse(k)}: " if k else "**", v) for k, v in pairs], "}"
    return "", [], ""


def _diff_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[_Signed]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            yield from ((" ", line) for line in old[start:end])
        else:
            yield from (("-", line) for line in old[start:end])
            yield from (("+", line) for line in new[new_start:new_end])


def _around(lines: Iterator[_Signed]) -> Iterator[_Signed]:
    """The lines that differ, each below the lines that open what it stands in."""
    open_lines: list[_Signed] = []
    for sign, line in lines:
        depth = _depth(line)
        open_lines = [each for each in open_lines if _depth(each[1]) < depth]
        if sign == " ":
            open_lines.append((sign, line))
        else:
            yield from open_lines
            open_lines = []
            yield sign, line


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
