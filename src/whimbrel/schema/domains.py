"""Domains of PostgreSQL: types with a name of their own, which are made and dropped with their users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from whimbrel.schema.types import ColumnType, EnumType, Name, Type, make_type

PATH = "sqlalchemy.dialects.postgresql:DOMAIN"


def domains_in(of: ColumnType) -> Iterator[Type]:
    """The domains inside a type, what each is made of before it."""
    if isinstance(of, EnumType):
        return
    for each in of.inside():
        yield from domains_in(each)
    if of.path == PATH:
        yield replace(of, variants=())


def domain_arguments(of: Type) -> dict[str, Any]:
    """Return the arguments of a domain: name, schema, data_type, check, default, not_null."""
    return dict(of.kwargs)


def name_of(of: Type) -> Name:
    """Return the schema and name of a domain."""
    return Name(domain_arguments(of).get("schema"), domain_arguments(of)["name"])


def in_schema(of: Type, schema: str | None, **more: Any) -> Type:
    """The same domain in another schema; more: what it says otherwise."""
    words = {**domain_arguments(of), "schema": schema, **more}
    given = {name: each for name, each in words.items() if each is not None}
    return make_type(of.path, *of.args, **given)


def replace_domains(of: ColumnType, by: Mapping[Type, Type]) -> ColumnType:
    """The same type with the domains inside it exchanged."""
    if isinstance(of, EnumType):
        return of
    bare = replace(of, variants=())
    made = by[bare] if bare.path == PATH and bare in by else bare
    return replace(made, variants=of.variants).with_inside(lambda each: replace_domains(each, by))
