"""The pages say everything that there is, and nothing that there is not."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields as dataclass_fields
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from pages import DOCS, ROOT, blocks, pages, shown
from whimbrel import config, errors, migrations, models
from whimbrel.cli.group import COMMANDS, whimbrel
from whimbrel.engines import engine_for
from whimbrel.engines.step import HazardCode
from whimbrel.errors import UnsupportedError, WhimbrelError
from whimbrel.schema.expressions import LOOKUPS
from whimbrel.sources.declaration import _OF_PYTHON
from whimbrel.state.difference import changes_between
from whimbrel.state.fields.base import NOT_PROVIDED, Field
from whimbrel.state.fields.relations import RelationField
from whimbrel.state.lowering import lower
from whimbrel.state.options import OPTION_NAMES
from whimbrel.state.state import State

#: What is being built: it comes onto the pages together with what it belongs to.
COMING: set[str] = set()

# -- reading a page


def text_of(name: str) -> str:
    return (DOCS / name).read_text()


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    masked = re.sub(r"^```.*?^```$", _masked, text, flags=re.MULTILINE | re.DOTALL)
    found = re.search(rf"^(#+) {re.escape(title)}$", masked, re.MULTILINE)
    assert found, f"there is no heading {title!r}"
    end = re.compile(rf"^#{{1,{len(found[1])}}} ", re.MULTILINE).search(masked, found.end())
    return text[found.end() : end.start() if end else len(text)]


def _masked(block: re.Match[str]) -> str:
    """A fenced block of the same length, without what looks like a heading."""
    return block[0].replace("#", " ")


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def coded(text: str) -> list[str]:
    """What stands between backticks, outside of fenced blocks."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def rows(text: str) -> Iterator[list[str]]:
    """The rows of the tables of a text, without their heads."""
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def first_column(text: str) -> list[str]:
    return [name for row in rows(text) for name in coded(row[0])]


def headings(text: str, level: int) -> list[str]:
    return re.findall(rf"^{'#' * level} (\S+)$", text, re.MULTILINE)


# -- commands


def command(name: str) -> click.Command:
    made: click.Command = import_module(f"whimbrel.cli.{name}").command
    return made


def flags(of: click.Command) -> set[str]:
    return {flag for each in of.params if isinstance(each, click.Option) for flag in each.opts}


def test_every_command_has_a_page_and_every_page_a_command() -> None:
    assert {page.stem for page in (DOCS / "commands").glob("*.md")} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_on_its_commands_page_with_its_value(name: str) -> None:
    cells = first_column(text_of(f"commands/{name}.md"))
    said = {cell.partition(" ")[0]: cell for cell in cells if cell.startswith("-")}
    assert set(said) == flags(command(name))
    for each in command(name).params:
        if isinstance(each, click.Option) and not each.is_flag and each.metavar:
            assert said[each.opts[0]] == f"{each.opts[0]} {each.metavar}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_and_the_exit_codes_are_on_its_commands_page(name: str) -> None:
    text = text_of(f"commands/{name}.md")
    arguments = [each for each in command(name).params if isinstance(each, click.Argument)]
    for each in arguments:
        shown_name = "APP" if each.name == "apps" else str(each.name).upper()
        assert shown_name in first_column(text)
    assert "**Exit codes:** 0 " in text
    assert f"whimbrel {name}" in text


def test_the_options_of_all_commands_are_on_the_index() -> None:
    said = {cell.partition(" ")[0] for cell in first_column(text_of("README.md"))}
    assert flags(whimbrel) <= said


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_no_page_names_an_option_that_there_is_not(page: Path) -> None:
    known = {*flags(whimbrel), "--help", "-h"}.union(*(flags(command(name)) for name in COMMANDS))
    said = {
        flag
        for code in coded(page.read_text())
        if not code.startswith(("pip ", "make ", "SET "))
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", code)
    }
    assert said <= known


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_no_page_names_a_command_that_there_is_not(page: Path) -> None:
    said = re.findall(r"(?:`|\$ |python manage.py |^)whimbrel ([a-z]+)", page.read_text())
    assert set(said) <= set(COMMANDS)


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_no_page_names_a_target_of_make_that_there_is_not(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE)) <= set(targets)


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text())):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w-]", "", t.lower().replace(" ", "-")) for t in titles]


def test_the_index_leads_to_every_page() -> None:
    linked = {
        (DOCS / target).resolve() for target in re.findall(r"\]\(([^)#]+)", text_of("README.md"))
    }
    assert set(DOCS.rglob("*.md")) - {DOCS / "README.md"} <= linked


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_no_page_names_what_models_or_migrations_do_not_have(page: Path) -> None:
    for module, name in re.findall(r"\b(models|migrations)\.([A-Z]\w*)", page.read_text()):
        assert hasattr(import_module(f"whimbrel.{module}"), name), f"{module}.{name}"


# -- models

KINDS = [
    name
    for name in models.__all__
    if isinstance(getattr(models, name), type)
    and issubclass(getattr(models, name), Field)
    and getattr(models, name) is not RelationField
]


def kind_rows() -> list[list[str]]:
    return list(rows(section(text_of("models.md"), "Kinds of fields")))[1:]


def made(code: str) -> Any:
    return eval(code.strip("`"), {**vars(models), "postgresql": postgresql, "sa": sa})


def definition(field: Field, dialect: str) -> str:
    """What stands in CREATE TABLE after the column's name, without NOT NULL and names."""
    key = [] if field.primary_key else [("id", models.BigAutoField(primary_key=True))]
    one = [("id", models.BigAutoField(primary_key=True))]
    before = migrations.CreateModel("Author", one).apply("blog", State())
    after = migrations.CreateModel("Post", [*key, ("x", field)]).apply("blog", before)
    steps = engine_for(dialect).steps(changes_between(before, after), lower(before))
    lines = "\n".join(step.sql for step in steps).splitlines()
    line = next((line.strip() for line in lines if re.match(r"    x(_id)? ", line)), "x no column")
    return re.sub(r" NOT NULL| CONSTRAINT \w+|,$", "", line.partition(" ")[2])


def test_every_kind_of_field_is_on_the_page() -> None:
    assert {row[0].strip("`").partition("(")[0] for row in kind_rows()} == set(KINDS)


@pytest.mark.parametrize("row", kind_rows(), ids=lambda row: row[0].strip("`"))
def test_a_field_becomes_what_the_page_says(row: list[str]) -> None:
    for dialect, said in zip(("postgresql", "sqlite"), row[1:], strict=True):
        if said == "no such type":
            with pytest.raises(UnsupportedError):
                definition(made(row[0]), dialect)
        else:
            assert definition(made(row[0]), dialect) == said.strip("`"), dialect


def option_rows() -> dict[str, list[str]]:
    return {
        name: row
        for row in rows(section(text_of("models.md"), "Options of fields"))
        for name in coded(row[0])
    }


def test_every_option_of_a_field_is_on_the_page_and_no_other() -> None:
    options = {option for name in KINDS for option in getattr(models, name).accepts}
    options |= {option for name in KINDS for option in getattr(models, name).positional}
    assert set(option_rows()) == options


@pytest.mark.parametrize("name", Field.accepts)
def test_an_options_default_is_what_the_page_says(name: str) -> None:
    default, said = Field.accepts[name], option_rows()[name][-1]
    assert said == "none" if default is NOT_PROVIDED else said.startswith(f"`{default!r}`")


def test_every_option_of_meta_is_on_the_page_and_no_other() -> None:
    said = first_column(section(text_of("models.md"), "Options of models"))
    assert set(said) == {*OPTION_NAMES, *_OF_PYTHON}


PARTS = [name for name in models.__all__ if name == "Index" or name.endswith("Constraint")]


def test_every_constraint_has_a_section() -> None:
    assert set(headings(section(text_of("models.md"), "Indexes and constraints"), 3)) == set(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_every_argument_of_a_constraint_is_in_its_section(name: str) -> None:
    parameters = inspect.signature(getattr(models, name)).parameters.values()
    named = {each.name for each in parameters if each.kind is not each.VAR_POSITIONAL}
    assert set(first_column(section(text_of("models.md"), name))) == named


def test_every_name_that_models_exports_is_on_the_page() -> None:
    said = set(re.findall(r"\w+", text_of("models.md")))
    assert set(models.__all__) - said <= {"NOT_PROVIDED", "OnDelete", "RelationField"}


def test_every_lookup_is_on_the_page() -> None:
    said = coded(section(text_of("models.md"), "Conditions and expressions"))
    assert set(LOOKUPS) <= set(said)


# -- operations

#: What a migration file imports beside operations: each is said under "Your own operation".
OWN = {"Migration", "Operation", "OperationContext"}
OPERATIONS = [name for name in migrations.__all__ if name not in {*OWN, *COMING}]


def test_every_operation_has_a_section_and_no_other() -> None:
    assert sorted(headings(text_of("operations.md"), 3)) == sorted(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operations_section_shows_it_and_names_its_arguments(name: str) -> None:
    told = section(text_of("operations.md"), name)
    assert f"migrations.{name}(" in told
    for each in dataclass_fields(getattr(migrations, name)):
        assert each.name in first_column(told), each.name


def test_every_attribute_of_a_migration_is_on_the_page() -> None:
    said = first_column(section(text_of("operations.md"), "A migration file"))
    assert set(said) == {
        name
        for name, value in vars(migrations.Migration).items()
        if not name.startswith("_") and not callable(value) and not isinstance(value, property)
    }


# -- errors, hazards, configuration


def every(of: type[WhimbrelError]) -> Iterable[type[WhimbrelError]]:
    for each in of.__subclasses__():
        if each.__module__ == errors.__name__:
            yield each
            yield from every(each)


def test_every_error_code_has_a_section_with_its_exit_code_and_no_other() -> None:
    text = text_of("errors.md")
    codes = {each.code: each.exit_code for each in every(WhimbrelError) if each.code not in COMING}
    assert set(headings(text, 3)) == {*codes, "interrupted", "bug"}
    for code, exit_code in codes.items():
        assert f"Exit code {exit_code}." in section(text, code), code


def test_every_hazard_is_on_the_page_in_its_own_words_and_no_other() -> None:
    text = text_of("hazards.md")
    assert [each for each in headings(text, 2) if each.isupper()] == [
        each.name for each in HazardCode
    ]
    for hazard in HazardCode:
        said = " ".join(section(text, hazard.name).split())
        assert hazard.value.lower() in said.lower()


def test_every_key_of_the_configuration_is_on_the_page_and_no_other() -> None:
    text = text_of("configuration.md")
    assert set(first_column(section(text, "Keys"))) == {
        *config._KEYS,
        *(f"app.LABEL.{key}" for key in config._APP_KEYS),
        *(f"check.{key}" for key in config._CHECK_KEYS),
        *(f"lint.{key}" for key in config._LINT_KEYS),
    }
    assert config.DEFAULT_DATABASE in text


# -- the house

OF_CONTRIBUTORS = [DOCS / "architecture.md", *sorted((DOCS / "contributing").glob("*.md"))]


@pytest.mark.parametrize("page", OF_CONTRIBUTORS, ids=shown)
def test_every_path_on_the_pages_for_contributors_is_there(page: Path) -> None:
    text = page.read_text()
    said = {each for each in coded(text) if re.fullmatch(r"[a-z_/0-9]+(/[a-z_]+|\.py)", each)}
    # An engine that nobody has written yet is the example of a page.
    known = {each for each in said if not each.startswith("engines/mysql")}
    assert known
    roots = (ROOT, ROOT / "src/whimbrel")
    assert not [each for each in known if not any((root / each).exists() for root in roots)]


def test_every_name_that_is_said_to_be_in_a_file_is_there() -> None:
    found = list(rows(section(text_of("architecture.md"), "Where is ...?")))[1:]
    assert len(found) > 20
    for _, where, names in found:
        for file in (each for each in coded(where) if each.endswith(".py")):
            text = (ROOT / "src/whimbrel" / file).read_text()
            for name in coded(names):
                pattern = rf"^\s*(?:(?:def|class) )?{name}\b"
                assert re.search(pattern, text, re.MULTILINE), f"{file} has no {name}"


# -- files on the pages


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_python_on_the_pages_compiles(page: Path) -> None:
    for block in blocks(page.read_text()):
        if block.language == "python":
            compile(block.text, shown(page), "exec")
