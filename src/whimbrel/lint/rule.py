"""The rule and the problem, which is what a rule finds."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whimbrel.findings import Level

if TYPE_CHECKING:
    from whimbrel.lint.scope import LintScope


@dataclass(frozen=True)
class Problem:
    """One place where a migration breaks a rule.

    operation: its number in the migration, from 1; 0: the migration as a whole. line: in the
    migration's file, where it is not that of the operation. fix: Python to paste. instead: what to
    do, where that is not what the rule says.
    """

    message: str
    operation: int = 0
    line: int | None = None
    fix: str = ""
    instead: str | None = None


@dataclass(frozen=True)
class Rule:
    """A rule: what it finds, and all that its section of docs/lint.md says.

    title: what it finds, in a clause. happens, why, instead: sentences; ``instead`` is also the
    hint of its findings. bad, good: a migration that breaks it, and one to write instead, both
    after `BASE`.
    """

    code: str
    level: Level
    title: str
    happens: str
    why: str
    instead: str
    check: Callable[[LintScope], Iterable[Problem]]
    bad: str
    good: str


def migration(
    *operations: str, above: str = "", members: str = "", more: str = "", name: str = "0001_initial"
) -> str:
    """Return the text of a migration's file, for the examples of rules.

    above: functions before the class. members: of the class, before its operations. more: imports.
    name: the migration that it depends on; empty: none.
    """
    listed = "".join(textwrap.indent(f"{each},\n", " " * 8) for each in operations)
    head = "\n".join([*more.splitlines(), "from whimbrel import migrations, models"])
    body = f"{above.strip()}\n\n\n" if above else ""
    after = f'    dependencies = [("blog", "{name}")]\n' if name else ""
    own = f"    {members}\n" if members else ""
    gap = "\n" if after or own else ""
    return (
        f"{head}\n\n\n{body}class Migration(migrations.Migration):\n{after}{own}{gap}"
        f"    operations = [\n{listed}    ]\n"
    )


#: The migration before every example.
BASE = migration(
    """\
migrations.CreateModel(
    "Author",
    fields=[
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=100)),
    ],
)""",
    """\
migrations.CreateModel(
    "Post",
    fields=[
        ("id", models.BigAutoField(primary_key=True)),
        ("title", models.CharField(max_length=100)),
        ("body", models.TextField(null=True)),
        ("rating", models.IntegerField(null=True)),
        ("state", models.EnumField(["draft", "public"], name="state", default="draft")),
        ("author", models.ForeignKey("Author", models.CASCADE)),
    ],
)""",
    name="",
)
