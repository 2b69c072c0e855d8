"""The class ``Migration`` of a migration file, made of operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from whimbrel.operations.base import Operation


class Migration:
    """The class that a migration file derives from.

    ``dependencies``: the (app, name) pairs that must be applied before; the name may be
    ``"__first__"`` or ``"__latest__"``. ``run_before``: pairs that must be applied after.
    ``replaces``: the pairs that this migration, a squashed one, stands for. ``initial``: whether
    it is the first of its app; None (the default) where it depends on no other of its app.
    ``atomic``: whether it runs in one transaction, where the database can. ``online``: False for the
    short form of everything, as in a maintenance window: others wait while large tables are read or written. ``frozen``: where
    `whimbrel freeze` has rewritten the file, the digest that it had, and that of its new text.
    ``lint_ignore``: the codes that `whimbrel lint` leaves out here, each with the reason.
    """

    dependencies: ClassVar[Sequence[tuple[str, str]]] = ()
    run_before: ClassVar[Sequence[tuple[str, str]]] = ()
    replaces: ClassVar[Sequence[tuple[str, str]]] = ()
    operations: ClassVar[Sequence[Operation]] = ()
    initial: ClassVar[bool | None] = None
    atomic: ClassVar[bool] = True
    online: ClassVar[bool] = True
    frozen: ClassVar[tuple[str, str] | None] = None
    lint_ignore: ClassVar[Mapping[str, str]] = {}

    def __init__(self, app: str, name: str) -> None:
        self.app = app
        self.name = name

    @property
    def label(self) -> str:
        """ "blog.0002_comment", as people and errors name it."""
        return f"{self.app}.{self.name}"

    def digest_of(self, made: str) -> str:
        """The digest that counts where its operations have this one.

        A file that was frozen keeps the one that it had, until it is edited again.
        """
        return self.frozen[0] if self.frozen and self.frozen[1] == made else made

    def __repr__(self) -> str:
        return f"<Migration {self.label}>"
