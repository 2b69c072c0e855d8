"""Where the models of an Alembic project are: what env.py calls ``target_metadata``, unrun."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from whimbrel.commands.adopt.environment import Target
from whimbrel.commands.adopt.project import package_folders
from whimbrel.commands.adopt.revisions import parsed
from whimbrel.errors import UsageError

#: What every env.py imports, and what holds no models.
_NOT_MODELS = frozenset(
    {"alembic", "sqlalchemy", "logging", "os", "sys", "pathlib", "asyncio", "typing", "__future__"}
)


def named_in(env: Path, root: Path) -> list[Target]:
    """The models that the text of an env.py names. Raises `UsageError` where that cannot be seen."""
    reader = _Reader(parsed(env), root)
    value = reader.values.get("target_metadata")
    targets = tuple(reader.targets(value)) if value is not None else ()
    if not targets:
        said = f"is `{ast.unparse(value)}`" if value is not None else "is not set"
        line = f":{value.lineno}" if value is not None else ""
        raise UsageError(
            f"target_metadata {said}, which does not show where the models are",
            place=f"{env}{line}",
            hint="Name what holds them, the declarative base or its MetaData: "
            "whimbrel adopt alembic --models acme.db:Base",
        )
    modules = tuple(reader.modules())
    return [Target((name,), None, modules, frozenset(), ()) for name in targets]


@dataclass
class _Reader:
    """What the names in a module stand for."""

    module: ast.Module
    root: Path
    values: dict[str, ast.expr] = field(default_factory=dict)
    #: By name: the dotted path that an import gives it.
    imports: dict[str, str] = field(default_factory=dict)
    #: Every dotted path that is imported in any case, as it is written.
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for top in self.module.body:
            if isinstance(top, ast.Import):
                self.paths += [alias.name for alias in top.names]
            elif isinstance(top, ast.ImportFrom) and top.module and not top.level:
                self.paths += [f"{top.module}.{alias.name}" for alias in top.names]
        for node in _outside_functions(self.module):
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                self._import_from(node, node.module)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [each.id for each in targets if isinstance(each, ast.Name)]
                self.values.update(dict.fromkeys(names, node.value))

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            first = alias.name.partition(".")[0]
            self.imports[alias.asname or first] = alias.name if alias.asname else first
            self.paths.append(alias.name)

    def _import_from(self, node: ast.ImportFrom, module: str) -> None:
        for alias in node.names:
            self.imports[alias.asname or alias.name] = f"{module}.{alias.name}"

    def targets(self, value: ast.expr, depth: int = 0) -> Iterator[str]:
        """The targets that an expression names; nothing where it does not say."""
        if isinstance(value, ast.List | ast.Tuple):
            for each in value.elts:
                yield from self.targets(each, depth)
            return
        chain = _chain(value)
        if not chain or depth > 9:
            return
        first, *rest = chain
        if first in self.imports:
            path = [*self.imports[first].split("."), *rest]
            yield from self._target(path)
        elif first in self.values:
            for found in self.targets(self.values[first], depth + 1):
                yield _with_attributes(found, rest)

    def _target(self, path: list[str]) -> Iterator[str]:
        module, attributes = self._parted(path)
        if module and attributes:
            yield _with_attributes(module, attributes)

    def _parted(self, path: list[str]) -> tuple[str, list[str]]:
        """A dotted path as the longest module that there is, and what is looked up in it."""
        for length in range(len(path), 0, -1):
            module = ".".join(path[:length])
            if is_module(module, self.root):
                return module, path[length:]
        return "", []

    def modules(self) -> Iterator[str]:
        """The modules of the project, or of others, that it imports for their models."""
        found = (self._parted(path.split("."))[0] for path in self.paths)
        for module in dict.fromkeys(found):
            if module and module.partition(".")[0] not in _NOT_MODELS:
                yield module


def is_module(name: str, root: Path) -> bool:
    """Whether there is a module of that name, found without importing anything."""
    parent, _, last = name.rpartition(".")
    if not parent:
        places = [root, root / "src"]
        there = any((each / f"{last}.py").is_file() for each in places)
        return there or any(each.is_dir() for each in package_folders(last, root)) or _is_file(last)
    return any(
        (folder / f"{last}.py").is_file() or (folder / last).is_dir()
        for folder in package_folders(parent, root)
    )


def _is_file(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is imported, under conditions too."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child
            yield from _outside_functions(child)


def _chain(value: ast.expr) -> list[str]:
    """The names of ``a.b.c``; nothing for any other expression."""
    names: list[str] = []
    while isinstance(value, ast.Attribute):
        names.append(value.attr)
        value = value.value
    return [value.id, *reversed(names)] if isinstance(value, ast.Name) else []


def _with_attributes(found: str, more: list[str]) -> str:
    """ "module:attribute" with more attributes; the metadata of a base is the base's own name."""
    module, colon, attribute = found.partition(":")
    names = [*(attribute.split(".") if colon else ()), *more]
    if len(names) > 1 and names[-1] == "metadata":
        names.pop()
    return f"{module}:{'.'.join(names)}"
