"""A rule is switched off in a migration that does not break it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whimbrel.lint.rule import Problem, Rule, migration


def problems(codes: Iterable[str]) -> Iterator[Problem]:
    """Return the problems of codes that a migration ignores, and of which nothing was found."""
    for code in codes:
        yield Problem(f"lint_ignore has {code!r}, and nothing of that code is found here")


RULE = Rule(
    code="unused-ignore",
    level="warning",
    title="`lint_ignore` has a code of which nothing is found, or that there is not",
    happens="Nothing today.",
    why="Whoever edits the migration later is not told of what comes in, and the reason misleads "
    "whoever reads it.",
    instead="Take it out of lint_ignore.",
    # Only who has run all the other rules can tell: see `problems`.
    check=lambda scope: (),
    bad=migration(
        'migrations.AddField("post", "likes", models.IntegerField(default=0))',
        members='lint_ignore = {"dropped": "no code uses it"}',
    ),
    good=migration('migrations.AddField("post", "likes", models.IntegerField(default=0))'),
)
