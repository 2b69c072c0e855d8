"""Historical models: the models of a point of history as mapped classes with ``.objects``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from whimbrel.orm.apps import Apps
    from whimbrel.state.state import State


def apps_at(
    state: State,
    connection: Connection,
    alias: str = "default",
    others: Mapping[str, Connection] | None = None,
) -> Apps:
    """The historical models of a state, on a connection.

    alias: what ``using()`` calls this database. others: connections to other databases, by
    alias. Nothing is built before a model is asked for.
    """
    from whimbrel.orm.apps import Apps
    from whimbrel.orm.runtime.class_builder import build_class

    return Apps(state, connection, alias, others, build_class)
