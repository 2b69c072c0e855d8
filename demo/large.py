"""A large table that is changed while clients use it: the project, the rows, the load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from servers import PostgresServer

FIRST = """from whimbrel import models


class Owner(models.Model):
    visits = models.IntegerField(default=0)


class Entry(models.Model):
    code = models.CharField(max_length=50, db_index=True)
    amount = models.IntegerField(default=0)
    body = models.TextField(null=True)
    owner_number = models.BigIntegerField(null=True)
    small = models.IntegerField(null=True)
    made = models.DateTimeField(null=True, db_index=True)
    spare = models.IntegerField(null=True)
"""

#: 150 bytes a row, as that of facts with 5 million rows in 707 MB.
_ROWS = """
INSERT INTO shop_entry (code, amount, body, owner_number, small, made)
SELECT 'c' || i, i % 1000, repeat('x', 60), i % 1000 + 1, i % 100, now() - i * interval '1 second'
FROM generate_series(1, {rows}) AS i
"""


class Online:
    """A project with one large table, on a database of a server."""

    def __init__(self, server: PostgresServer, root: Path, database: str) -> None:
        self.server, self.root, self.database = server, root, database
        self.dsn = f"host={server.directory} user=postgres dbname={database}"

    def whimbrel(self, *command: str) -> str:
        """Run a command. Gives what it said; ends the whole program if it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "whimbrel", *command],
            cwd=self.root,
            env={**os.environ, "DATABASE_URL": self.server.url(self.database)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"whimbrel {' '.join(command)}:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def begin(self, rows: int) -> None:
        """Make the project and its tables, with so many rows."""
        app = self.root / "shop"
        app.mkdir(parents=True)
        (app / "__init__.py").write_text("")
        (self.root / "whimbrel.toml").write_text('apps = ["shop"]\ndatabase = "${DATABASE_URL}"\n')
        self.models(FIRST)
        self.whimbrel("makemigrations")
        self.whimbrel("migrate")
        for sql in (
            "INSERT INTO shop_owner (visits) SELECT 0 FROM generate_series(1, 1000)",
            _ROWS.format(rows=rows),
            "VACUUM (ANALYZE) shop_entry",
            "CHECKPOINT",
        ):
            self.server.execute(sql, self.database)

    def models(self, text: str) -> None:
        """Put a version of the models in place."""
        (self.root / "shop" / "models.py").write_text(text)

    @contextmanager
    def load(self, rows: int, rate: int = 400, connections: int = 8) -> Iterator[dict[str, Any]]:
        """Clients at work; what they saw is in the dictionary at the end."""
        command = [sys.executable, str(Path(__file__).with_name("load.py")), self.dsn]
        process = subprocess.Popen(
            [*command, str(rows), str(rate), str(connections)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        seen: dict[str, Any] = {}
        try:
            time.sleep(1.5)
            yield seen
            time.sleep(1.5)
        finally:
            said, _ = process.communicate()
        seen.update(json.loads(said))
