"""Files that were frozen, or would be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whimbrel.commands.freeze import FrozenFile
from whimbrel.errors import place


def freeze_text(found: Iterable[FrozenFile]) -> str:
    """Each file, and what stands there instead of each class."""
    lines = []
    for file in found:
        lines.append(place(file.path))
        lines += [f"  {each.line}: {each.name} is {_flat(each.text)}" for each in file.named]
    return "\n".join(lines)


def freeze_json(found: Iterable[FrozenFile]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "files": [
            {
                "app": file.node.app,
                "name": file.node.name,
                "path": str(file.path),
                "named": [
                    {"line": each.line, "class": each.name, "text": each.text}
                    for each in file.named
                ],
            }
            for file in found
        ]
    }


def _flat(text: str) -> str:
    return "".join(line.strip() for line in text.splitlines())
