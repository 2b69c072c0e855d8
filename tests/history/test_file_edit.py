"""Edits of a user's migration files: what was asked for, and every other byte as it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from history.projects import history, migration, model, write
from whimbrel.errors import WriteError
from whimbrel.history.file_edit import (
    edit_file,
    with_dependencies,
    with_dependency,
    without_replaces,
)
from whimbrel.history.node import Key
from whimbrel.history.writer import rewrite_migration

ONE, TWO, SIX = ("blog", "0001_one"), ("blog", "0002_two"), ("blog", "0006_six")
OTHER = ("shop", "0001_initial")

HEAD = "from whimbrel import migrations\n\n\nclass Migration(migrations.Migration):\n"


def file(body: str) -> str:
    return f"# Mine: ünicode\n{HEAD}    '''Words.'''\n    {body}\n\n    operations = []  # none\n"


EXCHANGED: list[tuple[str, Mapping[Key, Key | None], str]] = [
    (
        'dependencies = [("blog", "0001_one")]',
        {ONE: SIX},
        'dependencies = [("blog", "0006_six")]',
    ),
    (
        "dependencies = (('blog', '0001_one'),)  # why",
        {ONE: SIX},
        "dependencies = (('blog', '0006_six'),)  # why",
    ),
    (
        'dependencies = [["blog", "0001_one"], ("shop", "0001_initial"), ]',
        {ONE: OTHER, OTHER: SIX},
        'dependencies = [["shop", "0001_initial"], ("blog", "0006_six"), ]',
    ),
    (
        'dependencies = [\n        # the first\n        ("blog", "0001_one"),  # é, comma\n'
        '        (\n            "shop",\n            "0001_initial",\n        ),\n    ]',
        {OTHER: TWO, ONE: SIX},
        'dependencies = [\n        # the first\n        ("blog", "0006_six"),  # é, comma\n'
        '        (\n            "blog",\n            "0002_two",\n        ),\n    ]',
    ),
    (
        'dependencies: list = [("blog", "0001_one")]\n    run_before = [("blog", "0001_one"), ("é", "x")]',
        {ONE: SIX},
        'dependencies: list = [("blog", "0006_six")]\n    run_before = [("blog", "0006_six"), ("é", "x")]',
    ),
    # What is taken out, or would stand there twice.
    ('dependencies = [("blog", "0001_one")]', {ONE: None}, "dependencies = []"),
    ('dependencies = (("blog", "0001_one"),)', {ONE: None}, "dependencies = ()"),
    (
        'dependencies = [("blog", "0001_one"), ("blog", "0002_two")]',
        {ONE: None},
        'dependencies = [("blog", "0002_two")]',
    ),
    (
        'dependencies = [("blog", "0001_one"), ("blog", "0002_two"),]',
        {TWO: None},
        'dependencies = [("blog", "0001_one"),]',
    ),
    (
        'dependencies = (("blog", "0001_one"), ("blog", "0002_two"))',
        {TWO: None},
        'dependencies = (("blog", "0001_one"),)',
    ),
    (
        'dependencies = (("blog", "0001_one"), ("blog", "0002_two"))',
        {ONE: None},
        'dependencies = (("blog", "0002_two"),)',
    ),
    (
        'dependencies = [("blog", "0001_one"), ("shop", "0001_initial"), ("blog", "0002_two")]',
        {ONE: SIX, TWO: SIX},
        'dependencies = [("blog", "0006_six"), ("shop", "0001_initial")]',
    ),
    (
        'dependencies = [\n        ("blog", "0001_one"),  # one, gone\n        ("blog", "0002_two"),\n    ]',
        {ONE: None},
        'dependencies = [\n        ("blog", "0002_two"),\n    ]',
    ),
    (
        'dependencies = [\n        ("blog", "0001_one"),\n        ("blog", "0002_two")\n    ]',
        {TWO: None},
        'dependencies = [\n        ("blog", "0001_one"),\n    ]',
    ),
    (
        'dependencies = [\n        ("blog", "0001_one"),\n    ]',
        {ONE: None},
        "dependencies = []",
    ),
    (
        'dependencies = [("blog", "0001_one"),  # stays\n                    ("blog", "0002_two")]',
        {TWO: None},
        'dependencies = [("blog", "0001_one"),  # stays\n                    ]',
    ),
    (
        'dependencies = [("blog", "0001_one"), ("blog", "0002_two"), ("shop", "0001_initial")]',
        {ONE: None, TWO: None, OTHER: None},
        "dependencies = []",
    ),
    # A chain moves by one: no pair is exchanged twice.
    (
        'dependencies = [("blog", "0001_one"), ("blog", "0002_two")]',
        {ONE: TWO, TWO: SIX},
        'dependencies = [("blog", "0002_two"), ("blog", "0006_six")]',
    ),
    (
        'dependencies = [("blog", "0001_one"), ("blog", "0002_two")]',
        {ONE: TWO, TWO: None},
        'dependencies = [("blog", "0002_two")]',
    ),
    # Nothing to do: nothing done, however it is written.
    ("dependencies = []", {ONE: SIX}, "dependencies = []"),
    ('replaces = [("blog", "0001_one")]', {ONE: SIX}, 'replaces = [("blog", "0001_one")]'),
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("body", "by", "expected"), EXCHANGED)
def test_pairs_are_exchanged_and_all_else_stays(
    body: str, by: Mapping[Key, Key | None], expected: str, end: str
) -> None:
    before, after = (file(each).replace("\n", end) for each in (body, expected))
    assert with_dependencies(before, by) == after


REFUSED = [
    ('FIRST = ("blog", "0001_one")\n    dependencies = [FIRST]', "FIRST is not a pair"),
    ('dependencies = [("blog", NAME)]', '("blog", NAME) is not a pair'),
    ('dependencies = [("blog", "0001_one")] + MORE', "the list is not written out"),
    ("dependencies = made_by(1)", "the list is not written out"),
    ('dependencies = []\n    dependencies += [("blog", "0001_one")]', "in one plain assignment"),
    ('if 1:\n        dependencies = [("blog", "0001_one")]', "in one plain assignment"),
]


@pytest.mark.parametrize(("body", "why"), REFUSED)
def test_what_is_not_written_out_is_refused_with_what_to_edit(body: str, why: str) -> None:
    with pytest.raises(WriteError) as error:
        with_dependencies(file(body), {ONE: SIX}, place="blog/migrations/0002_two.py")
    assert why in error.value.message
    assert str(error.value.place).startswith("blog/migrations/0002_two.py:")
    assert '("blog", "0006_six") in the place of ("blog", "0001_one")' in str(error.value.hint)


@pytest.mark.parametrize(
    ("text", "why"),
    [("class Migration(:\n", "no Python"), ("x = 1\n", "no `class Migration`")],
)
def test_a_file_without_a_migration_is_refused(text: str, why: str) -> None:
    with pytest.raises(WriteError, match=why):
        with_dependencies(text, {ONE: SIX})


ADDED = [
    (
        'dependencies = [("blog", "0001_one")]',
        'dependencies = [("blog", "0001_one"), ("blog", "0006_six")]',
    ),
    (
        'dependencies = (("blog", "0001_one"),)',
        'dependencies = (("blog", "0001_one"), ("blog", "0006_six"),)',
    ),
    ("dependencies = []", 'dependencies = [("blog", "0006_six")]'),
    ("dependencies = ()", 'dependencies = (("blog", "0006_six"),)'),
    (
        'dependencies = [\n        ("blog", "0001_one"),  # why\n    ]',
        'dependencies = [\n        ("blog", "0001_one"),  # why\n        ("blog", "0006_six"),\n    ]',
    ),
    (
        'dependencies = [\n        ("blog", "0001_one")\n    ]',
        'dependencies = [\n        ("blog", "0001_one"),\n        ("blog", "0006_six")\n    ]',
    ),
    (
        "initial = True",
        'dependencies = [("blog", "0006_six")]\n\n    initial = True',
    ),
    ('dependencies = [("blog", "0006_six")]', 'dependencies = [("blog", "0006_six")]'),
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("body", "expected"), ADDED)
def test_a_pair_is_added_as_the_others_are_written(body: str, expected: str, end: str) -> None:
    before, after = (file(each).replace("\n", end) for each in (body, expected))
    assert with_dependency(before, SIX) == after


LESS = [
    (
        'replaces = [("blog", "0001_one")]\n\n    dependencies = []',
        "dependencies = []",
    ),
    (
        'dependencies = []\n\n    replaces = [\n        ("blog", "0001_one"),\n    ]  # those',
        "dependencies = []",
    ),
    ('replaces = [("blog", "0001_one")]; initial = True', "replaces = []; initial = True"),
    ("replaces = made_by(1)\n    initial = True", "initial = True"),
    ("initial = True", "initial = True"),
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("body", "expected"), LESS)
def test_a_squash_without_what_it_replaces(body: str, expected: str, end: str) -> None:
    before, after = (file(each).replace("\n", end) for each in (body, expected))
    assert without_replaces(before) == after


def test_the_first_statement_of_a_class_goes_with_the_line_below_it() -> None:
    before = f'{HEAD}    replaces = [("blog", "0001_one")]\n\n    operations = []\n'
    assert without_replaces(before) == f"{HEAD}    operations = []\n"
    alone = f'{HEAD}    replaces = [("blog", "0001_one")]\n'
    assert without_replaces(alone) == f"{HEAD}    replaces = []\n"


@pytest.mark.parametrize(
    ("encoding", "first"),
    [("utf-8", ""), ("utf-8-sig", ""), ("latin-1", "# -*- coding: latin-1 -*-\r\n")],
)
def test_a_file_keeps_its_encoding_and_loads(tmp_path: Path, encoding: str, first: str) -> None:
    write(tmp_path, {"blog/migrations/0001_one.py": migration(model("Post"))})
    path = tmp_path / "blog/migrations/0003_three.py"
    text = f"{first}# é\r\n" + migration(dependencies=[("blog", "0002_gone")])
    path.write_bytes(text.encode(encoding))

    new = edit_file(path, lambda text: with_dependencies(text, {("blog", "0002_gone"): ONE}))
    rewrite_migration(path, new)

    assert new == text.replace("0002_gone", "0001_one").encode(encoding)
    assert history(tmp_path, "blog").node("blog", "0003").dependencies == (ONE,)
