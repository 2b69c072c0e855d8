"""Code that goes along into a squash: operations as they are written, and all that they use.

The new file must import without the old ones. So what an operation names at the top of its file
comes along, and what that names in turn; where two files mean different things by one name, each
gets the number of its migration behind it.
"""

from __future__ import annotations

import ast
import builtins
import functools
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from whimbrel.errors import WriteError
from whimbrel.history.imports import Imports, is_standard
from whimbrel.history.node import Key
from whimbrel.history.squash.file_source import PLAIN, SquashSource
from whimbrel.history.squash.name_use import rename_names, uses_of
from whimbrel.history.squash.optimizer import Original

_MODULE_NAMES = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__", "__package__"}


#: An import statement: the module, what of it (None: itself), and under which name (None: its own).
Imported: TypeAlias = tuple[str, str | None, str | None]


class Meaning(NamedTuple):
    """The meaning of a name. ``kind``: "import", "import as", "from", "own" of a file, "elsewhere".

    ``module``: the module, or the file's migration; ``name``: what of it. From elsewhere come what
    Python knows by itself, and what is imported by a star.
    """

    kind: str
    module: str
    name: str


class Transfer:
    """Gathers what is used of the files of some migrations, and gives it names.

    ``taken``: what the new file's own imports mean by their names. Two passes are needed: the
    first finds what is used, and only then is it known which names would collide.
    """

    def __init__(
        self, sources: Sequence[SquashSource], names: Mapping[Meaning, str] | None = None
    ) -> None:
        self._sources = {source.key: source for source in sources}
        self._modules = {source.module: source for source in sources}
        self._names = names or {}
        #: What each name of a file stands for, and the name that each meaning had first.
        self.meanings: dict[tuple[Key, str], Meaning] = {}
        self._first_names: dict[Meaning, tuple[str, Key]] = {}
        #: The statements that come along, by file and place in it.
        self._statements: set[tuple[Key, int]] = set()
        self.imports: set[Imported] = set()

    # -- operations and values

    def operation(self, original: Original) -> str | None:
        """An operation as it is written; None where its text cannot be told, or not be taken along."""
        source = self._sources[original.key]
        elements = source.elements
        if elements is None:
            return None
        element = elements[original.index]
        uses = uses_of(element)
        if any(use.name in source.class_names for use in uses):
            return None
        self._need_all(source, element)
        shown = rename_names(f"(\n{source.element(element)}\n)", self._new_names(source))
        return shown[2:-2] if shown.startswith("(\n") else shown

    def name_of(self, value: Any) -> str | None:
        """Return the name in the new file of a value of one of the old ones; None for any other value."""
        source = self._modules.get(getattr(value, "__module__", None) or "")
        if source is None:
            return None
        name = getattr(value, "__qualname__", "")
        if (
            name not in source.bindings
            or getattr(sys.modules.get(source.module), name, None) is not value
        ):
            raise WriteError(
                f"{name or value!r} cannot be taken along: it has no name at the top of its file",
                place=source.place(),
                hint="Write a `def` at the top of the file, and use that.",
            )
        self._need(source, name, None)
        meaning = self.meanings.get((source.key, name))
        return self._name(meaning) if meaning is not None else name

    def _name(self, meaning: Meaning) -> str:
        return self._names.get(meaning) or self._first_names[meaning][0]

    def _new_names(self, source: SquashSource) -> dict[str, str]:
        return {
            name: self._name(meaning)
            for (key, name), meaning in self.meanings.items()
            if key == source.key
        }

    # -- what is used

    def _need_all(self, source: SquashSource, node: ast.AST) -> None:
        self._refuse_imports_by_name(source, node)
        for use in uses_of(node):
            self._need(source, use.name, use.node)

    def _need(self, source: SquashSource, name: str, at: ast.AST | None) -> None:
        """A name, and all that it stands for."""
        if (source.key, name) in self.meanings:
            return
        if name == "Migration":
            source.refuse("it uses its own class Migration, which does not come along", at)
        found = source.bindings.get(name, [])
        elsewhere = None if found else Meaning("elsewhere", "", name)
        imported = elsewhere or self._imported_meaning(source, name, found)
        meaning = imported or Meaning("own", "/".join(source.key), name)
        self.meanings[source.key, name] = meaning
        self._first_names.setdefault(meaning, (name, source.key))
        for statement in () if imported else (*found, *source.changes_of(name)):
            place = (source.key, source.tree.body.index(statement))
            if place not in self._statements:
                self._statements.add(place)
                self._need_all(source, statement)
        # What Python does not know by itself may come with a star.
        for star in source.stars if elsewhere and name not in _MODULE_NAMES else ():
            if source.absolute(star) in self._modules:
                source.refuse("it imports all that another migration has", star)
            self.imports.add(("." * star.level + (star.module or ""), "*", None))

    def _imported_meaning(
        self, source: SquashSource, name: str, found: Iterable[ast.stmt]
    ) -> Meaning | None:
        """Return the meaning of an imported name; None for a name that is more than imported."""
        statements = list(found)
        if not all(isinstance(each, ast.Import | ast.ImportFrom) for each in statements):
            return None
        meanings = [
            self._meaning(source, statement, alias)
            for statement in statements
            for alias in statement.names  # type: ignore[attr-defined]
            if (alias.asname or alias.name.partition(".")[0]) == name
        ]
        return meanings[-1] if len(set(meanings)) == 1 else None

    def _meaning(self, source: SquashSource, statement: ast.stmt, alias: ast.alias) -> Meaning:
        if isinstance(statement, ast.ImportFrom):
            module = source.absolute(statement)
            other = self._modules.get(module)
            if other is not None:
                self._need(other, alias.name, statement)
                return self.meanings[other.key, alias.name]
            if f"{module}.{alias.name}" in self._modules:
                source.refuse(f"it imports {alias.name}, which is squashed", statement)
            return Meaning("from", "." * statement.level + (statement.module or ""), alias.name)
        if alias.name in self._modules:
            source.refuse(f"it imports {alias.name}, which is squashed", statement)
        if alias.asname is None:
            self.imports.add((alias.name, None, None))
            return Meaning("import", alias.name.partition(".")[0], "")
        return Meaning("import as", alias.name, "")

    def _refuse_imports_by_name(self, source: SquashSource, node: ast.AST) -> None:
        """An original that is imported by its name in a string would be missed only when it runs."""
        names = {key[1] for key in self._sources}
        for each in ast.walk(node):
            called = ast.unparse(each.func) if isinstance(each, ast.Call) else ""
            if called.rpartition(".")[2] not in ("import_module", "__import__"):
                continue
            for inner in ast.walk(each):
                text = inner.value if isinstance(inner, ast.Constant) else None
                if isinstance(text, str) and text.rpartition(".")[2] in names:
                    source.refuse(f"it imports {text}, which is squashed", each)

    # -- what comes of it

    @property
    def definitions(self) -> list[str]:
        """The statements that come along, in the order of the files; short ones stand together."""
        order = {key: number for number, key in enumerate(self._sources)}
        shown: list[str] = []
        was_plain = False
        for key, index in sorted(self._statements, key=lambda each: (order[each[0]], each[1])):
            source = self._sources[key]
            statement = source.tree.body[index]
            text = rename_names(source.segment(statement), self._new_names(source))
            is_plain = isinstance(statement, PLAIN)
            if is_plain and was_plain:
                shown[-1] += f"\n{text}"
            else:
                shown.append(text)
            was_plain = is_plain
        return shown

    def import_statements(self) -> set[Imported]:
        """All that is to be imported, under its new names."""
        found = set(self.imports)
        for meaning in self._first_names:
            new = self._name(meaning)
            if meaning.kind == "import as":
                found.add((meaning.module, None, new))
            elif meaning.kind == "from":
                found.add((meaning.module, meaning.name, new if new != meaning.name else None))
        return found

    @property
    def needs_future(self) -> bool:
        """True if a file that something comes from puts its annotations off."""
        used = {self._sources[key] for key, _ in self._statements}
        return any(
            isinstance(each, ast.ImportFrom) and each.module == "__future__"
            for source in used
            for each in source.tree.body
        )

    def names(self, taken: Mapping[str, Meaning]) -> dict[Meaning, str]:
        """New names for what would collide. ``taken``: what the file's own names mean."""
        wanted: dict[str, dict[Meaning, Key]] = {}
        for meaning, (name, key) in self._first_names.items():
            wanted.setdefault(name, {})[meaning] = key
        used = {*wanted, *taken, *self._known_names()}
        found: dict[Meaning, str] = {}
        for name, meanings in wanted.items():
            anchor = taken.get(name) or next(
                (each for each in meanings if each.kind in ("import", "elsewhere")), None
            )
            if len(meanings) == 1 and anchor in (None, *meanings):
                continue
            for meaning, key in meanings.items():
                if meaning != anchor:
                    found[meaning] = _free(name, key, used)
        return found

    def _known_names(self) -> Iterator[str]:
        for source in self._sources.values():
            for node in ast.walk(source.tree):
                match node:
                    case ast.Name(id=name) | ast.arg(arg=name):
                        yield name


def _free(name: str, key: Key, used: set[str]) -> str:
    number = re.match(r"\d+", key[1])
    end = number[0] if number else re.sub(r"\W", "_", key[1])
    made, times = f"{name}_{end}", 2
    while made in used:
        made, times = f"{name}_{end}_{times}", times + 1
    used.add(made)
    return made


class TransferImports(Imports):
    """The imports of a squash: its own, and those of the code that goes along."""

    def __init__(self, carrier: Transfer) -> None:
        super().__init__()
        self.carrier = carrier

    def name_of(self, value: Any) -> str:
        return self.carrier.name_of(value) or super().name_of(value)

    def meanings_of_names(self) -> dict[str, Meaning]:
        """Return the meanings of its own names."""
        found = {"Migration": Meaning("own", "", "Migration")}
        for module, alias in self._modules.items():
            root = module.partition(".")[0]
            if alias:
                found[alias] = Meaning("import as", module, "")
            else:
                found[root] = Meaning("import", root, "")
        for module, names in self._names.items():
            found.update({name: Meaning("from", module, name) for name in names})
        return found

    def lines(self) -> list[str]:
        """All statements, sorted as a file's own are."""
        found: set[Imported] = {(module, None, alias) for module, alias in self._modules.items()}
        found |= {(module, name, None) for module, names in self._names.items() for name in names}
        found |= self.carrier.import_statements()
        future = ["from __future__ import annotations", ""] if self.carrier.needs_future else []
        found = {each for each in found if each[0] != "__future__"}
        standard = _statements(each for each in found if is_standard(each[0]))
        relative = _statements(each for each in found if each[0].startswith("."))
        others = _statements(
            each for each in found if not is_standard(each[0]) and not each[0].startswith(".")
        )
        parts = [part for part in (standard, others, relative) if part]
        return [*future, *functools.reduce(lambda one, other: [*one, "", *other], parts)]


def _statements(found: Iterable[Imported]) -> list[str]:
    plain: list[str] = []
    named: dict[str, list[str]] = {}
    for module, name, alias in sorted(found, key=lambda each: tuple(map(str, each))):
        shown = f"{name or module} as {alias}" if alias else name or module
        if name is None:
            plain.append(f"import {shown}")
        elif name == "*":
            plain.append(f"from {module} import *")
        else:
            named.setdefault(module, []).append(shown)
    return [
        *plain,
        *(f"from {module} import {', '.join(names)}" for module, names in named.items()),
    ]
