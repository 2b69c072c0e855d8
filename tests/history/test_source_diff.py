"""What two texts of a migration file do differently, as people are shown it."""

from __future__ import annotations

import pytest

from whimbrel.history.source_diff import LONGEST, differences

FILE = """from whimbrel import migrations, models
{above}
class Migration(migrations.Migration):
    operations = [
        {operations}
    ]
"""


def text(operations: str, above: str = "") -> str:
    return FILE.format(operations=operations, above=above)


POST = """migrations.CreateModel("Post", fields=[
            ("id", models.BigAutoField(primary_key=True)),
            ("title", models.CharField(max_length=100)),
            ("body", models.TextField(null=True)),
        ], options={"db_table": "posts"})"""
ADD = 'migrations.AddField("post", "slug", models.SlugField())'
DROP = 'migrations.RemoveField("post", "body")'
RUN = "migrations.RunPython(forwards)"
BODY = '''
LIMIT = 3

def helper():
    return LIMIT

def forwards(apps, schema_editor):
    """It says."""
    helper()

def unused():
    pass
'''

ADDED = "migrations.AddField('post', 'slug', models.SlugField())"
DROPPED = "migrations.RemoveField('post', 'body')"

ROWS = [
    pytest.param(text(ADD), text(DROP), [f"- {ADDED}", f"+ {DROPPED}"], id="another"),
    pytest.param(text(ADD), text(f"{ADD}, {DROP}"), [f"+ {DROPPED}"], id="one more"),
    pytest.param(text(f"{ADD}, {DROP}"), text(ADD), [f"- {DROPPED}"], id="one less"),
    pytest.param(
        text(f"{ADD}, {DROP}"), text(f"{DROP}, {ADD}"), [f"+ {DROPPED}", f"- {DROPPED}"], id="order"
    ),
    pytest.param(
        text(POST),
        text(POST.replace("100", "80")),
        [
            "  migrations.CreateModel(",
            "      fields=[",
            "-         ('title', models.CharField(max_length=100)),",
            "+         ('title', models.CharField(max_length=80)),",
        ],
        id="a field among others",
    ),
    pytest.param(
        text(POST),
        text(POST.replace('"posts"', '"post"')),
        [
            "  migrations.CreateModel(",
            "-     options={'db_table': 'posts'},",
            "+     options={'db_table': 'post'},",
        ],
        id="an option",
    ),
    pytest.param(
        text(RUN, BODY),
        text(RUN, BODY.replace("    helper()", "    helper()\n    helper()")),
        ["  def forwards(apps, schema_editor):", "+     helper()"],
        id="a function",
    ),
    pytest.param(
        text(RUN, BODY),
        text(RUN, BODY.replace("LIMIT = 3", "LIMIT = 4")),
        ["- LIMIT = 3", "+ LIMIT = 4"],
        id="what a function uses",
    ),
    pytest.param(text(RUN, BODY), text(RUN, BODY.replace("pass", "return 1")), [], id="unused"),
    pytest.param(text(RUN, BODY), text(RUN, BODY.replace("It says.", "More.")), [], id="docstring"),
    pytest.param(text(ADD), "# Why.\n" + text(ADD.replace('"', "'")), [], id="layout"),
    pytest.param(
        text(ADD).replace("[", "list([", 1).replace("]", "])", 1),
        text(DROP).replace("[", "list([", 1).replace("]", "])", 1),
        [f"- list([{ADDED}])", f"+ list([{DROPPED}])"],
        id="not written as a list",
    ),
    pytest.param(text(ADD), "x = 1\n", [f"- {ADDED}"], id="no migration"),
]


@pytest.mark.parametrize(("before", "after", "lines"), ROWS)
def test_what_differs_is_shown(before: str, after: str, lines: list[str]) -> None:
    assert differences(before, after) == lines


def test_a_long_difference_is_cut() -> None:
    many = ", ".join(f'migrations.RemoveField("post", "f{number}")' for number in range(90))
    shown = differences(text(ADD), text(many))
    assert len(shown) == LONGEST
    assert shown[-1] == "  ... and 52 more lines"


def test_nothing_is_executed() -> None:
    assert differences(text(ADD), "raise SystemExit\n" + text(ADD)) == []
