"""Locations in a user's files: "blog/models.py:12"."""

from __future__ import annotations

import ast
import sys
import traceback
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from whimbrel.bytecode import parse_file
from whimbrel.errors import place

_OURS = str(Path(__file__).resolve().parents[1])


def here() -> str:
    """The place of the nearest caller outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return place(frame.f_code.co_filename, frame.f_lineno)


def of_class(cls: type) -> str:
    """The place of a class's statement; its dotted name where there is no source."""
    path = getattr(sys.modules.get(cls.__module__), "__file__", None)
    line = _lines_of_classes(path).get(cls.__qualname__) if path else None
    return place(path, line) if path and line else f"{cls.__module__}.{cls.__qualname__}"


@lru_cache(maxsize=64)
def _lines_of_classes(path: str) -> dict[str, int]:
    """The lines of a file's classes, by qualified name: the file is parsed once for all."""
    tree = parse_file(path)
    return dict(_classes(tree, "")) if tree else {}


def _classes(node: ast.AST, inside: str) -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{inside}{child.name}", child.lineno
            yield from _classes(child, f"{inside}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes(child, f"{inside}{child.name}.<locals>.")
        else:
            yield from _classes(child, inside)


def of_error(error: BaseException, root: Path) -> str | None:
    """Return the location of an error in the user's files: the last line of them in its traceback."""
    if isinstance(error, SyntaxError) and error.filename:
        return place(error.filename, error.lineno or 1)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<", _OURS))
    ]
    own = [frame for frame in frames if _is_below(frame.filename, root)]
    last = (own or frames)[-1:]
    return place(last[0].filename, last[0].lineno or 1) if last else None


def _is_below(path: str, root: Path) -> bool:
    resolved = Path(path).resolve()
    return root.resolve() in resolved.parents and "site-packages" not in resolved.parts
