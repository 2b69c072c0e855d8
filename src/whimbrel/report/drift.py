"""Drift: by app, each operation that was done to the database alone, and what differs by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from whimbrel.commands.details import Detail
from whimbrel.commands.drift import Deviation, Drift


def drift_text(drift: Drift) -> str:
    """The drift for people."""
    return "\n".join(line for app in drift.apps for line in _app(drift, app))


def of_others(deviations: Iterable[Deviation]) -> str | None:
    """Return how tables that no model has are left alone; None where there are none."""
    tables = [
        detail.place
        for each in deviations
        for detail in each.details
        if detail.what == "table" and detail.expected is None
    ]
    return exclusions_text(sorted(tables))


def exclusions_text(tables: Sequence[str]) -> str | None:
    """Return the settings that leave these tables alone; None where there are none."""
    if not tables:
        return None
    shown = ", ".join(f'"{each}"' for each in tables)
    return f"To leave tables alone that are somebody else's: [tool.whimbrel] exclude = [{shown}]"


def _app(drift: Drift, app: str | None) -> Iterator[str]:
    yield app or "what no operation says"
    yield from deviation_lines(each for each in drift.deviations if each.app == app)


def deviation_lines(deviations: Iterable[Deviation], hint: str = "") -> Iterator[str]:
    """Operations, and below each what differs; mere names together, at the end.

    hint: what to do about names; where there is one, and more differs, they are only counted.
    """
    deviations = list(deviations)
    named: list[Detail] = []
    for each in deviations:
        if each.is_of_names:
            named += each.details
        else:
            yield from _deviation(each)
    if named:
        many = f"{len(named)} constraints and indexes are"
        count = "1 constraint or index is" if len(named) == 1 else many
        yield f"  {count} named otherwise{hint}"
        if not hint or all(each.is_of_names for each in deviations):
            yield from (f"    {detail_text(detail)}" for detail in named)


def _deviation(deviation: Deviation) -> Iterator[str]:
    indent = "  "
    if deviation.operation is not None:
        yield f"{indent}{deviation.operation.describe()}"
        indent += "  "
    for detail in deviation.details:
        yield f"{indent}{detail_text(detail)}"


def detail_text(detail: Detail) -> str:
    """ "blog_post.title: type is TEXT, expected VARCHAR(100)"."""
    if detail.expected is None:
        return f"{detail.place}: only in the database: {detail.what} {detail.found}"
    if detail.found is None:
        return f"{detail.place}: missing in the database: {detail.what} {detail.expected}"
    named = detail.what.startswith("name of ")
    what = f"{detail.what.removeprefix('name of ')} is{' named' if named else ''}"
    return f"{detail.place}: {what} {detail.found}, expected {detail.expected}"


def drift_json(drift: Drift) -> dict[str, Any]:
    """The drift for machines."""
    return {
        "database": drift.database,
        "drift": deviations_json(drift.deviations),
        "unknown": list(drift.unknown),
    }


def deviations_json(deviations: Iterable[Deviation]) -> list[dict[str, Any]]:
    """Deviations for machines."""
    return [
        {
            "app": each.app,
            "operation": each.operation.describe() if each.operation else None,
            "kind": type(each.operation).__name__ if each.operation else None,
            "details": [
                {
                    "place": detail.place,
                    "what": detail.what,
                    "expected": detail.expected,
                    "found": detail.found,
                }
                for detail in each.details
            ],
        }
        for each in deviations
    ]
