"""init: what it makes, and that it never takes anything away."""

from __future__ import annotations

import tomllib

import pytest

from projects import Project


def test_an_empty_directory_becomes_a_project(empty: Project) -> None:
    made = empty.do("init", "blog", "shop").out
    assert made.splitlines()[-1] == "made     manage.py"
    assert tomllib.loads((empty.root / "pyproject.toml").read_text()) == {
        "tool": {"whimbrel": {"apps": ["blog", "shop"]}}
    }
    assert empty.do("makemigrations").err == "No changes.\n"
    assert empty.do("migrate").err == "Nothing to do.\n"


@pytest.mark.parametrize(
    "before",
    [
        '[project]\nname = "shop"  # mine\n',
        "[project]\nname = 'x'",
        "",
        "[tool.ruff]\nfix = true\n\n",
    ],
)
def test_what_stood_in_pyproject_still_stands_there(empty: Project, before: str) -> None:
    file = empty.write("pyproject.toml", before)
    empty.do("init", "blog")
    after = file.read_text()
    assert after.startswith(before)
    assert tomllib.loads(after)["tool"]["whimbrel"] == {"apps": ["blog"]}
    assert (
        tomllib.loads(after).items()
        >= {key: value for key, value in tomllib.loads(before).items() if key != "tool"}.items()
    )


def test_an_app_is_added_to_the_list(empty: Project) -> None:
    empty.do("init", "blog")
    empty.do("init", "shop")
    table = tomllib.loads((empty.root / "pyproject.toml").read_text())["tool"]["whimbrel"]
    assert table["apps"] == ["blog", "shop"]


def test_a_list_that_is_written_otherwise_is_left_to_its_owner(empty: Project) -> None:
    text = '[tool.whimbrel]\napps = [\n    "blog",  # first\n]\n'
    empty.configured("blog")
    file = empty.write("pyproject.toml", text)
    ended = empty.do("init", "shop")
    assert file.read_text() == text
    assert 'apps = ["blog", "shop"]' in ended.err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "left as it is"),
        (["blog"], "already"),
        (["no-name"], "cannot be the name"),
        (["class"], "cannot be the name"),
        (["taken"], "nothing is overwritten"),
    ],
)
def test_what_is_there_is_left_as_it_is(empty: Project, args: list[str], says: str) -> None:
    empty.do("init", "blog")
    empty.write("taken/models.py", "mine")
    before = {path: path.read_bytes() for path in empty.root.rglob("*") if path.is_file()}
    ended = empty.run("init", *args)
    assert ended.code == 2
    assert says in ended.err
    assert {path: path.read_bytes() for path in empty.root.rglob("*") if path.is_file()} == before


def test_a_pyproject_that_is_no_toml_is_named(empty: Project) -> None:
    empty.write("pyproject.toml", "[tool")
    ended = empty.run("init")
    assert ended.code == 2
    assert "pyproject.toml: not TOML" in ended.err


def test_the_example_in_models_is_a_model(empty: Project) -> None:
    empty.do("init", "blog")
    models = empty.root / "blog/models.py"
    lines = [
        line.removeprefix("#").removeprefix(" ") if line.startswith("#") else line
        for line in models.read_text().splitlines()
    ]
    models.write_text("\n".join(lines) + "\n")
    assert "Create model Post" in empty.do("makemigrations").out


def test_json(empty: Project) -> None:
    found = empty.do("init", "blog", "--json").json
    assert found["made"][0] == "pyproject.toml"
    assert found["changed"] == []


@pytest.mark.parametrize("command", ["makemigrations", "showmigrations"])
def test_a_project_without_apps_is_told_what_to_do(empty: Project, command: str) -> None:
    empty.do("init")
    ended = empty.do(command)
    assert ended.out == ""
    assert ended.err == "There are no apps yet: whimbrel init NAME makes one.\n"


def test_line_ends_stay_as_they_are(empty: Project) -> None:
    file = empty.root / "pyproject.toml"
    file.write_bytes(b'[project]\r\nname = "mine"\r\n')
    empty.do("init", "blog")
    text = file.read_bytes()
    assert text.startswith(b'[project]\r\nname = "mine"\r\n')
    assert text.count(b"\n") == text.count(b"\r\n")
    empty.do("init", "shop")
    assert b'apps = ["blog", "shop"]\r\n' in file.read_bytes()
