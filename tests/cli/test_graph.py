"""The graph: its layout as rows and lanes, and what each form says of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages import Workshop
from projects import CREATE, Project
from whimbrel.commands.graph import GraphLayout, layout
from whimbrel.commands.show import Mark, Shown, ShownHistory
from whimbrel.report.graph import graph_dot, graph_json, graph_mermaid, graph_text

AT = datetime(2026, 1, 31, tzinfo=UTC)


def shown(line: str, mark: Mark = Mark.UNKNOWN) -> Shown:
    """ "a.2 a.1": a migration and what it waits for; "a.3~" one without a file, "a.4-1,2" a hidden squash."""
    label, *waits_for = line.split()
    app, _, name = label.partition(".")
    if name.endswith("~"):
        return Shown(app, name[:-1], Mark.NO_FILE, AT)
    name, squash, replaced = re.fullmatch(r"(\w+)([-+]?)(.*)", name).groups()  # type: ignore[union-attr]
    replaces = tuple(f"{app}.{each}" for each in replaced.split(",") if each)
    return Shown(app, name, mark, None, tuple(waits_for), replaces, in_force=squash != "-")


def drawn(*lines: str, mark: Mark = Mark.UNKNOWN, apps: str = "a") -> GraphLayout:
    migrations = tuple(shown(line, mark) for line in lines)
    return layout(ShownHistory(None, tuple(apps.split()), migrations, {}))


TEXTS = {
    "nothing": ([], "(no migrations)"),
    "one": (["a.1"], "● 1  (leaf)"),
    "line": (["a.1", "a.2 a.1", "a.3 a.2"], "● 1\n● 2\n● 3  (leaf)"),
    "fork": (
        ["a.1", "a.2 a.1", "a.3 a.1"],
        "● 1\n├─╮\n● │ 2  (leaf)\n  ● 3  (leaf)\nconflict: 2 leaves: 2, 3",
    ),
    "diamond": (
        ["a.1", "a.2 a.1", "a.3 a.1", "a.4 a.2 a.3", "a.5 a.4"],
        "● 1\n├─╮\n● │ 2\n│ ● 3\n├─╯\n● 4\n● 5  (leaf)",
    ),
    "one branch is longer": (
        ["a.1", "a.2 a.1", "a.3 a.1", "a.4 a.3", "a.5 a.4", "a.6 a.2 a.5"],
        "● 1\n├─╮\n● │ 2\n│ ● 3\n│ ● 4\n│ ● 5\n├─╯\n● 6  (leaf)",
    ),
    "three leaves": (
        ["a.1", "a.2 a.1", "a.3 a.1", "a.4 a.1"],
        "● 1\n├─┬─╮\n● │ │ 2  (leaf)\n  ● │ 3  (leaf)\n    ● 4  (leaf)\n"
        "conflict: 3 leaves: 2, 3, 4",
    ),
    "three are merged": (
        ["a.1", "a.2 a.1", "a.3 a.1", "a.4 a.1", "a.5 a.2 a.3 a.4"],
        "● 1\n├─┬─╮\n● │ │ 2\n│ ● │ 3\n│ │ ● 4\n├─┴─╯\n● 5  (leaf)",
    ),
    "lanes that go over one": (
        ["a.1", "a.2 a.1", "a.3 a.1", "a.4 a.1", "a.5 a.2 a.4", "a.6 a.3 a.5"],
        "● 1\n├─┬─╮\n● │ │ 2\n│ ● │ 3\n│ │ ● 4\n├─│─╯\n● │ 5\n├─╯\n● 6  (leaf)",
    ),
    "a fork over a lane": (
        ["a.1", "a.2 a.1", "a.3 a.1", "a.4 a.2", "a.5 a.2", "a.6 a.3 a.4 a.5"],
        "● 1\n├─╮\n● │ 2\n├─│─╮\n│ ● │ 3\n● │ │ 4\n│ │ ● 5\n├─┴─╯\n● 6  (leaf)",
    ),
    "merged, and parted at once": (
        ["a.1", "a.2 a.1", "a.3 a.1", "a.4 a.2 a.3", "a.5 a.4", "a.6 a.4"],
        "● 1\n├─╮\n● │ 2\n│ ● 3\n├─╯\n● 4\n├─╮\n● │ 5  (leaf)\n  ● 6  (leaf)\n"
        "conflict: 2 leaves: 5, 6",
    ),
    "said twice": (
        ["a.1", "a.2 a.1", "a.3 a.2 a.1"],
        "● 1\n├─╮\n● │ 2\n├─╯\n● 3  (leaf)",
    ),
    "two roots": (
        ["a.1", "a.2", "a.3 a.1 a.2"],
        "● 1\n│ ● 2\n├─╯\n● 3  (leaf)",
    ),
    "a root under a leaf is beside it": (
        ["a.1", "a.2", "a.3"],
        "● 1  (leaf)\n  ● 2  (leaf)\n● 3  (leaf)\nconflict: 3 leaves: 1, 2, 3",
    ),
    "what has no file is beside it": (
        ["a.1", "a.2 a.1", "a.3~", "a.4~"],
        "● 1\n● 2  (leaf)\n"
        "  ◌ [X] 3  (applied, and its file is gone)\n"
        "  ◌ [X] 4  (applied, and its file is gone)",
    ),
    "nothing that has a file": (["a.1~"], "◌ [X] 1  (applied, and its file is gone)"),
    "a squash": (
        ["a.0", "a.9+1,2,3 a.0", "a.4 a.9"],
        "● 0\n● 9  (3 squashed migrations)\n● 4  (leaf)",
    ),
    "a squash that is not in force": (
        ["a.1", "a.2 a.1", "a.9-1,2", "a.3 a.2"],
        "● 1\n● 2\n"
        "│ ◌ 9  (2 squashed migrations; not in force: the originals are, until all are applied)\n"
        "● 3  (leaf)",
    ),
}


def indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


@pytest.mark.parametrize(("lines", "text"), TEXTS.values(), ids=TEXTS)
def test_the_text(lines: list[str], text: str) -> None:
    assert graph_text(drawn(*lines)) == f"a\n{indented(text)}"


CROSSING = ["a.1", "b.1 a.1", "a.2 a.1 b.1", "b.2 b.1 a.2 c.1", "c.1"]


def test_apps_that_cross() -> None:
    made = drawn(*CROSSING, apps="a b c")
    assert graph_text(made).splitlines() == [
        "a",
        "  ● 1",
        "  ● 2 <- b.1  (leaf)",
        "b",
        "  ● 1 <- a.1",
        "  ● 2 <- a.2, c.1  (leaf)",
        "c",
        "  ● 1  (leaf)",
    ]
    assert [(edge.parent, edge.child) for edge in made.edges if edge.lane is None] == [
        ("b.1", "a.2"),
        ("a.1", "b.1"),
        ("a.2", "b.2"),
        ("c.1", "b.2"),
    ]


def test_plain_text_has_the_same_lines() -> None:
    made = drawn(*TEXTS["lanes that go over one"][0])
    text = graph_text(made, plain=True)
    assert text.isascii()
    assert text.splitlines()[1:9] == [
        "  * 1",
        "  +-.-.",
        "  * | | 2",
        "  | * | 3",
        "  | | * 4",
        "  +-|-'",
        "  * | 5",
        "  +-'",
    ]


def test_the_marks() -> None:
    assert [graph_text(drawn("a.1", mark=mark)).splitlines()[1] for mark in Mark] == [
        "  ● [X] 1  (leaf)",
        "  ● [ ] 1  (leaf)",
        "  ● [~] 1  (half done: run migrate again; leaf)",
        "  ● [X] 1  (edited since it was applied; leaf)",
        "  ◌ [X] 1  (applied, and its file is gone)",
        "  ● 1  (leaf)",
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[str]:
    """Migrations of one app that wait for any earlier ones, with one without a file at the end."""
    lines = []
    for number in range(draw(st.integers(1, 12))):
        before = st.sets(st.integers(0, number - 1), max_size=3) if number else st.just(set())
        lines.append(" ".join([f"a.{number}", *(f"a.{each}" for each in sorted(draw(before)))]))
    return [*lines, "a.99~"]


@pytest.mark.parametrize(("lines", "_"), TEXTS.values(), ids=TEXTS)
def test_a_layout_holds_together(lines: list[str], _: str) -> None:
    holds_together(drawn(*lines))


@given(histories())
def test_any_layout_holds_together(lines: list[str]) -> None:
    holds_together(drawn(*lines))


def holds_together(made: GraphLayout) -> None:
    """Each edge has a lane for itself, from row to row, and nothing else looks like an edge."""
    (app,) = made.apps
    row_of = {row.shown.label: number for number, row in enumerate(app.rows)}
    for edge in made.edges:
        above, below = row_of[edge.parent], row_of[edge.child]
        assert edge.lane in (app.rows[above].lane, *app.rows[above].forked)
        assert edge.lane in (app.rows[below].lane, *app.rows[below].joined)
        for row in app.rows[above + 1 : below]:
            assert edge.lane in row.passing and edge.lane not in (row.lane, *row.joined)
    ends = [(edge.parent, edge.lane) for edge in made.edges]
    assert len(set(ends)) == len(ends)
    linked = {(edge.parent, edge.child) for edge in made.edges}
    for above_row, below_row in pairwise(app.rows):
        if above_row.lane == below_row.lane and not above_row.is_loose:
            assert (above_row.shown.label, below_row.shown.label) in linked
    assert all(lane < app.width for row in app.rows for lane in row.lanes)


def test_a_long_history_with_many_diamonds() -> None:
    lines = ["a.0"]
    for number in range(1, 10_000):
        lines.append(f"a.{number} a.{number - 1 - (number % 3 == 2)}")
        if number % 3 == 0:
            lines[-1] += f" a.{number - 2}"
    made = drawn(*lines)
    assert (len(made.apps[0].rows), made.apps[0].width) == (10_000, 2)
    assert made.apps[0].leaves == ("9999",)


# -- for other tools

ODD = layout(
    ShownHistory(
        None,
        ('we"ird', "end"),
        (
            Shown('we"ird', "1_a", Mark.APPLIED, AT),
            Shown('we"ird', "1-a", Mark.UNAPPLIED, None, ('we"ird.1_a',)),
            Shown('we"ird', "1`b`#<b>&\\", Mark.EDITED, AT, ('we"ird.1-a', "end.1", "gone.1")),
            Shown("end", "1", Mark.UNAPPLIED),
        ),
        {},
    )
)


def mermaid(text: str) -> tuple[dict[str, str], list[tuple[str, str]], list[str]]:
    """Nodes with their titles, edges, and subgraphs. Every line must be one that Mermaid has."""
    first, *lines = text.splitlines()
    assert first == "flowchart TB"
    nodes: dict[str, str] = {}
    edges, opened, depth = [], [], 0
    for line in map(str.strip, lines):
        if found := re.fullmatch(r'subgraph (\w+)\["([^"]*)"\]', line):
            opened.append(found[1])
            depth += 1
        elif line == "end":
            depth -= 1
        elif found := re.fullmatch(r'(\w+)\["([^"]*)"\](?::::\w+)?', line):
            assert found[1] not in nodes
            nodes[found[1]] = found[2]
        elif found := re.fullmatch(r"(\w+) (?:-->|-\.->) (\w+)", line):
            edges.append((found[1], found[2]))
        else:
            assert re.fullmatch(r"classDef \w+ fill:#\w{6},stroke:#\w{6},color:#\w{6}", line), line
    assert depth == 0
    assert {end for edge in edges for end in edge} <= nodes.keys()
    assert not set(opened) & nodes.keys() and "end" not in {*nodes, *opened}
    return nodes, edges, opened


def test_mermaid_of_names_that_mean_something_to_it() -> None:
    nodes, edges, opened = mermaid(graph_mermaid(ODD))
    assert nodes == {
        "m_we_ird_1_a": "1_a",
        "m_we_ird_1_a_2": "1-a",
        "m_we_ird_1_b___b___": "1#96;b#96;#35;#60;b#62;#38;#92; (edited since it was applied)",
        "m_end_1": "1",
        "m_gone_1": "gone.1",
    }
    assert ("m_gone_1", "m_we_ird_1_b___b___") in edges and len(edges) == 4
    assert opened == ["app_we_ird", "app_end"]


DOT_WORD = r'"(?:[^"\\]|\\.)*"'


def dot(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Nodes and edges. Every line must be one that Graphviz has."""
    first, *lines = text.splitlines()
    assert first == "digraph migrations {"
    nodes, edges, depth = [], [], 1
    attributes = rf"(?: \[\w+={DOT_WORD}(?:, \w+={DOT_WORD})*\])?"
    for line in map(str.strip, lines):
        if re.fullmatch(rf"subgraph {DOT_WORD} {{", line):
            depth += 1
        elif line == "}":
            depth -= 1
        elif found := re.fullmatch(rf"({DOT_WORD}) -> ({DOT_WORD}){attributes};", line):
            edges.append((found[1], found[2]))
        elif found := re.fullmatch(rf"({DOT_WORD}){attributes};", line):
            nodes.append(found[1])
        else:
            assert re.fullmatch(rf"label={DOT_WORD};|node{attributes};", line), line
    assert depth == 0 and len(set(nodes)) == len(nodes)
    return nodes, edges


def test_dot_of_names_that_mean_something_to_it() -> None:
    nodes, edges = dot(graph_dot(ODD))
    assert nodes == [
        '"we\\"ird.1_a"',
        '"we\\"ird.1-a"',
        '"we\\"ird.1`b`#<b>&\\\\"',
        '"end.1"',
        '"gone.1"',
    ]
    assert {end for edge in edges for end in edge} <= set(nodes) and len(edges) == 4


@pytest.mark.parametrize(("lines", "_"), TEXTS.values(), ids=TEXTS)
def test_each_form_has_each_migration_and_each_edge(lines: list[str], _: str) -> None:
    made = drawn(*lines)
    number, edges = len(lines), len(made.edges)
    nodes, arrows, _opened = mermaid(graph_mermaid(made))
    assert (len(nodes), len(arrows)) == (number, edges)
    boxes, lines_between = dot(graph_dot(made))
    assert (len(boxes), len(lines_between)) == (number, edges)
    told = graph_json(made)
    assert (len(told["nodes"]), len(told["edges"])) == (number, edges)


def test_leaves_in_conflict_stand_out() -> None:
    fork = drawn("a.1", "a.2 a.1", "a.3 a.1")
    assert re.findall(r"(\w+)\[.*:::conflict", graph_mermaid(fork)) == ["m_a_2", "m_a_3"]
    assert graph_dot(fork).count("#c62828") == 2
    assert "#c62828" not in graph_dot(drawn("a.1", "a.2 a.1"))


# -- the command


@pytest.fixture
def branched(anywhere: Project) -> Project:
    """Two apps; two branches of one that are merged, and a third."""
    anywhere.configured("blog", "news")
    for app, name, *after in (
        ("blog", "0001_initial"),
        ("blog", "0002_a", ("blog", "0001_initial")),
        ("blog", "0002_b", ("blog", "0001_initial"), ("news", "0001_initial")),
        ("blog", "0003_merge", ("blog", "0002_a"), ("blog", "0002_b")),
        ("news", "0001_initial", ("blog", "0001_initial")),
    ):
        model = CREATE.format(name=f"M{name.replace('_', '')}")
        anywhere.migration(app, name, model, after=after)
    return anywhere


def test_offline_no_database_is_asked(branched: Project) -> None:
    nowhere = {"DATABASE_URL": "postgresql://localhost:1/none"}
    assert branched.run("graph", "blog", env=nowhere).out.splitlines() == [
        "blog",
        "  * 0001_initial",
        "  +-.",
        "  * | 0002_a",
        "  | * 0002_b <- news.0001_initial",
        "  +-'",
        "  * 0003_merge  (leaf)",
    ]
    assert branched.run("graph", "--database", "default", env=nowhere).code == 5


def test_what_a_database_has_of_it(branched: Project) -> None:
    branched.do("migrate", "blog", "0002_b")
    marked = branched.do("graph", "--database", "default").out
    assert marked.splitlines() == [
        "blog",
        "  * [X] 0001_initial",
        "  +-.",
        "  * | [ ] 0002_a",
        "  | * [X] 0002_b <- news.0001_initial",
        "  +-'",
        "  * [ ] 0003_merge  (leaf)",
        "news",
        "  * [X] 0001_initial <- blog.0001_initial  (leaf)",
    ]
    assert branched.do("showmigrations", "--graph").out == marked
    offline = branched.do("showmigrations", "--graph", "--offline")
    assert offline.out == branched.do("graph").out


def test_a_squash_goes_by_the_database(branched: Project) -> None:
    branched.chain("news", 2)
    (branched.root / "news/migrations/0001_initial.py").unlink()
    (branched.root / "blog/migrations/0002_b.py").unlink()
    branched.migration("blog", "0003_merge", after=[("blog", "0002_a")])
    branched.do("migrate", "news", "0001")
    squash = branched.migration("news", "0001_squashed_0002_m2", CREATE.format(name="M1"))
    replaces = '    replaces = [("news", "0001_m1"), ("news", "0002_m2")]\n    operations'
    squash.write_text(squash.read_text().replace("    operations", replaces))
    assert branched.do("graph", "news").out.splitlines()[1:] == [
        "  * 0001_squashed_0002_m2  (2 squashed migrations; leaf)"
    ]
    assert branched.do("graph", "news", "--database", "default").out.splitlines()[1:] == [
        "  * [X] 0001_m1",
        "  * [ ] 0002_m2  (leaf)",
        "    o [-] 0001_squashed_0002_m2  (2 squashed migrations; not in force: "
        "the originals are, until all are applied)",
    ]
    told = branched.do("graph", "news", "--json").json
    assert told["squashes"] == {"news.0001_squashed_0002_m2": ["news.0001_m1", "news.0002_m2"]}


def test_json(branched: Project) -> None:
    branched.migration("blog", "0003_x", CREATE.format(name="X"), after=[("blog", "0002_b")])
    told = branched.do("graph", "--json").json
    assert told == json.loads(branched.do("graph", "--format", "json").out)
    assert [each["lane"] for each in told["nodes"]] == [0, 0, 1, 0, 2, 0]
    assert told["edges"][:3] == [
        {"from": "blog.0001_initial", "to": "blog.0002_a", "lane": 0},
        {"from": "blog.0001_initial", "to": "blog.0002_b", "lane": 1},
        {"from": "news.0001_initial", "to": "blog.0002_b", "lane": None},
    ]
    assert told["leaves"] == {"blog": ["0003_merge", "0003_x"], "news": ["0001_initial"]}
    assert told["conflicts"] == {"blog": ["0003_merge", "0003_x"]}
    assert (told["database"], told["squashes"]) == (None, {})


@pytest.mark.parametrize("style", ["text", "mermaid", "dot", "json"])
def test_the_same_bytes_under_any_hash_seed(project: Project, style: str) -> None:
    project.chain("blog", 3)
    project.migration("blog", "0003_x", CREATE.format(name="X"), after=[("blog", "0002_m2")])
    once, again = (
        project.run("graph", "--format", style, env={"PYTHONHASHSEED": seed}) for seed in "12"
    )
    assert once.code == again.code == 0
    assert once.out == again.out


def test_on_a_terminal_lines_are_drawn(project: Project) -> None:
    project.chain("blog", 2)
    project.migration("blog", "0002_x", CREATE.format(name="X"), after=[("blog", "0001_m1")])
    terminal = Workshop(project.root)
    python = Path(sys.executable).parent
    assert "├─╮" in terminal.on_terminal(f"PYTHONUTF8=1 {python}/whimbrel graph", [])[2]
    ascii_only = f"PYTHONUTF8=0 PYTHONIOENCODING=ascii {python}/whimbrel graph"
    assert "+-." in terminal.on_terminal(ascii_only, [])[2]


def test_a_project_without_apps_and_an_app_that_is_not_there(project: Project) -> None:
    assert project.run("graph", "nothere").code == 2
    project.configured()
    assert "There are no apps yet" in project.do("graph").err


@pytest.mark.parametrize("style", ["text", "mermaid", "dot", "json"])
def test_offline_loads_no_sqlalchemy(project: Project, style: str) -> None:
    project.chain("blog", 2)
    program = (
        "import sys\nfrom whimbrel.cli import whimbrel\n"
        f"try:\n    whimbrel.main(['graph', '--format', '{style}'])\n"
        "except SystemExit:\n    print([name for name in ('sqlalchemy', 'rich') if name in sys.modules])"
    )
    project.do("graph")
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines()[-1] == "[]"
