"""The command line: `main`, and one thin file a command that parses, calls and renders."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn


class _Patient:
    """A stream that ignores failing writes: it is closed, broken or full."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; return its length in any case."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def main(
    args: Sequence[str] | None = None,
    prog_name: str = "whimbrel",
    project: str | Path | None = None,
) -> NoReturn:
    """Run a command and end the process with its exit code.

    args: left out, those of the process. project: the directory from which the configuration is
    looked for upwards; left out, the current one.
    """
    # A command makes many objects that stay, few circles, and soon ends: looking for circles
    # after every 700 objects, as Python does, took a fifth of the time of a short one.
    gc.set_threshold(250_000, 20, 20)
    # What is said to people must not stop what is done.
    sys.stderr = _Patient(sys.stderr or open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    try:
        from whimbrel.cli.group import whimbrel

        whimbrel.main(
            args=list(args) if args is not None else None,
            prog_name=prog_name,
            project=Path(project) if project is not None else None,
        )
    except KeyboardInterrupt:  # while the group is imported; it catches all others itself
        print("Interrupted. Nothing was done.", file=sys.stderr)
        sys.exit(130)
    finally:
        # Python looks for circles once more at its end, through all of SQLAlchemy: not in these.
        gc.freeze()


def __getattr__(name: str) -> Any:
    """The group, imported when it is asked for: Ctrl-C meanwhile is answered by `main`."""
    if name == "whimbrel":
        from whimbrel.cli.group import whimbrel

        return whimbrel
    raise AttributeError(name)


__all__ = ["main", "whimbrel"]
