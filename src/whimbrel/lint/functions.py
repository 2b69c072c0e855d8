"""Functions of RunPython, as trees: what they do to tables, read and not run."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from whimbrel.history.function_digest import nodes_of


@dataclass(frozen=True)
class Code:
    """The code of a function. nodes: its definition, and what it uses of its file. file: where it is.

    names: what its file's names stand for.
    """

    file: str
    nodes: tuple[ast.AST, ...]
    names: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)


def code_of(function: Callable[..., Any]) -> Code | None:
    """Return the code of a function; None where there is no source to read."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    found = nodes_of(function)
    if found is None:
        return None
    own, used = found
    return Code(function.__code__.co_filename, (*own, *used.values()), function.__globals__)


def sql_in(code: Code) -> Iterator[str]:
    """Return the statements that code sends as they stand: ``schema_editor.execute("...")``."""
    for node in (each for top in code.nodes for each in ast.walk(top)):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="execute"), args=[ast.Constant(value=str(sql)), *_]
            ):
                yield sql


@dataclass(frozen=True)
class Query:
    """A use of a historical model's rows. model: "blog.Post", or the name in the code.

    calls: each method of the chain, with its call; the last may be ``""``: the rows are iterated over.
    """

    model: str
    calls: tuple[tuple[str, ast.Call | None], ...]
    node: ast.expr

    @property
    def is_write(self) -> bool:
        """True if it is one statement that writes rows."""
        return self.calls[-1][0] in ("update", "delete")

    @property
    def text(self) -> str:
        """The chain as Python, cut where it is long."""
        line = " ".join(ast.unparse(self.node).split())
        return line if len(line) <= 70 else f"{line[:69]}…"


#: Managers of a historical model.
_MANAGERS = ("objects", "_default_manager", "_base_manager")
#: Functions of Python's that go through all that they are given.
_CONSUMERS = ("list", "tuple", "set", "sorted", "dict", "enumerate", "frozenset")


def queries_of(code: Code) -> Iterator[Query]:
    """Return the queries that write rows in one statement, or go through rows one by one."""
    for node in code.nodes:
        chains = _Chains()
        # In the order of the lines, so that a name has its value before it is used.
        for each in _walk(node):
            chains.learn(each)
            yield from chains.used_by(each)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _walk(child)


class _Chains:
    """The names of a function that stand for models and querysets, as far as it has been read."""

    def __init__(self) -> None:
        self.models: dict[str, str] = {}
        self.querysets: dict[str, Query] = {}

    def learn(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                model, query = self._model(value), self._query(value)
                self.models.pop(name, None)
                self.querysets.pop(name, None)
                if model is not None:
                    self.models[name] = model
                elif query is not None:
                    self.querysets[name] = query

    def used_by(self, node: ast.AST) -> Iterator[Query]:
        match node:
            case ast.For(iter=source) | ast.AsyncFor(iter=source) | ast.comprehension(iter=source):
                yield from self._iterated(source)
            case ast.Call(func=ast.Name(id=name), args=[source, *_]) if name in _CONSUMERS:
                yield from self._iterated(source)
            case ast.Call(func=ast.Attribute(attr="update" | "delete" | "aupdate" | "adelete")):
                query = self._query(node)
                if query is not None:
                    name, call = query.calls[-1]
                    last = (name.removeprefix("a"), call)
                    yield Query(query.model, (*query.calls[:-1], last), node)

    def _iterated(self, source: ast.expr) -> Iterator[Query]:
        query = self._query(source)
        if (
            query is not None
            and query.calls[-1:]
            and query.calls[-1][0] not in ("update", "delete")
        ):
            yield Query(query.model, (*query.calls, ("", None)), source)

    def _model(self, node: ast.expr) -> str | None:
        """The model that an expression stands for: apps.get_model("blog", "Post")."""
        match node:
            case ast.Name(id=name):
                return self.models.get(name)
            case ast.Call(func=ast.Attribute(attr="get_model"), args=args, keywords=keywords):
                every = [*args, *(each.value for each in keywords)]
                given = [each.value for each in every if isinstance(each, ast.Constant)]
                return ".".join(map(str, given)) if len(given) == len(every) else "?"
        return None

    def _query(self, node: ast.expr) -> Query | None:
        """The queryset that an expression stands for; None for anything else."""
        match node:
            case ast.Name(id=name):
                return self.querysets.get(name)
            case ast.Attribute(value=value, attr=attr) if attr in _MANAGERS:
                model = self._model(value)
                return Query(model, (), node) if model is not None else None
            case ast.Call(func=ast.Attribute(value=value, attr=method)):
                inner = self._query(value)
                return inner and Query(inner.model, (*inner.calls, (method, node)), node)
            case ast.Subscript(value=value, slice=ast.Slice(upper=ast.expr())):
                inner = self._query(value)
                return inner and Query(inner.model, (*inner.calls, ("[:]", None)), node)
        return None
