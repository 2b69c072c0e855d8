"""The tables of what was measured, in Markdown."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from cases import (
    ALEMBIC,
    BEFORE,
    DJANGO,
    EMPTY,
    FLOOR,
    IMPORT,
    LONG,
    SCENARIOS,
    WHIMBREL,
    Key,
)
from measure import Sample

#: What was measured of a history.
Samples: TypeAlias = Mapping[Key, Sample]
#: The same, by the history's size.
Results: TypeAlias = Mapping[int, Samples]

TOOLS = (FLOOR, WHIMBREL, BEFORE, ALEMBIC, DJANGO)
START, END = "<!-- results -->", "<!-- end of results -->"


def tables(results: Results, left_out: Mapping[int, list[str]]) -> str:
    """All of them: time and memory for each size, then how Whimbrel grows."""
    parts = []
    for size, found in results.items():
        parts.append(f"### {size:,} migrations\n\n{_size_table(found)}")
        if left_out[size]:
            parts.append(f"Not in the table: {'; '.join(left_out[size])}.")
    if len(results) > 1:
        parts.append(f"### How Whimbrel's time grows\n\n{_growth_table(results)}")
    return "\n\n".join(parts)


def put_into(readme: Path, text: str) -> None:
    """Put the tables between the marks in the file."""
    before, _, rest = readme.read_text().partition(START)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}")


def _size_table(found: Samples) -> str:
    rows = [
        [label, *cells]
        for scenario in (IMPORT, *SCENARIOS)
        for engine in dict.fromkeys(engine for _, engine, _ in found)
        for label, cells in _rows(found, scenario, engine)
    ]
    columns = [tool for tool in TOOLS if tool != BEFORE or any(BEFORE in key for key in found)]
    numbers = [0, *(1 + TOOLS.index(tool) for tool in columns)]
    return _markdown(["", *columns], [[row[number] for number in numbers] for row in rows])


def _rows(found: Samples, scenario: str, engine: str) -> Iterator[tuple[str, list[str]]]:
    samples = {tool: found.get((scenario, engine, tool)) for tool in TOOLS}
    if not any(samples.values()):
        return
    own = samples[WHIMBREL]
    yield f"{scenario}, {engine}", [_time(each, own) for each in samples.values()]
    if scenario in (EMPTY, LONG):
        yield "processor time of the client", [_processor(each, own) for each in samples.values()]
    if scenario != IMPORT:
        yield "peak memory", [_memory(each, own) for each in samples.values()]


def _time(sample: Sample | None, own: Sample | None) -> str:
    return _cell(sample, own, lambda each: each.seconds, lambda seconds: f"{seconds:.2f} s")


def _processor(sample: Sample | None, own: Sample | None) -> str:
    return _cell(sample, own, lambda each: each.processor, lambda seconds: f"{seconds:.2f} s")


def _memory(sample: Sample | None, own: Sample | None) -> str:
    return _cell(sample, own, lambda each: each.memory, lambda size: f"{size:.0f} MB")


def _cell(
    sample: Sample | None,
    own: Sample | None,
    number: Callable[[Sample], float],
    shown: Callable[[float], str],
) -> str:
    """A number, with its ratio to Whimbrel's."""
    if sample is None:
        return ""
    if own is None or sample is own:
        return shown(number(sample))
    return f"{shown(number(sample))} ({_ratio(number(sample) / number(own))})"


def _ratio(value: float) -> str:
    return f"{value:.0f}×" if value >= 20 else f"{value:.1f}×" if value >= 2 else f"{value:.2f}×"


def _growth_table(results: Results) -> str:
    """From one size to the next: the power of the size that the time grows with (1: linearly)."""
    sizes = list(results)
    steps = list(itertools.pairwise(sizes))
    keys = dict.fromkeys(key for found in results.values() for key in found if key[2] == WHIMBREL)
    rows = []
    for scenario, engine, tool in keys:
        key = scenario, engine, tool
        powers = [
            _power(results[small].get(key), results[large].get(key), large / small)
            for small, large in steps
        ]
        rows.append([f"{scenario}, {engine}", *powers])
    return _markdown(["power of the size", *(f"{a:,} to {b:,}" for a, b in steps)], rows)


def _power(small: Sample | None, large: Sample | None, growth: float) -> str:
    if small is None or large is None:
        return ""
    return f"{math.log(large.seconds / small.seconds) / math.log(growth):.2f}"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
