"""What a file of models, and a migration file, imports: fields, indexes, constraints, `Model`.

`Model` stands on SQLAlchemy and is loaded when it is asked for; the rest is values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whimbrel.schema.expressions import SQL, F, Q
from whimbrel.schema.table import Identity, IndexPart, Sequence
from whimbrel.state.fields import *  # noqa: F403
from whimbrel.state.fields import __all__ as _fields
from whimbrel.state.options import (
    CheckConstraint,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
)

if TYPE_CHECKING:
    from whimbrel.sources.native import Model

__all__ = [
    *_fields,
    "SQL",
    "CheckConstraint",
    "ExclusionConstraint",
    "F",
    "ForeignKeyConstraint",
    "Identity",
    "Index",
    "IndexPart",
    "Model",
    "PrimaryKeyConstraint",
    "Q",
    "Sequence",
    "UniqueConstraint",
]


def __getattr__(name: str) -> Any:
    if name == "Model":
        from whimbrel.sources.native import Model

        return Model
    raise AttributeError(f"module 'whimbrel.models' has no attribute {name!r}")
