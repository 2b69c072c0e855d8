"""The error where a row would lose something by another type of its column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whimbrel.engines.sql.compiler import SQLCompiler
from whimbrel.errors import LossError
from whimbrel.schema.families import is_loosened, narrowing
from whimbrel.schema.table import Column, Table
from whimbrel.schema.types import EnumType
from whimbrel.sources.types import build


def loss(
    table: Table, old: Column, new: Column, row: Sequence[Any], compiler: SQLCompiler
) -> LossError:
    """Return the error for a row: the value that does not fit, and the other columns of its key."""
    value, *key = row
    shown = repr(value)
    # As people write a type, not as a database stores it.
    wanted = repr(build(new.type))
    if isinstance(new.type, EnumType):
        wanted = f"Enum({', '.join(map(repr, new.type.labels))})"
    columns = table.primary_key.columns if table.primary_key is not None else ()
    names = [column for column in columns if column != old.name]
    pairs = ", ".join(f"{name} = {each!r}" for name, each in zip(names, key, strict=False))
    where = f" (the row {pairs})" if pairs else ""
    update = f"UPDATE {compiler.at(table.at)} SET {compiler.quote(old.name)} = ..."
    hint = f"Convert such values in a migration before this one (RunPython or RunSQL: {update})"
    loosened = is_loosened(old.type, new.type) and not new.lossy
    is_cut = narrowing(old.type, new.type)
    how = "cut" if is_cut else "read as they are meant, and spelled otherwise"
    allowed = f", or let them be {how}: AlterField(..., lossy=True)" if loosened else ""
    return LossError(
        f"{table.name}.{new.name} holds {shown if len(shown) <= 80 else f'{shown[:77]}...'}{where}, "
        f"which does not become {wanted} without loss",
        place=str(table.at),
        hint=f"{hint}{allowed}.",
    )
