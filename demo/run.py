"""What `make demo` runs: models become migrations, migrations a schema, and all of it goes back.

A project is made in a temporary directory, and the command line does the rest, as a user would.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from large import FIRST, Online

from servers import ServerMissing, running_postgresql

HERE = Path(__file__).parent


def say(text: str) -> None:
    print(f"\n# {text}", flush=True)


class Project:
    """A project with one app, `shop`, in a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def whimbrel(self, command: str) -> None:
        """Show a command and run it."""
        print(f"\n$ whimbrel {command}", flush=True)
        subprocess.run(
            [sys.executable, "-m", "whimbrel", *command.split()], cwd=self.root, check=True
        )

    def python(self, code: str) -> None:
        """Show a piece of Python and run it in the project."""
        lines = [line for line in code.strip().splitlines() if line.strip()]
        print("\n>>> " + "\n>>> ".join(lines), flush=True)
        subprocess.run([sys.executable, "-c", PRELUDE + code], cwd=self.root, check=True)

    def models(self, name: str) -> None:
        """Put a version of the models in place."""
        shutil.copy(HERE / "models" / f"{name}.py", self.root / "shop" / "models.py")
        print(
            f"\n$ cat shop/models.py\n{(self.root / 'shop' / 'models.py').read_text()}", flush=True
        )


PRELUDE = """
import sqlalchemy as sa
from sqlalchemy.orm import Session
engine = sa.create_engine("sqlite:///db.sqlite3")
"""


def run(project: Project) -> None:
    say("A new project with an app. Models are SQLAlchemy's mapped classes.")
    project.whimbrel("init shop")
    project.models("1_first")
    say("A migration is written from the models; no database is asked.")
    project.whimbrel("makemigrations")
    project.whimbrel("sqlmigrate shop 0001")
    project.whimbrel("migrate")
    project.python(
        """
from shop.models import Author, Product
with Session(engine) as session:
    session.add(Product(title="Straight flight", price=12, author=Author(name="Numenius")))
    session.commit()
"""
    )
    say("Two renames, one of them altered in the same edit, a new field and an index.")
    project.models("2_changed")
    project.whimbrel(
        "makemigrations --no-input --rename shop.Author:Person --rename shop.Product.title:headline"
    )
    project.whimbrel("migrate --plan")
    project.whimbrel("migrate")
    show = """
with engine.connect() as connection:
    print(connection.execute(sa.text("SELECT p.*, a.name FROM shop_product p JOIN shop_person a ON a.id = p.author_id")).mappings().one())
"""
    project.python(show)
    say("And back: the same difference, read the other way. The row is still there.")
    project.whimbrel("migrate shop 0001")
    project.python(show.replace("shop_person", "shop_author"))
    project.whimbrel("showmigrations")


#: Rows of the large table.
ROWS = 200_000


def run_online(root: Path) -> None:
    """A large table of PostgreSQL is changed while clients use it: what they saw, in three lines."""
    say(f"A table of {ROWS:,} rows on PostgreSQL gets a UUID for each, while clients use it.")
    try:
        with running_postgresql() as server, server.fresh_database() as database:
            project = Online(server, root, database)
            project.begin(ROWS)
            project.models(
                FIRST + '    token = models.UUIDField(db_default=models.SQL("gen_random_uuid()"))\n'
            )
            project.whimbrel("makemigrations")
            for options in (["--short"], []):
                with project.load(ROWS) as seen:
                    project.whimbrel("migrate", *options)
                print(
                    f"{'migrate ' + ' '.join(options):16}: the longest wait of a client was {seen['longest']:,.0f} ms; "
                    f"{seen['slow']:,} of {seen['operations']:,} operations took over 100 ms; "
                    f"{sum(seen['errors'].values())} errors",
                    flush=True,
                )
                if options:
                    project.whimbrel("migrate", "shop", "0001")
    except ServerMissing as error:
        print(f"Left out: there is no PostgreSQL here. {error}", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="whimbrel-demo-") as directory:
        run(Project(Path(directory)))
        run_online(Path(directory) / "large")
    say("That was it. The README has the tour, docs/ a page for each command.")


if __name__ == "__main__":
    main()
