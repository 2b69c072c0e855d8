"""The verbs of a migration. Each is an immutable value, and a pure function from state to state."""

from whimbrel.operations.backfill import Backfill
from whimbrel.operations.base import Operation, OperationContext, replay
from whimbrel.operations.fields import (
    AddField,
    AlterField,
    RemoveField,
    RenameEnumValue,
    RenameField,
)
from whimbrel.operations.identities import KeepIdentities
from whimbrel.operations.items import (
    AddConstraint,
    AddIndex,
    RemoveConstraint,
    RemoveIndex,
    RenameConstraint,
    RenameIndex,
)
from whimbrel.operations.models import (
    AlterModelOptions,
    AlterModelTable,
    AlterModelTableComment,
    AlterUniqueTogether,
    CreateModel,
    DeleteModel,
    MoveModel,
    RenameModel,
)
from whimbrel.operations.special import RunPython, RunSQL, SeparateDatabaseAndState

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
    "replay",
]
