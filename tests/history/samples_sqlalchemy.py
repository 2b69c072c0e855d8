"""Types of a third party, as SQLAlchemy users write them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


class Money(sa.types.TypeDecorator[int]):
    impl = sa.Numeric
    cache_ok = True

    def __init__(self, places: int = 2) -> None:
        super().__init__()
        self.places = places


class Shortened(sa.types.TypeDecorator[str]):
    """Its arguments go to what it decorates."""

    impl = sa.String
    cache_ok = True


class Point(sa.types.UserDefinedType[Any]):
    cache_ok = True

    def __init__(self, srid: int, flat: bool = False) -> None:
        self.srid, self.flat = srid, flat

    def get_col_spec(self, **options: Any) -> str:
        return f"POINT({self.srid})"
