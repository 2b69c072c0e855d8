"""Models whose tables are somebody else's: nothing is created, altered or dropped there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import sqlalchemy as sa

from whimbrel.config import Config
from whimbrel.state.state import State


def managed_option(table: sa.Table) -> bool | None:
    """Return what a table's ``info`` says of its being managed; None where it says nothing."""
    managed = table.info.get("managed")
    if managed is None and table.info.get("is_view"):
        return False
    return None if managed is None else bool(managed)


def with_tables_of_others(
    state: State, config: Config, before: State | None, silent: Collection[str]
) -> State:
    """Return the state with every model unmanaged whose table is somebody else's.

    That is a table that the configuration excludes, and one that the migrations (``before``) have
    as unmanaged, where its model cannot say so. silent: the labels of models that say nothing.
    """
    known = [model for model in before or () if not model.options.managed]
    others = {model.at for model in known} | {model.label for model in known}
    left = [
        replace(model, options=replace(model.options, managed=False))
        for model in state
        if model.options.managed
        and (
            config.excludes(*model.at)
            or (model.label in silent and not others.isdisjoint({model.label, model.at}))
        )
    ]
    return state.with_models(*left) if left else state
