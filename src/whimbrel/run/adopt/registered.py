"""The one module whose import is enough for all of a project's models to be there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from whimbrel.errors import UsageError
from whimbrel.run.adopt.models import Models
from whimbrel.sources.sqlalchemy import import_module, load, metadata_of


def registered(models: Models, root: Path, place: str) -> Models:
    """The targets, each by a module that imports all models that env.py has imported for it.

    A base may be declared in one module, and models made of it in others. Raises `UsageError`
    where several modules would have to be named.
    """
    targets = tuple(_whole(target, models.imported, root, place) for target in models.targets)
    return replace(models, targets=targets)


def _whole(target: str, imported: tuple[str, ...], root: Path, place: str) -> str:
    metadata = load(target, root, place)
    growing: list[str] = []
    for module in imported:
        before = len(metadata.tables)
        import_module(module, root, place)
        if len(metadata.tables) > before:
            growing.append(module)
    if not growing:
        return target
    name = _name_in(growing[0], metadata, root, place) if len(growing) == 1 else None
    if name is None:
        raise UsageError(
            f"{target} has no models until {', '.join(growing)} are imported",
            place=place,
            mend="Make a module that imports them and the base, and name it: "
            "whimbrel adopt alembic --models acme.all_models:Base",
        )
    return f"{growing[0]}:{name}"


def _name_in(module: str, metadata: sa.MetaData, root: Path, place: str) -> str | None:
    """What a module calls the holder of a metadata, a base before the metadata itself."""
    found = [
        (isinstance(value, sa.MetaData), name)
        for name, value in vars(import_module(module, root, place)).items()
        if not name.startswith("_")
        and metadata_of(value) is metadata
        and not hasattr(value, "__table__")
    ]
    return min(found)[1] if found else None
