"""A migration's file as text: its operations one by one, and what stands beside its class."""

from __future__ import annotations

import ast
import functools
import importlib.util
import tokenize
from collections.abc import Iterator, Mapping
from typing import NoReturn, TypeAlias

from whimbrel.errors import WriteError, place
from whimbrel.history.migration import Migration
from whimbrel.history.node import Key, Node
from whimbrel.history.squash.name_use import uses_of

Import: TypeAlias = ast.Import | ast.ImportFrom
#: Statements of one line, mostly.
PLAIN = ast.Expr | ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete
#: How far the operations of a file are indented.
_INDENT = 8


class SquashSource:
    """The file of a migration that is squashed."""

    def __init__(self, node: Node, migration: Migration) -> None:
        assert node.path is not None
        self.key: Key = node.key
        self.node, self.migration = node, migration
        self.file = str(node.path)
        with tokenize.open(self.file) as file:
            self.text = file.read()
        self.tree = ast.parse(self.text)
        self.module = type(migration).__module__
        self.package = self.module.rpartition(".")[0]

    def refuse(self, why: str, node: ast.AST | None = None, hint: str | None = None) -> NoReturn:
        """Raises `WriteError` with the line of the file, and what to do by hand."""
        raise WriteError(why, place=self.place(node), hint=hint or BY_HAND)

    def place(self, node: ast.AST | None = None) -> str:
        """The file, with the line of a node in it."""
        return place(self.file, getattr(node, "lineno", None))

    # -- what stands at its top

    @functools.cached_property
    def bindings(self) -> Mapping[str, list[ast.stmt]]:
        """By name, the statements of the top level that give it what it is."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for name in dict.fromkeys(_names_bound_by(statement)):
                found.setdefault(name, []).append(statement)
        return found

    @functools.cached_property
    def stars(self) -> list[ast.ImportFrom]:
        """The imports of all that a module has."""
        return [
            each
            for each in self.tree.body
            if isinstance(each, ast.ImportFrom) and each.names[0].name == "*"
        ]

    def changes_of(self, name: str) -> Iterator[ast.stmt]:
        """The statements of the top level that change what a name stands for: ``NAMES.append(1)``.

        A loop, or another block, that does so in it is one. One that is about the class Migration
        is none: what it does to the class, the class has.
        """
        for each in self.tree.body:
            targets = [target for plain in _plain_in(each) for target in _targets_of(plain)]
            if any(name in self._reachable_names(target) for target in targets) and not (
                name in _names_bound_by(each)
                or (
                    not isinstance(each, PLAIN)
                    and any(use.name == "Migration" for use in uses_of(each))
                )
            ):
                yield each

    def _reachable_names(self, node: ast.AST) -> set[str]:
        """The names that code uses, and those that the file's functions do that it uses."""
        found: set[str] = set()
        waiting = [use.name for use in uses_of(node)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                for each in self.bindings.get(name, ()):
                    if isinstance(each, ast.FunctionDef):
                        waiting += [use.name for use in uses_of(each)]
        return found

    def absolute(self, statement: ast.ImportFrom) -> str:
        """The module that a statement imports from, by its full name."""
        name = "." * statement.level + (statement.module or "")
        return importlib.util.resolve_name(name, self.package) if statement.level else name

    # -- its operations

    @functools.cached_property
    def _class(self) -> ast.ClassDef | None:
        classes = (each for each in reversed(self.tree.body) if isinstance(each, ast.ClassDef))
        return next((each for each in classes if each.name == "Migration"), None)

    @functools.cached_property
    def class_names(self) -> frozenset[str]:
        """The names that the class gives to what is its own."""
        body = self._class.body if self._class else []
        return frozenset(name for each in body for name in _names_bound_by(each))

    @property
    def operations(self) -> ast.AST | None:
        """The statement, or what it gives, that says the operations."""
        body = self._class.body if self._class else []
        return next((each for each in body if "operations" in _names_bound_by(each)), self._class)

    @functools.cached_property
    def elements(self) -> list[ast.expr] | None:
        """Each operation as it is written; None where they are not written out one by one."""
        body = self._class.body if self._class else []
        match [each for each in body if "operations" in _names_bound_by(each)]:
            case [ast.Assign(targets=[ast.Name()], value=value)] | [ast.AnnAssign(value=value)]:
                if isinstance(value, ast.List | ast.Tuple):
                    is_whole = len(value.elts) == len(self.migration.operations)
                    has_star = any(isinstance(each, ast.Starred) for each in value.elts)
                    return value.elts if is_whole and not has_star else None
        return None

    # -- its text

    def segment(self, statement: ast.stmt) -> str:
        """A statement with its decorators and the comments right above it."""
        first, last = _first_line(statement), statement.end_lineno or statement.lineno
        others = (each for each in self.tree.body if each is not statement)
        if any(_first_line(each) <= last and (each.end_lineno or 0) >= first for each in others):
            return ast.get_source_segment(self.text, statement) or ast.unparse(statement)
        return "\n".join([*self._comments(first), *self._lines[first - 1 : last]])

    def element(self, node: ast.expr) -> str:
        """An operation, with the comments right above it, as it is to stand in another file."""
        line = self._lines[node.lineno - 1]
        begins = not line.encode()[: node.col_offset].strip()
        indent = node.col_offset if begins else len(line) - len(line.lstrip())
        segment = ast.get_source_segment(self.text, node)
        if segment is None:
            return ast.unparse(node)
        shown = _shift(node, segment, _INDENT - indent)
        if ast.dump(ast.parse(f"(\n{shown}\n)", mode="eval").body) != ast.dump(node):
            shown = ast.unparse(node)
        comments = [each.strip() for each in self._comments(node.lineno)] if begins else []
        return f"\n{' ' * _INDENT}".join([*comments, shown])

    @functools.cached_property
    def _lines(self) -> list[str]:
        # As the parser counts them; splitlines() knows more ends of lines than Python does.
        return self.text.split("\n")

    def _comments(self, line: int) -> list[str]:
        """The comments on the lines above a line."""
        first = line
        while first > 1 and self._lines[first - 2].lstrip().startswith("#"):
            first -= 1
        return self._lines[first - 1 : line - 1]


BY_HAND = (
    "Squash up to the migration before it and from the one after it; or move what it uses to a "
    "module of its own, which is no migration, and import it from there."
)


def _shift(node: ast.expr, segment: str, by: int) -> str:
    """An expression, further to the right or left; but not what is inside of strings."""
    inside = {
        line - node.lineno
        for each in ast.walk(node)
        if isinstance(each, ast.Constant | ast.JoinedStr)
        for line in range(each.lineno + 1, (each.end_lineno or each.lineno) + 1)
    }
    first, *rest = segment.split("\n")
    moved = [
        line if number in inside else _shift_line(line, by)
        for number, line in enumerate(rest, start=1)
    ]
    return "\n".join([first, *moved])


def _shift_line(line: str, by: int) -> str:
    if by >= 0:
        return f"{' ' * by}{line}" if line.strip() else line
    return line[min(-by, len(line) - len(line.lstrip())) :]


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _names_bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement of some level gives a value to, in it or in what is inside of it."""
    for use in uses_of(statement):
        match use.node:
            case ast.Name(ctx=ast.Store()) | ast.alias() | ast.ExceptHandler():
                yield use.name
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.MatchAs():
                yield use.name


def _plain_in(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The plain statements that are executed with one: itself, or those in its block."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        each = waiting.pop()
        if isinstance(each, PLAIN):
            yield each
        elif not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            waiting += ast.iter_child_nodes(each)


def _targets_of(statement: ast.stmt) -> list[ast.AST]:
    """Return the nodes that a plain statement may change: parts of a call, owners of what is assigned."""
    match statement:
        case ast.Expr(value=ast.Call() as call):
            return [call]
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return [*targets]
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [target]
    return []
