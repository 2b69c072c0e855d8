"""Two models, or two fields, that ask for one and the same place in the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from whimbrel.errors import ModelError
from whimbrel.schema.table import Table
from whimbrel.state.model import Model


def refuse_one_name_for_two(models: list[Model], tables: tuple[Table, ...]) -> None:
    """Raise `ModelError` where two tables have one name."""
    if len({table.at for table in tables}) == len(tables):
        return
    times = Counter(table.at for table in tables)
    twice = next(at for at, number in times.items() if number > 1)
    keys = [table.key or "" for table in tables if table.at == twice]
    raise ModelError(
        f"the table {twice} is asked for {len(keys)} times: by {' and by '.join(keys)}",
        place=next((model.place for model in models if model.key in keys and model.place), None),
        hint="Give one of them another db_table.",
    )


def refuse_one_column_for_two(model: Model, names: Mapping[str, str]) -> None:
    """Raise `ModelError` where two fields have one column. ``names``: field to column."""
    if len(set(names.values())) == len(names):
        return
    taken: dict[str, str] = {}
    for name, column in names.items():
        other = taken.setdefault(column, name)
        if other != name:
            raise ModelError(
                f"{model.label}: {other} and {name} both have the column {column}",
                place=model.place,
                hint="Give one of them another db_column.",
            )
