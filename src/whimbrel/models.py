"""What a file of models, and a migration file, imports: fields, indexes, constraints, `Model`.

`Model` stands on SQLAlchemy and is loaded when it is asked for; the rest is values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whimbrel.schema.expressions import SQL, F, Q
from whimbrel.schema.table import Identity, IndexPart, Sequence
from whimbrel.state.fields import (
    CASCADE,
    DO_NOTHING,
    NOT_PROVIDED,
    PROTECT,
    RESTRICT,
    SET_DEFAULT,
    SET_NULL,
    ArrayField,
    AutoField,
    BigAutoField,
    BigIntegerField,
    BinaryField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    EmailField,
    EnumField,
    Field,
    FloatField,
    ForeignKey,
    GeneratedField,
    GenericIPAddressField,
    IntegerField,
    JSONField,
    ManyToManyField,
    OnDelete,
    OneToOneField,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    RelationField,
    SlugField,
    SmallAutoField,
    SmallIntegerField,
    TextField,
    TimeField,
    URLField,
    UUIDField,
)
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
    "CASCADE",
    "DO_NOTHING",
    "NOT_PROVIDED",
    "PROTECT",
    "RESTRICT",
    "SET_DEFAULT",
    "SET_NULL",
    "SQL",
    "ArrayField",
    "AutoField",
    "BigAutoField",
    "BigIntegerField",
    "BinaryField",
    "BooleanField",
    "CharField",
    "CheckConstraint",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "DurationField",
    "EmailField",
    "EnumField",
    "ExclusionConstraint",
    "F",
    "Field",
    "FloatField",
    "ForeignKey",
    "ForeignKeyConstraint",
    "GeneratedField",
    "GenericIPAddressField",
    "Identity",
    "Index",
    "IndexPart",
    "IntegerField",
    "JSONField",
    "ManyToManyField",
    "Model",
    "OnDelete",
    "OneToOneField",
    "PositiveBigIntegerField",
    "PositiveIntegerField",
    "PositiveSmallIntegerField",
    "PrimaryKeyConstraint",
    "Q",
    "RelationField",
    "Sequence",
    "SlugField",
    "SmallAutoField",
    "SmallIntegerField",
    "TextField",
    "TimeField",
    "URLField",
    "UUIDField",
    "UniqueConstraint",
]


def __getattr__(name: str) -> Any:
    if name == "Model":
        from whimbrel.sources.native import Model

        return Model
    raise AttributeError(f"module 'whimbrel.models' has no attribute {name!r}")
