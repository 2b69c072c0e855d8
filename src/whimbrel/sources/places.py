"""Where in a user's files something was said: "blog/models.py:12"."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from pathlib import Path

_OURS = str(Path(__file__).resolve().parents[1])


def shown(path: str, line: int) -> str:
    """A file and a line, from the working directory on where the file lies below it."""
    relative = os.path.relpath(path)
    return f"{path if relative.startswith('..') else relative}:{line}"


def here() -> str:
    """The place of the nearest caller outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return shown(frame.f_code.co_filename, frame.f_lineno)


def of_class(cls: type) -> str:
    """The place of a class's statement; its dotted name where there is no source."""
    try:
        path = inspect.getsourcefile(cls)
        _, line = inspect.getsourcelines(cls)
    except (OSError, TypeError):
        return f"{cls.__module__}.{cls.__qualname__}"
    return shown(path, line) if path else cls.__module__


def of_error(error: BaseException, root: Path) -> str | None:
    """Where in the user's files an error came up: the last line of them in its traceback."""
    if isinstance(error, SyntaxError) and error.filename:
        return shown(error.filename, error.lineno or 1)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<", _OURS))
    ]
    own = [frame for frame in frames if _is_below(frame.filename, root)]
    last = (own or frames)[-1:]
    return shown(last[0].filename, last[0].lineno or 1) if last else None


def _is_below(path: str, root: Path) -> bool:
    resolved = Path(path).resolve()
    return root.resolve() in resolved.parents and "site-packages" not in resolved.parts
