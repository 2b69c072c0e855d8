"""A batched update as one statement, which walks the table by itself; for psql."""

from __future__ import annotations

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.step import BatchedUpdate

#: Rows of a batch: about what others wait 0.1 s for.
_ROWS = 5_000

# A DO block may commit where no transaction is open around it (PostgreSQL 18, 41.8).
_WALK = """DO $walk$
DECLARE
    {declared}
BEGIN
    SELECT {key} INTO {low} FROM {table} ORDER BY {key} LIMIT 1;
    WHILE FOUND LOOP
        SELECT {key} INTO {high} FROM (
            SELECT {key} FROM {table} WHERE ({key}) >= ({low}) ORDER BY {key} LIMIT {rows}
        ) AS batch ORDER BY {backwards} LIMIT 1;
        UPDATE {table} SET {set}
        WHERE ({key}) >= ({low}) AND ({key}) <= ({high}){condition};
        COMMIT;
        PERFORM pg_sleep({pause:g});
        SELECT {key} INTO {low} FROM {table} WHERE ({key}) > ({high}) ORDER BY {key} LIMIT 1;
    END LOOP;
END $walk$"""


def walk(update: BatchedUpdate) -> str:
    """See `whimbrel.engines.base.Engine.walk`."""
    table = COMPILER.at(update.table)
    key = [COMPILER.quote(name) for name in update.key]
    low, high = ([f"whimbrel_{end}_{at}" for at, _ in enumerate(key)] for end in ("low", "high"))
    declared = (
        f"{name} {table}.{column}%TYPE;"
        for names in (low, high)
        for name, column in zip(names, key, strict=True)
    )
    return _WALK.format(
        declared="\n    ".join(declared),
        table=table,
        key=", ".join(key),
        backwards=", ".join(f"{name} DESC" for name in key),
        low=", ".join(low),
        high=", ".join(high),
        rows=_ROWS,
        set=", ".join(f"{COMPILER.quote(name)} = {value}" for name, value in update.set),
        condition=f" AND ({update.where})" if update.where is not None else "",
        pause=update.pause,
    )
