"""The floor: the DDL of FILE (JSON, a list of statements) sent straight through the driver."""

import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

url = urlsplit(os.environ["DATABASE_URL"])
if url.scheme == "sqlite":
    import sqlite3

    connection = sqlite3.connect(url.path[1:], isolation_level=None)
else:
    import psycopg

    host = parse_qs(url.query)["host"][0]
    connection = psycopg.connect(host=host, user=url.username, dbname=url.path[1:], autocommit=True)
connection.execute("BEGIN")
with open(sys.argv[1], encoding="utf-8") as file:
    for statement in json.load(file):
        connection.execute(statement)
connection.execute("COMMIT")
