"""The imports of a file that is being written: collected, named, sorted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from whimbrel.errors import WriteError

#: Names that a migration file gives to modules of its own accord.
_TAKEN = frozenset({"migrations", "models", "sa", "Migration"})


class Imports:
    """The imports that a file needs, by their statements."""

    def __init__(self) -> None:
        self._modules: dict[str, str | None] = {}
        self._names: dict[str, set[str]] = {}

    def ours(self, module: str) -> str:
        """The name of "migrations" or "models"."""
        return self._from("whimbrel", module)

    def _from(self, module: str, name: str) -> str:
        self._names.setdefault(module, set()).add(name)
        return name

    def name_of(self, value: Any) -> str:
        """Return the name of a class, a function or a method, and import it.

        Raises `WriteError` where no import leads to it.
        """
        for module, name in _places(value):
            if _leads_to(module, name, value):
                return name if module == "builtins" else f"{self.module(module)}.{name}"
        raise _unreachable(value)

    def path(self, path: str) -> str:
        """Return the name for "module:qualified.name", and import it."""
        module, _, name = path.partition(":")
        return f"{self.module(module)}.{name}"

    def module(self, name: str) -> str:
        """Return the name of a module, and import it. Raises `WriteError` for one that no statement can import."""
        parts = name.split(".")
        if not all(part.isidentifier() for part in parts):
            raise WriteError(
                f"the module {name} has a name that no import statement can say",
                hint="Move what is in it to a module with an ordinary name.",
            )
        parent, _, last = name.rpartition(".")
        if parent == "sqlalchemy.dialects" or name == "whimbrel.models":
            return self._from(parent, last)
        alias = _alias(name, parts)
        self._modules[name] = alias
        return alias or name

    def lines(self) -> list[str]:
        """The statements, as isort has them: the standard library's, a blank line, the others'."""
        plain = [
            (name, f"import {name} as {alias}" if alias else f"import {name}")
            for name, alias in sorted(self._modules.items())
        ]
        named = [
            (name, f"from {name} import {', '.join(sorted(names))}")
            for name, names in sorted(self._names.items())
        ]
        standard = [line for name, line in (*plain, *named) if is_standard(name)]
        others = [line for name, line in (*plain, *named) if not is_standard(name)]
        return [*standard, "", *others] if standard and others else [*standard, *others]


def _alias(name: str, parts: list[str]) -> str | None:
    """The name that a module goes by in a migration file, where it is not its own."""
    if name == "sqlalchemy":
        return "sa"
    if parts[0] not in _TAKEN:
        return None
    return "_".join(parts) if len(parts) > 1 else f"{name}_"


def is_standard(module: str) -> bool:
    """True if a module comes with Python."""
    return module.partition(".")[0] in sys.stdlib_module_names


def _places(value: Any) -> Iterator[tuple[str, str]]:
    """Return the modules and qualified names under which a value can be imported."""
    name, qualified = getattr(value, "__name__", ""), getattr(value, "__qualname__", "")
    owner = getattr(value, "__self__", None)
    if isinstance(owner, type):
        yield owner.__module__, f"{owner.__qualname__}.{name}"
    module = getattr(value, "__module__", None)
    if module:
        yield module, qualified or name
    if owner is not None:
        yield type(owner).__module__, name


def _leads_to(module: str, name: str, value: Any) -> bool:
    found: Any = sys.modules.get(module) if module != "__main__" else None
    for part in name.split("."):
        found = getattr(found, part, None)
    return bool(found is value or (callable(found) and found == value))


def _unreachable(value: Any) -> WriteError:
    name = getattr(value, "__qualname__", "")
    if "<lambda>" in name:
        what = "a lambda cannot be written into a file"
    elif "<locals>" in name:
        what = (
            f"{name.rpartition('.')[2]} is local to a function, and cannot be written into a file"
        )
    else:
        what = f"no import leads to {value!r}"
    return WriteError(
        what,
        hint="Write a `def` (or a class) at the level of a module that a migration file can "
        "import, and use that.",
    )
