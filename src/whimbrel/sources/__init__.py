"""The sources of models: native classes, SQLAlchemy and SQLModel, a live database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whimbrel.config import Config
    from whimbrel.state.state import State


def read_models(
    config: Config,
    labels: Iterable[str] | None = None,
    before: State | None = None,
    *,
    defer_mapping: bool = False,
) -> State:
    """See `whimbrel.sources.project.read_models`."""
    from whimbrel.sources.project import read_models

    return read_models(config, labels, before, defer_mapping=defer_mapping)


def map_models() -> None:
    """Map native models that were only declared. Raises `ModelError` for what does not map."""
    from whimbrel.sources.native import finish

    finish()


def doubtful(config: Config, before: State, live: State) -> dict[str, str]:
    """See `whimbrel.sources.missing.doubtful`."""
    from whimbrel.sources.missing import doubtful

    return doubtful(config, before, live)
