"""Where models come from: native classes, SQLAlchemy and SQLModel, a live database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whimbrel.config import Config
    from whimbrel.state.state import State


def read_models(
    config: Config, labels: Iterable[str] | None = None, before: State | None = None
) -> State:
    """The state of the models of all configured apps; those of ``labels`` must be among them.

    before: what the migrations lead to; tables that are somebody else's there stay so.

    Raises `ConfigError` for a module that does not import, `ModelError` for a model that no
    database could hold.
    """
    from whimbrel.sources.project import read_models

    return read_models(config, labels, before)


def doubtful(config: Config, before: State, live: State) -> dict[str, str]:
    """As `whimbrel.sources.missing.doubtful`."""
    from whimbrel.sources.missing import doubtful

    return doubtful(config, before, live)
