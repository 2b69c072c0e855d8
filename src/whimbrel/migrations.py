"""What a migration file imports: `Migration` and the operations.

``transaction`` and ``IntegrityError`` stand on SQLAlchemy, and are loaded when they are asked for.
"""

from typing import Any

from whimbrel.history.migration import Migration
from whimbrel.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelOptions,
    AlterModelTable,
    AlterModelTableComment,
    AlterUniqueTogether,
    Backfill,
    CreateModel,
    DeleteModel,
    KeepIdentities,
    MoveModel,
    Operation,
    OperationContext,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RenameConstraint,
    RenameEnumValue,
    RenameField,
    RenameIndex,
    RenameModel,
    RunPython,
    RunSQL,
    SeparateDatabaseAndState,
)

__all__ = [
    "AddConstraint",
    "AddField",
    "AddIndex",
    "AlterField",
    "AlterModelOptions",
    "AlterModelTable",
    "AlterModelTableComment",
    "AlterUniqueTogether",
    "Backfill",
    "CreateModel",
    "DeleteModel",
    "KeepIdentities",
    "Migration",
    "MoveModel",
    "Operation",
    "OperationContext",
    "RemoveConstraint",
    "RemoveField",
    "RemoveIndex",
    "RenameConstraint",
    "RenameEnumValue",
    "RenameField",
    "RenameIndex",
    "RenameModel",
    "RunPython",
    "RunSQL",
    "SeparateDatabaseAndState",
]


def __getattr__(name: str) -> Any:
    if name in ("transaction", "IntegrityError"):
        from whimbrel.run.data import transaction

        return transaction if name == "transaction" else transaction.IntegrityError
    raise AttributeError(f"module 'whimbrel.migrations' has no attribute {name!r}")
