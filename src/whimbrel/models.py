"""What a file of models, and a migration file, imports: fields, indexes, constraints, `Model`.

`Model` stands on SQLAlchemy and is loaded when it is asked for; the rest is values.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from whimbrel.errors import MissingField as FieldDoesNotExist
from whimbrel.errors import MissingField as FieldError
from whimbrel.errors import MissingRow as ObjectDoesNotExist
from whimbrel.errors import SeveralRows as MultipleObjectsReturned
from whimbrel.schema.expressions import SQL, F, Q
from whimbrel.schema.table import Identity, IndexPart, Sequence
from whimbrel.state.fields.base import NOT_PROVIDED, Field
from whimbrel.state.fields.dates import DateField, DateTimeField, DurationField, TimeField
from whimbrel.state.fields.numbers import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    DecimalField,
    FloatField,
    IntegerField,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    SmallAutoField,
    SmallIntegerField,
)
from whimbrel.state.fields.others import (
    ArrayField,
    BinaryField,
    EnumField,
    GeneratedField,
    GenericIPAddressField,
    JSONField,
    UUIDField,
)
from whimbrel.state.fields.relations import (
    CASCADE,
    DO_NOTHING,
    PROTECT,
    RESTRICT,
    SET_DEFAULT,
    SET_NULL,
    ForeignKey,
    ManyToManyField,
    OnDelete,
    OneToOneField,
    RelationField,
)
from whimbrel.state.fields.text import CharField, EmailField, SlugField, TextField, URLField
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
    from whimbrel.sources.types import DatabaseType

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
    "DatabaseType",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "DurationField",
    "EmailField",
    "EnumField",
    "ExclusionConstraint",
    "F",
    "Field",
    "FieldDoesNotExist",
    "FieldError",
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
    "MultipleObjectsReturned",
    "ObjectDoesNotExist",
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


#: What stands on SQLAlchemy, and is loaded when it is asked for: `Model`, and what queries are made of.
_LATE = {
    "sources.native": "Model",
    "sources.types": "DatabaseType",
    "orm.expressions.expression": "Case ExpressionWrapper Func Value When",
    "orm.expressions.aggregates": "Avg Count Max Min Sum",
    "orm.expressions.subqueries": "Exists OuterRef Subquery",
    "orm.query.prefetch": "Prefetch prefetch_related_objects",
    "orm.expressions.windows": "DenseRank FirstValue Lag LastValue Lead Rank RowNumber Window",
    "orm.expressions.functions": """
        Abs Cast Ceil Coalesce Concat Extract ExtractDay ExtractHour ExtractMinute
        ExtractMonth ExtractQuarter ExtractSecond ExtractWeek ExtractWeekDay ExtractYear
        Floor Greatest KeyTextTransform KeyTransform LTrim Least Left Length Lower Mod Now
        NullIf RTrim Replace Right Round StrIndex Substr Trim Trunc TruncDate TruncDay
        TruncHour TruncMonth TruncTime TruncYear Upper
    """,
}
_MODULES = {name: module for module, names in _LATE.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"whimbrel.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'whimbrel.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
