"""The command lint: which migrations it judges, what it prints, how it ends."""

from __future__ import annotations

import subprocess
from typing import Any

import jsonschema
import pytest

from projects import Project

ADD = 'migrations.AddField("M1", "{0}", models.IntegerField(null=True))'
RENAME = 'migrations.RenameField("M1", "number", "amount")'
DROP = 'migrations.RemoveField("M1", "amount")'


def git(project: Project, *words: str) -> str:
    words = ("-c", "user.name=x", "-c", "user.email=x@example.org", *words)
    ended = subprocess.run(
        ["git", *words], cwd=project.root, check=True, capture_output=True, text=True
    )
    return ended.stdout


@pytest.fixture
def chained(empty: Project) -> Project:
    """Three migrations, of which the second renames and the third removes; and another app."""
    empty.configured("blog", "shop")
    empty.chain("blog", 1)
    empty.chain("shop", 1)
    empty.migration("blog", "0002_rename", RENAME, after=[("blog", "0001_m1")])
    empty.migration("blog", "0003_remove", DROP, after=[("blog", "0002_rename")])
    return empty


def found(project: Project, *args: str, code: int | None = None) -> list[str]:
    ended = project.run("lint", "--json", "--ignore", "loses-data", *args)
    assert code is None or ended.code == code, ended.err
    return [f"{each['subject']} {each['code']}" for each in ended.json["findings"]]


BOTH = ["blog.0002_rename renamed", "blog.0003_remove dropped"]


def test_what_is_judged(chained: Project) -> None:
    assert found(chained) == BOTH  # no git here
    git(chained, "init", "-q")
    assert found(chained) == BOTH  # and no commit
    git(chained, "add", ".")
    git(chained, "commit", "-q", "-m", "one")
    assert found(chained, code=0) == []
    assert found(chained, "--all", code=1) == BOTH
    assert found(chained, "blog") == BOTH and found(chained, "shop") == []
    assert found(chained, "blog", "0002") == BOTH[:1]
    renamed = chained.migration("blog", "0004_again", RENAME.replace("number", "id"))
    text = renamed.read_text().replace(
        "dependencies = []", 'dependencies = [("blog", "0003_remove")]'
    )
    renamed.write_text(text)
    assert found(chained) == ["blog.0004_again renamed"]
    git(chained, "add", ".")
    assert found(chained) == ["blog.0004_again renamed"]
    git(chained, "commit", "-q", "-m", "two")
    assert found(chained) == []
    assert found(chained, "--since", "HEAD~1") == ["blog.0004_again renamed"]
    assert found(chained, "shop", "--since", "HEAD~1") == []
    first = chained.root / "blog/migrations/0003_remove.py"
    first.write_text(first.read_text() + "\n# edited\n")
    assert found(chained, "--since", "HEAD~1") == [BOTH[1], "blog.0004_again renamed"]


def test_what_a_database_does_not_have(chained: Project) -> None:
    chained.do("migrate", "blog", "0002")
    assert found(chained, "--unapplied") == BOTH[1:]
    chained.do("migrate")
    assert found(chained, "--unapplied", code=0) == []


WRONG: dict[str, tuple[list[str], str]] = {
    "a revision": (["--since", "nowhere"], "--since: git knows no revision 'nowhere' here"),
    "an option as a revision": (["--since=--output=x"], "git knows no revision"),
    "a code": (["--ignore", "renamd"], "lint has no rule 'renamd'"),
    "a dialect": (["--dialect", "oracle"], "there is no engine for 'oracle'"),
    "an app": (["nobody"], "there is no app 'nobody'"),
    "a name": (["blog", "0009"], "blog has no migration '0009'"),
}


@pytest.mark.parametrize(("args", "message"), WRONG.values(), ids=WRONG)
def test_wrong_usage(chained: Project, args: list[str], message: str) -> None:
    ended = chained.run("lint", *args)
    assert ended.code in (2, 4) and message in ended.err


CONFIGURED: dict[str, tuple[str, list[str], list[str], int]] = {
    "nothing": ("", [], BOTH, 1),
    "ignored": ('ignore = ["renamed"]', [], BOTH[1:], 1),
    "ignored twice": ('ignore = ["renamed"]', ["--ignore", "dropped"], [], 0),
    "selected": ('select = ["renamed"]', [], BOTH[:1], 1),
    "selected by hand": ('select = ["renamed"]', ["--select", "dropped"], BOTH[1:], 1),
    "milder": ('severity = { renamed = "warning", dropped = "info" }', [], BOTH, 0),
    "milder and strict": (
        'severity = { renamed = "warning", dropped = "info" }',
        ["--strict"],
        BOTH,
        1,
    ),
    "strict": ('severity = { renamed = "info", dropped = "warning" }\nstrict = true', [], BOTH, 1),
    "infos alone": (
        'severity = { renamed = "info", dropped = "info" }\nstrict = true',
        [],
        BOTH,
        0,
    ),
}


@pytest.mark.parametrize(("more", "args", "expected", "code"), CONFIGURED.values(), ids=CONFIGURED)
def test_configured(
    chained: Project, more: str, args: list[str], expected: list[str], code: int
) -> None:
    chained.configured("blog", "shop", more=f"[tool.whimbrel.lint]\n{more}\n")
    assert found(chained, *args, code=code) == expected


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('ignore = ["x"]', "lint has no rule 'x'"),
        ('severity = { x = "error" }', "lint has no rule 'x'"),
        ('severity = { renamed = "fatal" }', "there is no severity 'fatal'"),
        ("severity = { renamed = [] }", "there is no severity []"),
        ("strict = 1", "must be a boolean, not a number"),
        ("level = 1", "there is no such key as 'level'"),
    ],
)
def test_a_configuration_that_cannot_be(chained: Project, more: str, message: str) -> None:
    chained.configured("blog", "shop", more=f"[tool.whimbrel.lint]\n{more}\n")
    ended = chained.run("lint")
    assert ended.code == 2 and message in ended.err


def with_reason(project: Project, given: str) -> None:
    file = project.root / "blog/migrations/0003_remove.py"
    file.write_text(
        file.read_text().replace("    atomic", f"    lint_ignore = {given}\n    atomic")
    )


def test_a_reason_leaves_a_finding_out_and_the_digest_as_it_is(chained: Project) -> None:
    chained.do("migrate")
    with_reason(chained, '{"dropped": "unused", "loses-data": "all of it is NULL"}')
    ended = chained.run("lint", "--json")
    assert [each["code"] for each in ended.json["findings"]] == ["renamed"]
    assert ended.json["ignored"] == 2
    assert ended.err == "1 error in 4 migrations, and 2 ignored with a reason.\n"
    assert "[X] 0003_remove" in chained.do("showmigrations", "blog").out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('{"dropped": ""}', "Migration.lint_ignore gives no reason for 'dropped'"),
        ('{"dropped": None}', "Migration.lint_ignore gives no reason for 'dropped'"),
        ('["dropped"]', "Migration.lint_ignore is ['dropped'], not a mapping of codes to reasons"),
    ],
)
def test_a_reason_that_is_none_is_refused(chained: Project, given: str, message: str) -> None:
    with_reason(chained, given)
    ended = chained.run("lint")
    assert ended.code == 4 and message in ended.err


def test_formats(chained: Project) -> None:
    ended = chained.run("lint", "blog", "0003")
    assert ended.out.splitlines()[0].startswith(
        "blog/migrations/0003_remove.py:7: dropped: blog.0003_remove: Remove field amount from M1: "
    )
    github = chained.run("lint", "blog", "0003", "--format", "github").out
    assert github.startswith(
        "::error file=blog/migrations/0003_remove.py,line=7,title=whimbrel%3A dropped::"
    )
    milder = '[tool.whimbrel.lint]\nseverity = { renamed = "info", dropped = "warning" }\n'
    chained.configured("blog", "shop", more=milder)
    ended = chained.run("lint", "--format", "github")
    kinds = [line.partition(" ")[0] for line in ended.out.splitlines()]
    assert kinds == ["::notice", "::warning", "::warning"]
    assert ended.err == "2 warnings and 1 note in 4 migrations.\n"


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    """An object that has these properties and no others."""
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


def listed(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


TEXT = {"type": "string", "minLength": 1}
MESSAGE = closed(["text"], text=TEXT)
LEVEL = {"enum": ["none", "note", "warning", "error"]}
LOCATION = closed(
    [],
    physicalLocation=closed(
        ["artifactLocation"],
        artifactLocation=closed(["uri"], uri={"type": "string", "format": "uri-reference"}),
        region=closed([], startLine={"type": "integer", "minimum": 1}),
    ),
    logicalLocations=listed(closed([], fullyQualifiedName=TEXT)),
)
RULE = closed(
    ["id"],
    id=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=closed([], level=LEVEL),
)
RESULT = closed(
    ["message"],
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": -1},
    level=LEVEL,
    message=MESSAGE,
    locations=listed(LOCATION),
)
#: What SARIF 2.1.0 says of the properties that are written (3.13 and what it refers to).
SARIF = closed(
    ["version", "runs"],
    **{"$schema": {"type": "string", "format": "uri"}},
    version={"enum": ["2.1.0"]},
    runs=listed(
        closed(
            ["tool"],
            tool=closed(
                ["driver"], driver=closed(["name"], name=TEXT, version=TEXT, rules=listed(RULE))
            ),
            results=listed(RESULT),
        )
    ),
)


def test_sarif(chained: Project) -> None:
    git(chained, "init", "-q")
    written = chained.run("lint", "--format", "sarif").json
    jsonschema.Draft7Validator(SARIF).validate(written)
    (run,) = written["runs"]
    for each in run["results"]:
        assert run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"]
        (place,) = each["locations"]
        assert (chained.root / place["physicalLocation"]["artifactLocation"]["uri"]).is_file()
    assert [each["ruleId"] for each in run["results"]] == ["renamed", "dropped", "loses-data"]
    nothing = chained.run("lint", "shop", "--format", "sarif").json
    assert nothing["runs"][0]["results"] == []


def test_reasons_stay_where_a_file_is_written_anew(chained: Project) -> None:
    reason = '{"dropped": "unused since \\"2.3\\""}'
    with_reason(chained, reason)
    chained.models("blog", "class M1(models.Model):\n    title = models.TextField(null=True)\n")
    chained.models("shop", "class M1(models.Model):\n    number = models.IntegerField(default=0)\n")
    chained.do("makemigrations", "--update")
    text = (chained.root / "blog/migrations/0003_remove.py").read_text()
    assert "title" in text
    module: dict[str, Any] = {}
    exec(text, module)
    assert module["Migration"].lint_ignore == {"dropped": 'unused since "2.3"'}


def test_nothing_is_opened_unless_it_is_asked_for(chained: Project) -> None:
    elsewhere = {"DATABASE_URL": "postgresql://nobody@203.0.113.1:1/none"}
    ended = chained.run("lint", "blog", env=elsewhere)
    assert (ended.code, "renamed" in ended.out) == (1, True)
