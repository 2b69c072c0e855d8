"""What SQLite's catalog tells of a database, as a value to compare. The order of columns says nothing."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.engine import Connection

_TOKEN = re.compile(
    r"""(?P<gap>\s+|--[^\n]*) | '(?:[^']|'')*' | "(?P<name>(?:[^"]|"")*)" | \w+ | [<>=!|]+ | .""",
    re.VERBOSE | re.DOTALL,
)


def catalog(connection: Connection) -> dict[str, Any]:
    """Tables, indexes, views and triggers of a database, by name."""
    rows = _rows(
        connection,
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
    )
    found: dict[str, Any] = {}
    for kind, name, table, sql in rows:
        if kind == "table":
            found[f"table {name}"] = _table(connection, name, sql)
        elif kind == "index":
            found[f"index {name}"] = _index(connection, name, table, sql)
        else:
            found[f"{kind} {name}"] = normal(sql)
    return found


def normal(sql: str) -> str:
    """A piece of SQL, the same however names are quoted and blanks are placed."""
    tokens = [match for match in _TOKEN.finditer(sql) if match["gap"] is None]
    return " ".join(_token(match) for match in tokens)


def _token(match: re.Match[str]) -> str:
    if match["name"] is not None:
        return match["name"].lower()
    return match[0] if match[0].startswith("'") else match[0].lower()


def _rows(connection: Connection, sql: str) -> list[Any]:
    return list(connection.exec_driver_sql(sql).all())


def _table(connection: Connection, name: str, sql: str) -> dict[str, Any]:
    text = normal(sql)
    return {
        "columns": {
            row.name: (row.type, row.notnull, _value(row.dflt_value), row.pk, row.hidden)
            for row in _rows(connection, f'PRAGMA table_xinfo("{name}")')
        },
        "keys": sorted(
            (key.name, key.table, key.columns, key.targets, key.actions)
            for key in _foreign_keys(connection, name, text)
        ),
        "unique": sorted(
            _index_columns(connection, row.name)
            for row in _rows(connection, f'PRAGMA index_list("{name}")')
            if row.origin != "c"
        ),
        "checks": sorted(_named(text, "check")),
        "uniques": sorted(_named(text, "unique")),
        "generated": sorted(_after(text, "as (")),
        "collations": sorted(
            (part.split()[0], found[1])
            for part in _parts(text)
            if (found := re.search(r"\bcollate (\w+)", part))
        ),
        "tail": text[text.rindex(")") :],
        "counts": "autoincrement" in text,
        "primary": re.findall(r"constraint (\w+) primary key", text),
    }


def _parts(text: str) -> list[str]:
    """The definitions of columns and constraints in a CREATE TABLE."""
    depth, parts = 0, [""]
    for character in text[text.index("(") + 1 :]:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _value(default: str | None) -> str | None:
    return None if default is None else normal(default)


class _Key:
    def __init__(self, rows: list[Any], text: str) -> None:
        rows = sorted(rows, key=lambda row: row.seq)
        self.table = rows[0].table
        self.columns = tuple(row[3] for row in rows)
        self.targets = tuple(row.to for row in rows)
        self.actions = (rows[0].on_update, rows[0].on_delete, rows[0].match)
        own = ", ".join(self.columns).lower()
        alone = rf"constraint (\w+) references {self.table.lower()}\b"
        found = re.search(
            rf"constraint (\w+) foreign key \( {re.escape(own).replace(',', ' ,')} \)"
            rf" references {re.escape(self.table.lower())} \(",
            text,
        )
        found = found or re.search(rf"[(,] {re.escape(own)} [^,]*?{alone}", text)
        self.name = found[1] if found else ""


def _foreign_keys(connection: Connection, name: str, text: str) -> list[_Key]:
    by_id: dict[int, list[Any]] = {}
    for row in _rows(connection, f'PRAGMA foreign_key_list("{name}")'):
        by_id.setdefault(row.id, []).append(row)
    return [_Key(rows, text) for rows in by_id.values()]


def _after(text: str, start: str) -> list[str]:
    """What stands in parentheses after each occurrence of some words."""
    found = []
    for match in re.finditer(rf"\b{re.escape(start)}", text):
        depth, place = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[place], 0)
            place += 1
        found.append(text[match.end() : place - 1].strip())
    return found


def _named(text: str, word: str) -> list[tuple[str, str]]:
    """The constraints of a kind, with their names."""
    bodies = _after(text, f"{word} (")
    names = [match[1] or "" for match in re.finditer(rf"(?:constraint (\w+) )?\b{word} \(", text)]
    return list(zip(names, bodies, strict=True))


def _index(connection: Connection, name: str, table: str, sql: str) -> Any:
    text = normal(sql)
    return (
        table,
        text.startswith("create unique"),
        _index_columns(connection, name),
        text.partition(" on ")[2],
    )


def _index_columns(connection: Connection, name: str) -> tuple[Any, ...]:
    return tuple(
        (row.name, row.desc, row.coll)
        for row in _rows(connection, f'PRAGMA index_xinfo("{name}")')
        if row.key
    )
