"""Users' files, imported as they are now.

Python takes compiled bytecode for current when its source has the same size and was changed in
the same second (PEP 552; importlib's `SourceLoader.get_code`). A file that is edited twice in a
second, as scripts do, would be imported as it was: so none is kept of a file that has just
changed.
"""

from __future__ import annotations

import ast
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any


def parse_file(file: str) -> ast.Module | None:
    """The tree of a file; None for one that cannot be read, or is no Python."""
    try:
        return ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


#: Seconds for which a file counts as just changed: file systems count in steps of up to two.
JUST_NOW = 2.0


class CarefulLoader(SourceFileLoader):
    """Imports a file, and keeps no bytecode of one that has just changed."""

    def set_data(self, path: str, data: Any, **options: Any) -> None:
        if time.time() - os.stat(self.path).st_mtime > JUST_NOW:
            super().set_data(path, data, **options)


@contextmanager
def importing() -> Iterator[None]:
    """A scope in which users' modules are imported: what they print goes to stderr.

    stdout is for the data of commands.
    """
    with redirect_stdout(sys.stderr):
        yield


class _Finder:
    """Finds modules as Python does, and has those below certain directories imported with care."""

    def __init__(self) -> None:
        self.roots: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return spec
        if (spec.origin or "").startswith(tuple(self.roots)):
            spec.loader = CarefulLoader(name, spec.loader.path)
        return spec


def import_with_care(root: Path) -> None:
    """From now on, import the modules below a directory as their files are."""
    finder = next((each for each in sys.meta_path if isinstance(each, _Finder)), None)
    if finder is None:
        finder = _Finder()
        # Before Python's own finder of files, after those for what is built in and frozen.
        place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
        sys.meta_path.insert(place, finder)
    finder.roots.add(f"{root}{os.sep}")
