"""SQLAlchemy's session in a migration: what it has is written when its block ends."""

from __future__ import annotations

from types import TracebackType

from sqlalchemy.orm import Session


class MigrationSession(Session):
    """A session whose ``with`` block commits at its end; the migration's transaction goes on."""

    def __exit__(
        self,
        type_: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if type_ is None:
            self.commit()
        super().__exit__(type_, value, traceback)
