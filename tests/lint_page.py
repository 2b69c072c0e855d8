"""docs/lint.md, made of the rules.

``python tests/lint_page.py`` writes it; a test holds that it is what the rules say.
"""

from __future__ import annotations

from collections.abc import Iterator

from pages import DOCS
from whimbrel.lint.rule import BASE, Rule
from whimbrel.lint.rules import RULES

PAGE = DOCS / "lint.md"

_HEAD = """\
# Rules of lint

What [`whimbrel lint`](commands/lint.md) finds in migrations. This page is made of the rules themselves
(`python tests/lint_page.py`), and each example is tested: the first migration of a rule breaks it, the second does not.

A rule can be left out, or get another severity, in the [configuration](configuration.md#keys); and be left out in one
migration, with the reason:

```python
# blog/migrations/0009_remove_rating.py
from whimbrel import migrations


class Migration(migrations.Migration):
    dependencies = [("blog", "0008_before")]
    lint_ignore = {"dropped": "no code uses it since release 2.3"}

    operations = [
        migrations.RemoveField("post", "rating"),
    ]
```

| code | severity | what it finds |
| --- | --- | --- |
"""


def page() -> str:
    """The text of the page."""
    table = "".join(
        f"| [`{each.code}`](#{each.code}) | {each.level} | {each.title} |\n" for each in RULES
    )
    base = _file("0001_initial", BASE)
    before = f"\nEvery example comes after this migration:\n\n{base}"
    return f"{_HEAD}{table}{before}" + "".join(part for rule in RULES for part in _section(rule))


def _section(rule: Rule) -> Iterator[str]:
    yield f"\n## {rule.code}\n\n"
    yield f"**{rule.level.capitalize()}:** {rule.title}.\n\n"
    yield f"What happens: {rule.happens}\n\nWhy that is bad: {rule.why}\n\n"
    yield _file("0002_next", rule.bad)
    yield f"\nWhat to do instead: {rule.instead}\n\n"
    yield _file("0002_next", rule.good)


def _file(name: str, text: str) -> str:
    return f"```python\n# blog/migrations/{name}.py\n{text}```\n"


if __name__ == "__main__":
    PAGE.write_text(page())
