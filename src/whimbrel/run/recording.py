"""What is recorded of a migration when it is applied: its digest, and the text of its file."""

from __future__ import annotations

import re
from importlib.util import decode_source
from typing import TYPE_CHECKING

from whimbrel.history.imports import is_standard
from whimbrel.history.node import Node
from whimbrel.run.recorder import Row

if TYPE_CHECKING:
    from whimbrel.history.loader import History


#: What a module imports, by the beginning of its name.
_IMPORTED = re.compile(r"^\s*(?:from|import)\s+(\.|\w+)", re.MULTILINE)
_KNOWN = frozenset({"whimbrel", "sqlalchemy", "__future__"})


def row_of(node: Node, history: History | None = None) -> Row:
    """What the record says of a migration.

    history: what it is carried out by. Where its file imports other modules of the project, the
    node may be remembered from a time when these were others: then its digest is made anew.
    """
    source, digest = source_of(node), node.digest
    if history is not None and source is not None and _leans_on_others(source):
        digest = history.digest(node.key)
    return Row(node.app, node.name, digest or None, source)


def _leans_on_others(source: str) -> bool:
    names = set(_IMPORTED.findall(source)) - _KNOWN
    return any(not is_standard(name) for name in names)


def source_of(node: Node) -> str | None:
    """The text of a migration's file; None where there is no file that can be read."""
    if node.file is None:
        return None
    try:
        with open(node.file, "rb") as file:
            return decode_source(file.read())
    except (OSError, SyntaxError, UnicodeError):
        return None
