"""What is recorded of a migration when it is applied: its digest, and the text of its file."""

from __future__ import annotations

from importlib.util import decode_source

from whimbrel.history.node import Node
from whimbrel.run.recorder import Row


def row_of(node: Node) -> Row:
    """What the record says of a migration."""
    return Row(node.app, node.name, node.digest or None, source_of(node))


def source_of(node: Node) -> str | None:
    """The text of a migration's file; None where there is no file that can be read."""
    if node.file is None:
        return None
    try:
        with open(node.file, "rb") as file:
            return decode_source(file.read())
    except (OSError, SyntaxError, UnicodeError):
        return None
