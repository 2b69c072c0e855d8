"""What a configuration may say, and what is said of one that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from whimbrel.config import Config, load_config
from whimbrel.errors import ConfigError

pytestmark = pytest.mark.reduced


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for package in ("blog", "shop", "src/deep", "acme", "acme/blog"):
        (tmp_path / package).mkdir(parents=True)
    return tmp_path


def write(root: Path, text: str, name: str = "pyproject.toml") -> Path:
    file = root / name
    file.write_text(text)
    return file


def test_apps_are_packages_with_their_migrations(root: Path) -> None:
    write(
        root, '[tool.whimbrel]\napps = ["blog", "deep", "acme.blog"]\n'.replace(', "acme.blog"', "")
    )
    config = load_config(root)
    assert [(app.label, app.package, app.migrations) for app in config.apps] == [
        ("blog", "blog", root / "blog/migrations"),
        ("deep", "deep", root / "src/deep/migrations"),
    ]
    assert config.root == root


def test_an_installed_package_is_found_without_being_imported(root: Path) -> None:
    write(root, '[tool.whimbrel]\napps = ["xml.dom"]\n')
    (app,) = load_config(root).apps
    assert app.label == "dom"
    assert app.migrations.parts[-3:] == ("xml", "dom", "migrations")


def test_a_section_refines_an_app_or_makes_one(root: Path) -> None:
    write(
        root,
        '[tool.whimbrel]\napps = ["blog"]\n'
        '[tool.whimbrel.app.blog]\nmigrations = "db/blog"\n'
        '[tool.whimbrel.app.core]\nmodels = "acme.db:Base"\nmigrations = "acme/migrations"\n',
    )
    blog, core = load_config(root).apps
    assert (blog.package, blog.migrations) == ("blog", root / "db/blog")
    assert (core.package, core.models, core.migrations) == (
        None,
        "acme.db:Base",
        root / "acme/migrations",
    )


def test_the_nearest_configuration_upwards_is_taken(root: Path) -> None:
    write(root, '[tool.whimbrel]\napps = ["blog"]\n')
    write(root / "acme", "[tool.other]\n")
    assert load_config(root / "acme" / "blog").root == root
    write(root / "acme", 'apps = ["blog"]\n', "whimbrel.toml")
    assert load_config(root / "acme" / "blog").root == root / "acme"


def test_databases_by_alias(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        root,
        '[tool.whimbrel]\ndatabase = "sqlite:///${NAME}.db"\n'
        '[tool.whimbrel.databases]\neu = "${EU_URL}"\n',
    )
    monkeypatch.setenv("NAME", "mine")
    monkeypatch.delenv("EU_URL", raising=False)
    config = load_config(root)
    assert config.url() == "sqlite:///mine.db"
    with pytest.raises(ConfigError, match="EU_URL is not set") as caught:
        config.url("eu")
    monkeypatch.setenv("EU_URL", "")
    with pytest.raises(ConfigError, match="EU_URL is empty"):
        config.url("eu")
    assert caught.value.place == f"{root / 'pyproject.toml'}: databases.eu"
    with pytest.raises(ConfigError, match="no database 'defualt'") as caught:
        config.url("defualt")
    assert caught.value.hint == "Did you mean 'default'?"


def test_left_out_the_database_is_a_file(root: Path) -> None:
    write(root, "[tool.whimbrel]\n")
    assert load_config(root).url() == "sqlite:///db.sqlite3"


T = "[tool.whimbrel]\n"


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        (T + 'databse = "x"', "databse", "no such key as 'databse'", "Did you mean 'database'?"),
        (
            T + "colour = 1",
            "colour",
            "no such key",
            "Keys here: apps, database, databases, app, include, exclude, check, online, large_table, lint.",
        ),
        (T + 'apps = "blog"', "apps", "must be a list, not a string", None),
        (T + "database = 3", "database", "must be a string, not a number", None),
        (T + "apps = [3]", "apps", "the dotted name of a package, not 3", "For one"),
        (T + 'apps = ["no-name"]', "apps", "not 'no-name'", "For one"),
        (T + 'apps = ["nowhere"]', "apps", "no package 'nowhere'", "whimbrel init nowhere"),
        (T + 'apps = ["blog", "acme.blog"]', "apps", "label 'blog': blog and acme.blog", "label"),
        (T + 'apps = ["blog", "blog"]', "apps", "two apps have the label 'blog'", "label"),
        (T + "[tool.whimbrel.app.x]", "app.x", "models is missing", "For one"),
        (T + '[tool.whimbrel.app.x]\nmodels="a:b"', "app.x", "migrations is missing", "For one"),
        (
            T + '[tool.whimbrel.app.x]\nmodels="a.b"\nmigrations="m"',
            "app.x.models",
            "not 'a.b'",
            "acme.db:Base",
        ),
        (T + "[tool.whimbrel.app]\nx = 1", "app.x", "must be a table, not 1", None),
        (T + "[tool.whimbrel.app.x]\nmodel = 1", "app.x.model", "no such key", "'models'"),
        (T + '[tool.whimbrel.app."a-b"]', "app.a-b", "cannot be the label", None),
        (T + "[tool.whimbrel.databases]\neu = 1", "databases.eu", "must be a string", None),
        (
            T + 'databases.eu = {url = "postgresql://u:s3cret@h/d"}',
            "databases.eu",
            "must be a string, not a table",
            None,
        ),
        (T + 'database = ["p://u:s3cret@h/d"]', "database", "a string, not a list", None),
        (T + 'databases = "p://u:s3cret@h/d"', "databases", "a table, not a string", None),
        (
            T + 'database = "a"\n[tool.whimbrel.databases]\ndefault = "b"',
            "databases.default",
            "given twice",
            "Take one",
        ),
        (
            T + 'apps = ["blog", "shop"]\n[tool.whimbrel.app.shop]\nmigrations = "blog/migrations"',
            "app.shop.migrations",
            "blog and shop have the same migrations directory",
            "of its own",
        ),
        (T + 'exclude = "tmp_*"', "exclude", "must be a list", None),
        (T + "exclude = [3]", "exclude", "3 is none", None),
        (T + "[tool.whimbrel.check]\nignored = []", "check.ignored", "no such key", "'ignore'"),
        ("[tool]\nwhimbrel = 3", "tool.whimbrel", "must be a table", None),
        ("[tool", "", "not TOML", None),
    ],
)
def test_what_cannot_be_is_named_with_file_and_key(
    root: Path, text: str, place: str, message: str, hint: str | None
) -> None:
    file = write(root, text)
    with pytest.raises(ConfigError) as caught:
        load_config(root)
    assert message in caught.value.message
    assert caught.value.place == (f"{file}: {place}" if place else str(file))
    assert (hint is None) == (caught.value.hint is None)
    assert (hint or "") in (caught.value.hint or "")
    assert "s3cret" not in str(caught.value)


def test_where_nothing_is_configured_init_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert "whimbrel init" in str(caught.value)


def test_an_unknown_app_is_answered_by_the_nearest(root: Path) -> None:
    write(root, T + 'apps = ["blog", "shop"]')
    with pytest.raises(ConfigError, match="no app 'blogg'") as caught:
        load_config(root).app("blogg")
    assert caught.value.hint == "Did you mean 'blog'?"


@pytest.mark.parametrize(
    ("include", "exclude", "schema", "table", "covered"),
    [
        ((), (), None, "post", True),
        ((), ("tmp_*",), None, "tmp_1", False),
        ((), ("tmp_*",), "legacy", "tmp_1", False),
        ((), ("legacy.*",), "legacy", "post", False),
        ((), ("legacy.*",), None, "post", True),
        (("blog_*",), (), None, "shop_order", False),
        (("blog_*",), ("*_old",), None, "blog_old", False),
        (("blog_*", "shop.*"), (), "shop", "order", True),
        ((), (), None, "whimbrel_migrations", False),
        (("whimbrel_*",), (), None, "whimbrel_journal", False),
        ((), ("POST",), None, "post", True),
    ],
)
def test_which_tables_are_the_projects(
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    schema: str | None,
    table: str,
    covered: bool,
) -> None:
    config = Config(Path(), include=include, exclude=exclude)
    assert config.covers(schema, table) is covered


def test_tables_and_findings_that_are_left_out(root: Path) -> None:
    write(
        root,
        T + 'include = ["a*"]\nexclude = ["ab"]\n[tool.whimbrel.check]\nignore = ["irreversible"]',
    )
    config = load_config(root)
    assert (config.include, config.exclude) == (("a*",), ("ab",))
    assert config.check_ignore == ("irreversible",)
