"""The names that a piece of a module takes from the module, and code with other names for them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Use(NamedTuple):
    """A name of the module, and the node in which it stands."""

    name: str
    node: ast.AST


@dataclass
class _Scope:
    """The names that a function, class or comprehension has for itself."""

    own: set[str] = field(default_factory=set)
    of_module: set[str] = field(default_factory=set)
    is_class: bool = False


def uses_of(node: ast.AST) -> list[Use]:
    """Return the places at which a piece of a module's top level uses or makes the module's names."""
    visitor = _Uses()
    visitor.visit(node)
    return visitor.found


class _Uses(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[Use] = []
        self.scopes: list[_Scope] = []

    def _use(self, name: str | None, node: ast.AST) -> None:
        if name is not None and self._is_of_module(name):
            self.found.append(Use(name, node))

    def _is_of_module(self, name: str) -> bool:
        for depth, scope in enumerate(reversed(self.scopes)):
            if name in scope.of_module:
                return True
            if name in scope.own and (depth == 0 or not scope.is_class):
                return False
        return True

    def _inside(self, scope: _Scope, nodes: Iterable[ast.AST]) -> None:
        self.scopes.append(scope)
        for node in nodes:
            self.visit(node)
        self.scopes.pop()

    def _each(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    # -- what names something

    def visit_Name(self, node: ast.Name) -> None:
        self._use(node.id, node)

    def visit_Global(self, node: ast.Global) -> None:
        self.found += [Use(name, node) for name in node.names]

    def visit_alias(self, node: ast.alias) -> None:
        self._use(node.asname or node.name.partition(".")[0], node)

    def _named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        self._use(node.name, node)
        self.generic_visit(node)

    visit_ExceptHandler = visit_MatchAs = visit_MatchStar = _named

    # -- scopes

    def _function(self, node: Function) -> None:
        self._use(node.name, node)
        self._each(node.decorator_list)
        self.scopes.append(_type_parameters(node))
        self._arguments(node.args)
        self._each([node.returns])
        self._inside(_scope_of(node.body, _names_of_arguments(node.args)), node.body)
        self.scopes.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._arguments(node.args)
        scope = _scope_of([node.body], _names_of_arguments(node.args))
        self._inside(scope, [node.body])

    def _arguments(self, arguments: ast.arguments) -> None:
        """Defaults and annotations belong to what is around."""
        self._each([*arguments.defaults, *arguments.kw_defaults])
        self._each(each.annotation for each in _each_argument(arguments))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._use(node.name, node)
        self._each(node.decorator_list)
        self.scopes.append(_type_parameters(node))
        self._each([*node.bases, *node.keywords])
        scope = _scope_of(node.body, ())
        scope.is_class = True
        self._inside(scope, node.body)
        self.scopes.pop()

    def _comprehension(self, node: Any) -> None:
        first, *rest = node.generators
        self.visit(first.iter)
        names = {name for each in node.generators for name in _stored_names(each.target)}
        inner = [first.target, *first.ifs, *rest]
        values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._inside(_Scope(names), [*inner, *values])

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension


def _type_parameters(node: Function | ast.ClassDef) -> _Scope:
    """The names in brackets behind a name: ``def first[T](...)``, from Python 3.12 on."""
    return _Scope({each.name for each in getattr(node, "type_params", ())})


def _scope_of(body: Iterable[ast.AST], arguments: Iterable[str]) -> _Scope:
    scope = _Scope(set(arguments))
    for node in (each for part in body for each in _of_one_scope(part)):
        match node:
            case ast.Global(names=names):
                scope.of_module.update(names)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                scope.own.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                scope.own.add(node.name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                scope.own.add(name)
            case ast.MatchStar(name=str(name)):
                scope.own.add(name)
            case ast.alias(name=name, asname=asname):
                scope.own.add(asname or name.partition(".")[0])
    scope.own -= scope.of_module
    return scope


def _of_one_scope(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, but for what is in scopes of its own."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    if isinstance(node, _COMPREHENSIONS):
        # But what := gives a name belongs to the function around.
        yield from (each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
        return
    for child in ast.iter_child_nodes(node):
        yield from _of_one_scope(child)


def _each_argument(arguments: ast.arguments) -> list[ast.arg]:
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [*found, *(each for each in (arguments.vararg, arguments.kwarg) if each is not None)]


def _names_of_arguments(arguments: ast.arguments) -> list[str]:
    return [each.arg for each in _each_argument(arguments)]


def _stored_names(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id


# -- other names -----------------------------------------------------------------------------


def rename_names(source: str, names: Mapping[str, str]) -> str:
    """Statements of a module's top level, in which names of the module are others.

    The text stays as it is but for them, wherever that can be done to the letter; else it is
    written anew from what it says, without its comments.
    """
    tree = ast.parse(source)
    uses = [use for use in uses_of(tree) if names.get(use.name, use.name) != use.name]
    if not uses:
        return source
    edited = _replace_names(source, uses, names)
    for use in uses:
        _rename(use, names)
    return edited if _says(edited, tree) else ast.unparse(tree)


def _says(source: str, tree: ast.Module) -> bool:
    try:
        return ast.dump(ast.parse(source)) == ast.dump(tree)
    except SyntaxError:
        return False


def _rename(use: Use, names: Mapping[str, str]) -> None:
    new = names[use.name]
    match use.node:
        case ast.Name() as node:
            node.id = new
        case ast.Global() as node:
            node.names = [new if name == use.name else name for name in node.names]
        case ast.alias() as node:
            node.asname = new
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() as node:
            node.name = new
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() as node:
            node.name = new


def _replace_names(source: str, uses: Iterable[Use], names: Mapping[str, str]) -> str:
    """The text with names exchanged where they stand; where they cannot be found, it is wrong."""
    lines = source.encode().split(b"\n")
    for use in sorted(uses, key=_place, reverse=True):
        line, column = _place(use)
        old, new = use.name.encode(), names[use.name].encode()
        rest = lines[line][column:]
        if isinstance(use.node, ast.Name):
            start = 0 if rest.startswith(old) else -1
        else:
            found = re.match(rb"(?:async\s+)?(?:def|class)\s+(?=" + old + rb"\b)", rest)
            start = found.end() if found else -1
        if start >= 0:
            at = column + start
            lines[line] = lines[line][:at] + new + lines[line][at + len(old) :]
    return b"\n".join(lines).decode()


def _place(use: Use) -> tuple[int, int]:
    node: Any = use.node
    return node.lineno - 1, node.col_offset
