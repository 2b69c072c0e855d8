"""Fields of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

from whimbrel.schema.types import ColumnType, make_type
from whimbrel.state.fields.base import Field, NamedOptions


class NamedField(Field):
    """A field whose kind says its type; the first argument is its verbose name.

    type_name: of SQLAlchemy's type, for a kind whose options say nothing of it.
    """

    positional: ClassVar[tuple[str, ...]] = ()
    type_name: ClassVar[str]

    def __init__(self, verbose_name: str | None = None, **options: Unpack[NamedOptions]) -> None:
        self._take({"verbose_name": verbose_name, **options})

    def column_type(self) -> ColumnType:
        return make_type(f"sqlalchemy:{self.type_name}")


class TextField(NamedField):
    """Text of any length."""

    type_name = "Text"


class CharField(NamedField):
    """Text of at most ``max_length`` characters; None (the default) sets no limit."""

    accepts: ClassVar[Mapping[str, Any]] = {**Field.accepts, "max_length": None}
    max_length: int | None

    def __init__(
        self,
        verbose_name: str | None = None,
        *,
        max_length: int | None = None,
        **options: Unpack[NamedOptions],
    ) -> None:
        given = self.accepts["max_length"] if max_length is None else max_length
        self._take({"verbose_name": verbose_name, "max_length": given, **options})

    def column_type(self) -> ColumnType:
        if self.max_length is None:
            return make_type("sqlalchemy:String")
        return make_type("sqlalchemy:String", length=self.max_length)


class SlugField(CharField):
    """A short label for URLs: 50 characters, indexed."""

    accepts: ClassVar[Mapping[str, Any]] = {**CharField.accepts, "max_length": 50, "db_index": True}


class EmailField(CharField):
    """An e-mail address: 254 characters."""

    accepts: ClassVar[Mapping[str, Any]] = {**CharField.accepts, "max_length": 254}


class URLField(CharField):
    """A URL: 200 characters."""

    accepts: ClassVar[Mapping[str, Any]] = {**CharField.accepts, "max_length": 200}
