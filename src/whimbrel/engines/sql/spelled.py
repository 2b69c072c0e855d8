"""A column type in the database's own words, where SQLAlchemy has no class for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.types import UserDefinedType


class Spelled(UserDefinedType[Any]):
    """``Spelled("geometry(Point,4326)")``: values go to the driver, and come back, as they are."""

    cache_ok = True

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def get_col_spec(self, **_: Any) -> str:
        return self.sql
