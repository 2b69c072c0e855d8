"""Count every row once, in one UPDATE."""

from __future__ import annotations

import os

import psycopg

with psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", "")) as connection:
    connection.execute("UPDATE rows_row SET number = number + 1")
