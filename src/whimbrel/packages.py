"""The directories of packages, found without importing anything."""

from __future__ import annotations

import importlib.machinery
import sys
from pathlib import Path


def folders(root: Path) -> list[Path]:
    """Return the directories in which a project keeps its packages."""
    return [root, root / "src"] if (root / "src").is_dir() else [root]


def folder_of(package: str, root: Path) -> Path | None:
    """The directory of a package, found without importing anything."""
    path = Path(*package.split("."))
    for folder in folders(root):
        if (folder / path).is_dir():
            return folder / path
    return _installed(package)


def _installed(package: str) -> Path | None:
    """The directory of a package that Python's own finders know."""
    where: list[str] | None = None
    for index, _ in enumerate(parts := package.split("."), start=1):
        spec = _spec(".".join(parts[:index]), where)
        if spec is None or spec.submodule_search_locations is None:
            return None
        where = list(spec.submodule_search_locations)
    return Path(where[0]) if where else None


def _spec(name: str, where: list[str] | None) -> importlib.machinery.ModuleSpec | None:
    """Return the spec of a module; editable installs have a finder of their own."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec: importlib.machinery.ModuleSpec | None = find(name, where) if find else None
        if spec is not None:
            return spec
    return None
