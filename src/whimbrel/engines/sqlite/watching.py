"""Watches a transaction: is it still the one that was opened, and if not, how did it end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial

from sqlalchemy.engine import Connection

from whimbrel.engines.base import Ended

_NAME = "whimbrel_watched"


def is_in_transaction(connection: Connection) -> bool:
    return _driver(connection).in_transaction


def watch(connection: Connection) -> Callable[[], Ended | None]:
    """See `whimbrel.engines.base.Engine.watch`.

    A savepoint goes with its transaction, however that ends; a temporary table stays where it was
    committed.
    """
    driver = _driver(connection)
    driver.execute(f"CREATE TEMP TABLE {_NAME} (x)")
    driver.execute(f"SAVEPOINT {_NAME}")
    return partial(_ended, driver)


def _ended(driver: sqlite3.Connection) -> Ended | None:
    try:
        driver.total_changes  # noqa: B018
    except sqlite3.ProgrammingError:  # somebody closed it
        return Ended.ROLLED_BACK
    if driver.in_transaction and _is_released(driver):
        driver.execute(f"DROP TABLE temp.{_NAME}")
        return None
    there = driver.execute("SELECT 1 FROM sqlite_temp_master WHERE name = ?", [_NAME]).fetchone()
    driver.execute(f"DROP TABLE IF EXISTS temp.{_NAME}")
    return Ended.COMMITTED if there else Ended.ROLLED_BACK


def _is_released(driver: sqlite3.Connection) -> bool:
    try:
        driver.execute(f"RELEASE {_NAME}")
    except sqlite3.OperationalError:
        return False
    return True


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver
