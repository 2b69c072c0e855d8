"""Old files that name classes of types and fields: found, and rewritten as what they are to databases.

Every byte that need not change stays. The digest stays too: the class `Migration` gets ``frozen``, with
the digest that the file had and the one that its new text has by itself (see `Migration.digest_of`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whimbrel.history.file_edit import _File, _line_break, _line_start
from whimbrel.history.imports import is_standard
from whimbrel.history.writer import source_of
from whimbrel.schema.foreign import is_foreign_class
from whimbrel.schema.types import describe, is_sqlalchemy_type
from whimbrel.state.fields.base import Field, in_own_words, is_own

_BY_HAND = "Write by hand what the class is to the database: models.Field(sa.Integer()), for one."


@dataclass(frozen=True)
class NamedClass:
    """A place where a file names a class of a type or of a field.

    name: as the file has it. text: what to write instead, which needs these imports.
    """

    name: str
    line: int
    span: tuple[int, int]
    text: str
    imports: tuple[str, ...]


def may_name_classes(text: str) -> bool:
    """True if a file imports anything but Python's, SQLAlchemy's and Whimbrel's modules."""
    modules = re.findall(r"^[ \t]*(?:from|import)[ \t]+([\w.]+)", text, re.MULTILINE)
    tops = {each.partition(".")[0] for each in modules}
    return any(top not in ("sqlalchemy", "whimbrel") and not is_standard(top) for top in tops)


def find_classes(text: str, module: Any, place: str | None = None) -> list[NamedClass]:
    """The places at which a file names classes, in their order; what stands in functions is left alone.

    ``module``: what the text was imported as. Raises `WriteError` for what cannot be said otherwise.
    """
    file = _File(text, place, _BY_HAND)
    return list(_Finder(file, vars(module)).find_names(file.tree))


def with_frozen_types(text: str, named: list[NamedClass], place: str | None = None) -> str:
    """The text with the classes exchanged, and with the imports that it needs now."""
    for each in sorted(named, key=lambda each: each.span, reverse=True):
        text = text[: each.span[0]] + each.text + text[each.span[1] :]
    text = _without_imports(text, {each.name.partition(".")[0] for each in named}, place)
    for line in dict.fromkeys(line for each in named for line in each.imports if line):
        text = _with_import(text, line, place)
    return text


def with_digests(text: str, before: str, after: str, place: str | None = None) -> str:
    """The text that says which digest it had, and which one it has by itself."""
    file = _File(text, place, f'Put `frozen = ("{before}", "{after}")` into its class by hand.')
    there = file.statement("frozen")
    if there is not None:
        start, end = file.span(file.value(there))
        return text[:start] + _pair(text, start, before, after) + text[end:]
    below = file.statement("operations") or file.migration.body[-1]
    line = _line_start(text, file.span(below)[0])
    indent = text[line : file.span(below)[0]]
    if indent.strip():
        file.refuse("its class stands on one line, and cannot be edited", below)
    ends = _line_break(text)
    said = f"{indent}frozen = {_pair(text, line, before, after, indent)}{ends}{ends}"
    return text[:line] + said + text[line:]


def _pair(text: str, at: int, before: str, after: str, indent: str | None = None) -> str:
    if indent is None:
        line = text[_line_start(text, at) : at]
        indent = line[: len(line) - len(line.lstrip())]
    end = _line_break(text)
    return f'({end}{indent}    "{before}",{end}{indent}    "{after}",{end}{indent})'


# -- finding ----------------------------------------------------------------------------------


class _Finder:
    """Looks through a file whose names mean what its module has."""

    def __init__(self, file: _File, names: Mapping[str, Any]) -> None:
        self.file, self.names = file, names

    def find_names(self, node: ast.AST) -> Iterator[NamedClass]:
        """Return the names in a node, the outermost first."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        if isinstance(node, ast.Call | ast.Attribute | ast.Name) and self._is_named(node):
            yield self._rewrite(node)
            return
        inner = [each for child in ast.iter_child_nodes(node) for each in self.find_names(child)]
        if inner and isinstance(node, ast.Call) and self._changes_its_default(node):
            yield self._rewrite(node, inner[0].name)
        else:
            yield from inner

    def _is_named(self, node: ast.expr) -> bool:
        kind = self._resolve(_head(node))
        if isinstance(kind, type) and issubclass(kind, Field):
            return isinstance(node, ast.Call) and not is_own(kind)
        if not is_sqlalchemy_type(kind):
            return False
        kind = kind if isinstance(kind, type) else type(kind)
        return kind.__module__ != self.names.get("__name__") and is_foreign_class(kind)

    def _changes_its_default(self, node: ast.Call) -> bool:
        """True if a field's default was said in the words of its type, and not as the column has it."""
        kind = self._resolve(_head(node))
        if not isinstance(kind, type) or not issubclass(kind, Field):
            return False
        field = self._value(node)
        return bool(field.naming_classes().column_default() != field.column_default())

    def _resolve(self, name: str) -> Any:
        """Return the value of a dotted name; None where there is none."""
        first, *rest = name.split(".")
        found = self.names.get(first)
        for each in rest:
            found = getattr(found, each, None)
        return found

    def _value(self, node: ast.expr) -> Any:
        # It was carried out before, when the file was imported.
        return eval(compile(ast.Expression(node), "<migration>", "eval"), dict(self.names))

    def _rewrite(self, node: ast.expr, name: str = "") -> NamedClass:
        value = self._value(node)
        made = in_own_words(value).frozen() if isinstance(value, Field) else describe(value)
        text, imports = source_of(made)
        span = self.file.span(node)
        needed = tuple(line for line in imports if not self._has(line))
        return NamedClass(
            name or _head(node), node.lineno, span, self._laid_out(text, span), needed
        )

    def _has(self, line: str) -> bool:
        """True if the file has what an import gives. Raises `WriteError` where its name is taken."""
        space: dict[str, Any] = {}
        exec(line, space)
        for name, value in space.items():
            if name != "__builtins__" and self.names.get(name, value) is not value:
                self.file.refuse(f"it calls something of its own {name!r}")
            if name != "__builtins__" and name not in self.names:
                return False
        return True

    def _laid_out(self, text: str, span: tuple[int, int]) -> str:
        """Source of several lines, below the line that it begins on."""
        line = self.file.text[_line_start(self.file.text, span[0]) : span[0]]
        indent = " " * (len(line) - len(line.lstrip()))
        return text.replace("\n", _line_break(self.file.text) + indent)


def _head(node: ast.expr) -> str:
    """The dotted name that is called, past ``with_variant``; an empty one where there is none."""
    while True:
        match node:
            case ast.Call(func=func):
                node = func
            case ast.Attribute(value=value, attr="with_variant"):
                node = value
            case ast.Name() | ast.Attribute():
                shown = ast.unparse(node)
                return shown if re.fullmatch(r"[\w.]+", shown) else ""
            case _:
                return ""


# -- imports ----------------------------------------------------------------------------------


def _without_imports(text: str, names: set[str], place: str | None) -> str:
    """The text without the imports of these names, where nothing uses them any more."""
    file = _File(text, place, _BY_HAND)
    used = {each.id for each in ast.walk(file.tree) if isinstance(each, ast.Name)}
    gone = names - used
    for node in reversed(file.tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom) and file.stands_alone(node):
            kept = [
                each
                for each in node.names
                if (each.asname or each.name.partition(".")[0]) not in gone
            ]
            start, end = file.lines_of(node)
            if not kept:
                text = text[:start] + text[end:]
            elif len(kept) < len(node.names):
                start, end = file.span(node)
                text = text[:start] + _statement(node, kept) + text[end:]
    return text


def _statement(node: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> str:
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(names))
    return ast.unparse(ast.ImportFrom(node.module, names, node.level))


def _with_import(text: str, line: str, place: str | None) -> str:
    """The text with one import more: in the statement for its module, else at its place in the order."""
    file = _File(text, place, f"Put `{line}` at its top by hand.")
    [new] = ast.parse(line).body
    assert isinstance(new, ast.Import | ast.ImportFrom)
    there = [each for each in file.tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    if not there:
        file.refuse("it imports nothing")
    same = [each for each in there if isinstance(new, ast.ImportFrom) and _same_module(each, new)]
    if same:
        start, end = file.span(same[0])
        names = sorted([*same[0].names, *new.names], key=lambda each: each.name)
        return text[:start] + _statement(same[0], names) + text[end:]
    after = [each for each in there if _module(each) > _module(new) and not _is_early(each)]
    at = file.lines_of(after[0])[0] if after else file.lines_of(there[-1])[1]
    return text[:at] + line + _line_break(text) + text[at:]


def _same_module(one: ast.Import | ast.ImportFrom, other: ast.ImportFrom) -> bool:
    """True if a statement on one line imports from the same module."""
    is_short = isinstance(one, ast.ImportFrom) and one.lineno == one.end_lineno
    return is_short and _module(one) == _module(other)


def _is_early(node: ast.Import | ast.ImportFrom) -> bool:
    return _module(node).startswith("__") or is_standard(_module(node))


def _module(node: ast.Import | ast.ImportFrom) -> str:
    if isinstance(node, ast.ImportFrom):
        return node.module or ""
    return node.names[0].name
