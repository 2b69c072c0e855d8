"""The models of a whole project, imported as its users would import them."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytestmark = pytest.mark.reduced

SCRIPT = """
import json, sys
from whimbrel.config import load_config
from whimbrel.errors import WhimbrelError
from whimbrel.sources import read_models
assert "sqlalchemy" not in sys.modules, "whimbrel.sources must stay light to import"
try:
    state = read_models(load_config())
except WhimbrelError as error:
    print(json.dumps(error.as_dict()))
else:
    print(json.dumps({model.label: model.place for model in state}))
"""

TOML = """
[tool.whimbrel]
apps = ["blog", "shop", "empty"]
[tool.whimbrel.app.core]
models = "acme.db:Base"
migrations = "acme/migrations"
"""

FILES = {
    "pyproject.toml": TOML,
    "blog/__init__.py": "",
    "blog/models.py": """
        from whimbrel import models

        class Post(models.Model):
            product = models.ForeignKey("shop.Product", models.CASCADE)
        """,
    "shop/__init__.py": "",
    "shop/models/__init__.py": "from shop.models.product import Product",
    "shop/models/product.py": """
        from whimbrel import models

        class Product(models.Model):
            name = models.TextField()
        """,
    "empty/__init__.py": "",
    "acme/__init__.py": "",
    "acme/db.py": """
        import sqlalchemy as sa
        from sqlalchemy import orm
        from shop.models import Product

        class Base(orm.DeclarativeBase):
            pass

        class Sale(Base):
            __tablename__ = "sales"
            id = sa.Column(sa.Integer, primary_key=True)
            product_id = sa.Column(sa.ForeignKey(Product.__table__.c.id))
        """,
}


@pytest.fixture
def read(tmp_path: Path):
    """What a process in a project says of its models; files are replaced by those given."""

    def run(**replaced: str) -> dict[str, str]:
        import json

        for name, text in {**FILES, **replaced}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_all_apps_are_read(read):
    assert read() == {
        "blog.Post": "blog/models.py:4",
        "shop.Product": "shop/models/product.py:4",
        "core.Sale": "acme/db.py:9",
    }


@pytest.mark.parametrize(
    ("name", "text", "code", "place", "message"),
    [
        ("blog/models.py", "import nowhere_at_all", "config", "blog/models.py:1", "nowhere_at_all"),
        ("blog/models.py", "\n\n1 / 0", "config", "blog/models.py:3", "ZeroDivisionError"),
        ("blog/models.py", "\nclass", "config", "blog/models.py:2", "SyntaxError"),
        (
            "blog/models.py",
            "from whimbrel import models\n\nx = models.CharField(max_lenght=3)",
            "model",
            "blog/models.py:3",
            "max_lenght",
        ),
        (
            "blog/models.py",
            "from whimbrel import models\nclass A(models.Model):\n b = models.ForeignKey('shop.Nothing')",
            "model",
            "blog/models.py:2",
            "points at shop.Nothing",
        ),
        ("acme/db.py", "Base = None", "config", "pyproject.toml: app core", "holds no models"),
    ],
)
def test_what_is_wrong_has_a_place(read, name, text, code, place, message):
    error = read(**{name: text})
    assert (error["code"], error["place"].endswith(place)) == (code, True), error
    assert message in error["message"]
    assert error["hint"]


@pytest.mark.parametrize(
    ("url", "code"), [("postgresql://h/d", 2), ("sqlite:///x", 0), ("${NOT_SET}", 0)]
)
def test_nothing_is_written_of_what_a_configured_database_cannot_do(
    tmp_path: Path, url: str, code: int
):
    files = {
        "pyproject.toml": f'[tool.whimbrel]\napps = ["blog"]\ndatabase = "{url}"',
        "blog/__init__.py": "",
        "blog/models.py": (
            "from whimbrel import models\n"
            "class A(models.Model):\n"
            "    class Meta:\n"
            f"        db_table = {'n' * 64!r}\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "whimbrel", "makemigrations"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert ("blog/models.py:2" in done.stderr) is (code == 2)
    assert (tmp_path / "blog/migrations").exists() is (code == 0)


MAKE = """
from whimbrel.commands.make import make_migrations, write
from whimbrel.config import load_config
from whimbrel.sources import native
files = make_migrations(load_config())
write(files)
print(len(files), "files", len(native._known), "mapped")
"""


def test_models_are_mapped_only_where_something_has_changed(tmp_path: Path):
    files = {name: text for name, text in FILES.items() if name.startswith(("blog", "shop"))}
    files["pyproject.toml"] = '[tool.whimbrel]\napps = ["blog", "shop"]\n'
    changed = {"shop/models/product.py": FILES["shop/models/product.py"].replace("TextField()", "TextField(null=True)")}  # fmt: skip
    for replaced, expected in (
        (files, "2 files 2 mapped\n"),
        ({}, "0 files 0 mapped\n"),
        (changed, "1 files 2 mapped\n"),
    ):
        for name, text in replaced.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        command = [sys.executable, "-c", MAKE]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (expected, "")
