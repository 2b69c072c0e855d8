"""Migration files that were written, or would be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from whimbrel.commands.make import MigrationFile
from whimbrel.errors import place


def files_text(files: Iterable[MigrationFile], *, with_text: bool = False) -> str:
    """Each file with its operations, or with its text."""
    return "\n".join(line for file in files for line in _file(file, with_text))


def _file(file: MigrationFile, with_text: bool) -> Iterator[str]:
    if with_text:
        yield f"# {place(file.path)}"
        yield file.text
        return
    yield place(file.path)
    for operation in file.operations:
        yield f"  {operation.describe()}"


def files_json(files: Iterable[MigrationFile], *, with_text: bool = False) -> dict[str, Any]:
    """The files for machines."""
    return {
        "migrations": [
            {
                "app": file.app,
                "name": file.name,
                "path": str(file.path),
                "operations": [each.describe() for each in file.operations],
                **({"text": file.text} if with_text else {}),
            }
            for file in files
        ]
    }
