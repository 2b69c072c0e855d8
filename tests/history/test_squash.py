"""Squashing: what becomes of operations, where a run is cut, and what code comes along."""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from history.projects import HEAD, apps, migration, write
from whimbrel import migrations as m
from whimbrel import models
from whimbrel.errors import HistoryError, NodeError, StateError, UsageError, WriteError
from whimbrel.history.graph import Graph
from whimbrel.history.loader import History, load
from whimbrel.history.node import Node
from whimbrel.history.squash import Squash, Squashed, squash
from whimbrel.history.squash.equivalence import first_difference
from whimbrel.history.squash.name_use import rename_names, uses_of
from whimbrel.history.squash.optimizer import Original, least
from whimbrel.history.squash.segments import pieces_of, squashed_name
from whimbrel.operations.base import Operation, replay
from whimbrel.state.state_pair import StatePair

ID = ("id", models.BigAutoField(primary_key=True))
INT, TEXT = models.IntegerField, models.TextField


def nothing(apps: object, editor: object) -> None:
    """A barrier."""


def create(name: str = "Post", **fields: models.Field) -> Operation:
    return m.CreateModel(name, [ID, *fields.items()])


BARRIER = m.RunPython(nothing)
ELIDABLE = m.RunPython(nothing, elidable=True)


def squashed(*operations: Operation) -> list[str]:
    """What becomes of operations, in words; checked to lead to the same."""
    originals = [Original(("blog", "0001"), index, each) for index, each in enumerate(operations)]
    found = least("blog", originals, StatePair.empty())
    made = [each.operation if isinstance(each, Original) else each for each in found.members]
    empty = StatePair.empty()
    assert first_difference(replay("blog", made, empty), replay("blog", operations, empty)) is None
    return [each.describe() for each in made]


# -- operations before, operations of the squash -----------------------------------------------


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        pytest.param(
            [create(), m.AddField("post", "x", INT()), m.AlterField("post", "x", TEXT())],
            ["Create model Post"],
            id="what is added and altered is made at once",
        ),
        pytest.param(
            [create(), m.DeleteModel("post")],
            ["Keep the identities of what was made before"],
            id="what goes again never comes, but that it was there counts",
        ),
        pytest.param(
            [
                create(x=INT(unique=True)),
                m.RenameModel("Post", "Item"),
                m.RenameField("item", "x", "y"),
            ],
            ["Keep the identities of Item, Item.y", "Create model Item"],
            id="renamed things are born with their last name and their first identity",
        ),
        pytest.param(
            [create(), m.AddField("post", "x", INT()), BARRIER, m.RemoveField("post", "x")],
            ["Create model Post", "Run Python function nothing", "Remove field x from post"],
            id="nothing crosses a barrier",
        ),
        pytest.param(
            [create(), m.AddField("post", "x", INT()), ELIDABLE, m.RemoveField("post", "x")],
            ["Keep the identities of what was made before", "Create model Post"],
            id="what may be left out is, and parts nothing",
        ),
        pytest.param(
            [
                create(x=INT()),
                m.RunSQL(
                    "...",
                    state_operations=[m.AddIndex("post", models.Index(fields=["x"]))],
                    elidable=True,
                ),
                m.RunSQL("...", elidable=True),
            ],
            ["Create model Post"],
            id="what elidable SQL says of the models stays",
        ),
        pytest.param(
            [create(x=INT()), m.RunSQL("..."), m.AlterModelTable("post", "t")],
            ["Create model Post", "Run SQL: ...", "Rename table of post to t"],
            id="SQL is kept",
        ),
        pytest.param(
            [
                create(x=INT()),
                BARRIER,
                m.RemoveField("post", "x"),
                m.AddField("post", "x", INT(null=True)),
                m.AddField("post", "y", INT(null=True)),
                m.AlterField("post", "y", INT(null=True, db_index=True)),
            ],
            [
                "Create model Post",
                "Run Python function nothing",
                "Remove field x from post",
                "Add field x to post",
                "Add field y to post",
                "Alter field y of post",
            ],
            id="a field of the same name is another field: its data goes",
        ),
        pytest.param(
            [
                create(x=INT()),
                BARRIER,
                m.RenameField("post", "x", "y"),
                m.RenameField("post", "y", "z"),
                m.AlterField("post", "z", TEXT()),
            ],
            [
                "Create model Post",
                "Run Python function nothing",
                "Keep the identities of what was made before",
                "Rename field x of Post to z",
                "Alter field z of Post",
            ],
            id="a rename by way of another name",
        ),
        pytest.param(
            [
                create(a=INT(), b=INT()),
                BARRIER,
                m.RenameField("post", "b", "c"),
                m.RenameField("post", "a", "b"),
                m.AddField("post", "a", INT(null=True)),
                m.AlterField("post", "a", INT(null=True, db_index=True)),
            ],
            [
                "Create model Post",
                "Run Python function nothing",
                "Rename field b of Post to c",
                "Rename field a of Post to b",
                "Add field a to Post",
            ],
            id="a chain of renames, whose first name is given anew",
        ),
        pytest.param(
            [
                create(),
                BARRIER,
                m.AddField("post", "x", INT(default=1), preserve_default=False),
                m.RenameField("post", "x", "y"),
                m.AlterField("post", "y", models.BigIntegerField()),
                m.AddIndex("post", models.Index(fields=["y"])),
            ],
            [
                "Create model Post",
                "Run Python function nothing",
                "Keep the identities of Post.y",
                "Add field y to Post",
                "Create index y_index on Post",
            ],
            id="what rows got once they get again",
        ),
        pytest.param(
            [
                create(),
                BARRIER,
                m.AddField("post", "x", INT(default=1)),
                m.AlterField("post", "x", INT(default=2)),
            ],
            [
                "Create model Post",
                "Run Python function nothing",
                "Add field x to post",
                "Alter field x of post",
            ],
            id="rows get the default of when the field came",
        ),
        pytest.param(
            [
                create(s=models.EnumField(["a", "b"])),
                BARRIER,
                m.RenameEnumValue("post", "s", "a", "z"),
                m.AlterField("post", "s", models.EnumField(["z", "b", "c"])),
                m.AlterField("post", "s", models.EnumField(["z", "b", "c", "d"])),
            ],
            [
                "Create model Post",
                "Run Python function nothing",
                "Rename value a of Post.s to z",
                "Alter field s of Post",
            ],
            id="labels of enums keep their identity",
        ),
        pytest.param(
            [
                create("Author"),
                create("Post"),
                m.AddField("post", "author", models.ForeignKey("Author", null=True)),
                m.AddField("author", "best", models.ForeignKey("Post", null=True)),
            ],
            ["Create model Author", "Create model Post", "Alter field best of Author"],
            id="keys in a circle are cut once",
        ),
        pytest.param(
            [
                create(x=INT(), y=INT()),
                m.AddConstraint("post", models.UniqueConstraint(fields=["x"])),
                m.RemoveConstraint("post", "blog_post_x_unique"),
                m.AddConstraint("post", models.UniqueConstraint(fields=["x"])),
            ],
            ["Keep the identities of what was made before", "Create model Post"],
            id="constraints that nobody named keep the names of their second birth",
        ),
        pytest.param([create()], ["Create model Post"], id="one operation stays"),
        pytest.param([], [], id="none"),
    ],
)
def test_operations(operations: list[Operation], expected: list[str]) -> None:
    assert squashed(*operations) == expected


def test_states_apart_stay_apart() -> None:
    apart = m.SeparateDatabaseAndState(state_operations=[m.AddField("post", "x", INT(null=True))])
    assert squashed(
        create(), apart, m.AddField("post", "y", INT()), m.AlterField("post", "y", TEXT())
    ) == [
        "Create model Post",
        apart.describe(),
        "Add field y to Post",
    ]


# -- pieces ------------------------------------------------------------------------------------


def node(
    app: str, number: int, *after: tuple[str, str], atomic: bool = True, operations: int = 1
) -> Node:
    own = ((app, f"{number - 1:04d}"),) if number > 1 else ()
    return Node(app, f"{number:04d}", (*own, *after), atomic=atomic, operations=operations)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param([], ["0001 0002 0003 0004"], id="a line is one"),
        pytest.param(
            [node("b", 1, ("a", "0001")), node("a", 3, ("b", "0001"))],
            ["0001 0002", "0003 0004"],
            id="another app stands between",
        ),
        pytest.param(
            [
                node("b", 1, ("a", "0001")),
                node("b", 2),
                node("a", 3, ("b", "0002")),
                node("c", 1, ("a", "0002")),
                node("a", 4, ("c", "0001")),
            ],
            ["0001 0002", "0003 0004"],
            id="one cut serves two",
        ),
        pytest.param(
            [node("b", 1, ("a", "0002"))], ["0001 0002 0003 0004"], id="one that follows only"
        ),
        pytest.param([node("a", 3, atomic=False)], ["0001 0002", "0003", "0004"], id="not atomic"),
        pytest.param(
            [node("a", 3, atomic=False), node("a", 4, atomic=False), node("a", 2, operations=0)],
            ["0001 0002", "0003 0004"],
            id="one without operations is either",
        ),
    ],
)
def test_pieces(others: list[Node], expected: list[str]) -> None:
    line = {each.key: each for each in (node("a", number) for number in (1, 2, 3, 4))}
    line.update({each.key: each for each in others})
    graph = Graph(line.values(), ["a", "b", "c"])
    run = [graph.node(("a", f"{number:04d}")) for number in (1, 2, 3, 4)]
    pieces, cuts = pieces_of(graph, run)
    assert [" ".join(each.name for each in piece) for piece in pieces] == expected
    assert len(cuts) == len(pieces) - 1


@pytest.mark.parametrize(
    ("first", "last", "words", "expected"),
    [
        ("0001_initial", "0004_x", None, "0001_squashed_0004"),
        ("0001_squashed_0004", "0007_x", None, "0001_squashed_0007"),
        ("0002_x", "0001_squashed_0009", None, "0002_squashed_0009"),
        ("0002_x", "0004_x", "base", "0002_base"),
        ("one", "two", None, "one_squashed_two"),
        ("one", "two", "base", "base"),
    ],
)
def test_names(first: str, last: str, words: str | None, expected: str) -> None:
    assert squashed_name((Node("a", first), Node("a", last)), words) == expected


# -- names in code -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(a, b=B) -> C: return a + D", "B C D f"),
        ("def f():\n    x = 1\n    def g(): return x + y\n    return g", "f y"),
        ("def f():\n    global x\n    x = 1", "f x"),
        ("def f():\n    import x\n    return x.y", "f"),
        ("class K:\n    a = 1\n    b = a + c\n    def m(self): return a", "K a c"),
        ("[x for x in x if (y := x)]", "x y"),
        ("def f(): return [y for x in z if (y := x)], y", "f z"),
        ("lambda x, *y, z=z, **w: (x, y, z, w, v)", "v z"),
        ("def f():\n    try: pass\n    except E as e: return e", "E f"),
        ("def f(v):\n    match v:\n        case K(a=x): return x", "K f"),
        ("f'{x} {y!r:>{z}}'", "x y z"),
        ("import a.b, c as d", "a d"),
    ],
)
def test_the_names_that_code_takes_from_its_module(source: str, names: str) -> None:
    assert " ".join(sorted({use.name for use in uses_of(ast.parse(source))})) == names


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(x):  # f\n    return f(x)", "def g(x):  # f\n    return g(x)"),
        ("@d(f)\nasync  def f(f): return f  # f", "@d(g)\nasync  def g(f): return f  # f"),
        ("é = 'é'; f(é)", "é = 'é'; g(é)"),
        (
            "class K:\n    f = 1\n    def m(self): return f",
            "class K:\n    f = 1\n    def m(self): return g",
        ),
        ("x = f'{f(1)}'", "x = f'{g(1)}'"),
        ("def h():\n    global f\n    f = 1", "def h():\n    global g\n    g = 1"),
        ("import f", "import f as g"),
        ("x = 'f'  # f", "x = 'f'  # f"),
    ],
)
def test_names_are_exchanged(source: str, expected: str) -> None:
    assert rename_names(source, {"f": "g"}) == expected


# -- files ----------------------------------------------------------------------------------------


def project(root: Path, files: Mapping[str, str], *labels: str) -> History:
    """A history of files under names that no other test has imported."""
    write(root, {f"{name}.py": text for name, text in files.items()})
    return load(apps(root, *(labels or ("blog",))))


def made(root: Path, history: History, end: str, **more: str) -> Squashed:
    return squash(history, "blog", end, directory=root / "blog" / "migrations", **more)  # type: ignore[arg-type]


def only(found: Squashed) -> Squash:
    (one,) = found.squashes
    return one


def by_hand(head: str, *operations: str, after: Sequence[tuple[str, str]] = ()) -> str:
    listed = "".join(f"        {each},\n" for each in operations)
    return (
        f"{HEAD}{textwrap.dedent(head)}\n\nclass Migration(migrations.Migration):\n"
        f"    dependencies = {list(after)!r}\n    operations = [\n{listed}    ]\n"
    )


FIRST = migration(
    'migrations.CreateModel("Post", fields=[("id", models.BigAutoField(primary_key=True)), ("x", models.IntegerField(null=True))])'
)
ONE, TWO = [("blog", "0001_a")], [("blog", "0002_b")]


def files(second: str, third: str | None = None) -> dict[str, str]:
    found = {"blog/migrations/0001_a": FIRST, "blog/migrations/0002_b": second}
    return found if third is None else {**found, "blog/migrations/0003_c": third}


def text_of(root: Path, *others: str, end: str = "000") -> str:
    history = project(root, files(*others))
    return only(made(root, history, f"{end}{len(others) + 1}")).text


def defined(text: str) -> dict[str, object]:
    """The names of a squash's file, imported by itself."""
    names: dict[str, object] = {"__name__": "squash", "__package__": None, "__file__": "squash"}
    exec(compile(text, "squash", "exec", dont_inherit=True), names)
    return names


FORWARDS = """
    def helper(x):
        return x + LIMIT

    LIMIT = {limit}  # not more
    LIMITS = []
    LIMITS.append(LIMIT)

    def unused():
        pass

    # what it does
    def forwards(apps, editor):
        return helper(1), LIMITS
"""


def test_functions_come_with_what_they_use(tmp_path: Path) -> None:
    text = text_of(
        tmp_path, by_hand(FORWARDS.format(limit=1), "migrations.RunPython(forwards)", after=ONE)
    )
    assert "unused" not in text
    assert "# what it does\ndef forwards(apps, editor):" in text
    assert "LIMIT = 1  # not more\nLIMITS = []\nLIMITS.append(LIMIT)" in text
    assert defined(text)["forwards"](None, None) == (2, [1])  # type: ignore[operator]


def test_names_that_collide_get_numbers(tmp_path: Path) -> None:
    second = by_hand(FORWARDS.format(limit=1), "migrations.RunPython(forwards)", after=ONE)
    third = by_hand(FORWARDS.format(limit=2), "migrations.RunPython(forwards, forwards)", after=TWO)
    text = text_of(tmp_path, second, third)
    names = defined(text)
    assert names["forwards_0002"](None, None) == (2, [1])  # type: ignore[operator]
    assert names["forwards_0003"](None, None) == (3, [2])  # type: ignore[operator]
    assert "migrations.RunPython(forwards_0003, forwards_0003)," in text
    assert "forwards" not in names


def test_a_name_of_pythons_own_stays_pythons(tmp_path: Path) -> None:
    own = "def sorted(x): return 'mine'\ndef f(a, b): return sorted([2, 1])"
    second = by_hand(own, "migrations.RunPython(f)", after=ONE)
    pythons = by_hand("def g(a, b): return sorted([2, 1])", "migrations.RunPython(g)", after=TWO)
    names = defined(text_of(tmp_path, second, pythons))
    assert (names["f"](None, None), names["g"](None, None)) == ("mine", [1, 2])  # type: ignore[operator]


@pytest.mark.parametrize(
    "head",
    [
        "WORDS = []\nfor n in range(3):\n    WORDS.append(n)\n",
        "WORDS = [0, 0, 2]\nif WORDS:\n    WORDS[1] = 1\n",
        "WORDS = [0, 1]\ntry:\n    with open(__file__ + 'x'): pass\nexcept OSError:\n    WORDS += [2]\n",
        "WORDS = []\ndef add(n): WORDS.append(n)\nfor n in range(3):\n    add(n)\n",
    ],
)
def test_blocks_that_change_what_is_used_come_along(tmp_path: Path, head: str) -> None:
    head += "def f(a, b): return WORDS\n"
    names = defined(text_of(tmp_path, by_hand(head, "migrations.RunPython(f)", after=ONE)))
    assert names["f"](None, None) == [0, 1, 2]  # type: ignore[operator]


def test_an_operation_of_a_files_own_comes_along(tmp_path: Path) -> None:
    head = "class Own(migrations.RunPython): pass\ndef f(a, b): pass"
    text = text_of(tmp_path, by_hand(head, "Own(f, Own.noop)", after=ONE))
    assert "        Own(f, Own.noop),\n" in text


def test_a_class_that_looks_for_its_module_comes_along(tmp_path: Path) -> None:
    head = (
        "from dataclasses import dataclass, fields\n@dataclass\nclass Word:\n    text: str = 'x'\n"
        "def f(a, b): return fields(Word)[0].type"
    )
    names = defined(
        text_of(tmp_path, by_hand(head, "migrations.RunPython(f, Word.mro)", after=ONE))
    )
    assert names["f"](None, None) is str  # type: ignore[operator]


@pytest.mark.parametrize(
    ("head", "imports"),
    [
        pytest.param("import json\ndef f(a, b): json", "import json\n\nfrom whimbrel", id="plain"),
        pytest.param("import os.path as p\ndef f(a, b): p", "import os.path as p", id="alias"),
        pytest.param(
            "import xml.dom, xml.sax\ndef f(a, b): xml", "import xml.dom\nimport xml.sax", id="two"
        ),
        pytest.param(
            "from os import path as p\ndef f(a, b): p", "from os import path as p", id="from"
        ),
        pytest.param(
            "from os.path import *\ndef f(a, b): join", "from os.path import *", id="star"
        ),
        pytest.param(
            "import os as models\ndef f(a, b): models",
            "import os as models_0002",
            id="taken by the file",
        ),
        pytest.param("from ._more import h\ndef f(a, b): h", "from ._more import h", id="relative"),
    ],
)
def test_imports_come_along(tmp_path: Path, head: str, imports: str) -> None:
    second = by_hand(head, "migrations.RunPython(f)", after=ONE).replace(", models\n", "\n")
    beside = {"blog/__init__": "", "blog/migrations/__init__": "", "blog/migrations/_more": "h = 1"}
    history = project(tmp_path, {**files(second), **beside})
    assert imports in only(made(tmp_path, history, "0002")).text


def test_what_another_original_defines_comes_along(tmp_path: Path) -> None:
    second = by_hand("def f(a, b): return 'two'", "migrations.RunPython(f)", after=ONE)
    third = by_hand(
        "from .m0002 import f as g\ndef h(a, b): return g(a, b)",
        "migrations.RunPython(h)",
        after=[("blog", "m0002")],
    )
    history = project(
        tmp_path,
        {
            "blog/migrations/0001_a": FIRST,
            "blog/migrations/m0002": second,
            "blog/migrations/m0003": third,
        },
    )
    text = only(made(tmp_path, history, "m0003")).text
    assert "m0002 import" not in text
    assert defined(text)["h"](None, None) == "two"  # type: ignore[operator]


@pytest.mark.parametrize(
    ("head", "operations", "expected"),
    [
        pytest.param(
            "SQL = 'a' + 'b'", ["migrations.RunSQL(SQL)"], "migrations.RunSQL(SQL)", id="constant"
        ),
        pytest.param(
            "",
            ["*[migrations.RunSQL(str(n)) for n in range(2)]"],
            'migrations.RunSQL("1")',
            id="computed SQL",
        ),
        pytest.param(
            "def f(a, b): pass\ndef g(a, b): pass",
            ["*[migrations.RunPython(each) for each in (f, g)]"],
            "migrations.RunPython(g)",
            id="computed, of functions with names",
        ),
        pytest.param(
            "",
            ["migrations.RunPython(lambda a, b: None)"],
            "migrations.RunPython(lambda a, b: None)",
            id="lambda",
        ),
        pytest.param(
            "def fresh(): return 7",
            ['migrations.AddField("post", "y", models.IntegerField(default=fresh))'],
            "default=fresh",
            id="a default that is a function of the file",
        ),
        pytest.param(
            "def f(batch): pass",
            ['migrations.Backfill("post", f)'],
            'migrations.Backfill("post", f)',
            id="backfill",
        ),
        pytest.param(
            "",
            ['migrations.RunSQL("""\na\n  b\n""")'],
            'migrations.RunSQL("""\na\n  b\n"""),',
            id="lines of a string stay where they are",
        ),
    ],
)
def test_barriers_are_code(tmp_path: Path, head: str, operations: list[str], expected: str) -> None:
    text = text_of(tmp_path, by_hand(head, *operations, after=ONE))
    assert expected in text
    assert "Migration" in defined(text)


@pytest.mark.parametrize(
    ("head", "operations", "why", "line"),
    [
        pytest.param(
            "",
            ["*[migrations.RunPython(lambda a, b: None) for n in 'ab']"],
            "lambda",
            6,
            id="computed lambdas",
        ),
        pytest.param(
            "def f(a, b): return Migration",
            ["migrations.RunPython(f)"],
            "its own class",
            2,
            id="its class",
        ),
        pytest.param(
            "def f(a, b): __import__('importlib').import_module('blog.migrations.0001_a')",
            ["migrations.RunPython(f)"],
            "imports blog.migrations.0001_a",
            2,
            id="an original by its name",
        ),
        pytest.param(
            "def make():\n    def inner(a, b): pass\n    return [migrations.RunPython(inner)]",
            ["*make()"],
            "inner",
            8,
            id="a function in a function",
        ),
    ],
)
def test_what_cannot_come_along_is_refused(
    tmp_path: Path, head: str, operations: list[str], why: str, line: int
) -> None:
    history = project(tmp_path, files(by_hand(head, *operations, after=ONE)))
    with pytest.raises(WriteError) as caught:
        made(tmp_path, history, "0002")
    assert why in caught.value.message
    assert str(caught.value.place).endswith(f"0002_b.py:{line}")
    assert "by hand" in str(caught.value.hint) or "import it from there" in str(caught.value.hint)


def test_the_file_imports_without_the_originals(tmp_path: Path) -> None:
    second = by_hand(
        "import importlib\nf = importlib.import_module(__package__ + '.' + '0001' + '_a').f",
        "migrations.RunPython(f)",
        after=ONE,
    )
    history_files = files(second)
    history_files["blog/migrations/0001_a"] = FIRST + "\n\ndef f(a, b): pass\n"
    history = project(tmp_path, history_files)
    with pytest.raises(WriteError, match="import by itself"):
        made(tmp_path, history, "0002")
    assert any(
        name.endswith("0001_a") and module is not None for name, module in sys.modules.items()
    )


# -- the run ---------------------------------------------------------------------------------------


def x(operation: str, *after: tuple[str, str], **more: object) -> str:
    return migration(operation, dependencies=list(after), **more)


def add(name: str) -> str:
    return f'migrations.AddField("post", "{name}", models.IntegerField(null=True))'


LINE = {
    "blog/migrations/0001_a": FIRST,
    "blog/migrations/0002_b": x(add("b"), ("blog", "0001_a"), ("shop", "0001_s")),
    "blog/migrations/0003_c": x(add("c"), ("blog", "0002_b"), run_before=[("shop", "0002_t")]),
    "blog/migrations/0004_d": x(add("d"), ("blog", "0003_c")),
    "shop/migrations/0001_s": migration(),
    "shop/migrations/0002_t": x("", ("shop", "0001_s")).replace("        ,\n", ""),
}


def test_what_stands_around_the_run(tmp_path: Path) -> None:
    history = project(tmp_path, LINE, "blog", "shop")
    head = only(made(tmp_path, history, "0003", start="0002")).head
    assert (head.name, head.replaces) == (
        "0002_squashed_0003",
        (("blog", "0002_b"), ("blog", "0003_c")),
    )
    assert head.dependencies == {("blog", "0001_a"), ("shop", "0001_s")}
    assert head.run_before == {("shop", "0002_t")}
    assert (head.initial, head.atomic) == (False, True)


def test_a_squash_is_loaded_and_stands_for_the_run(tmp_path: Path) -> None:
    history = project(tmp_path, LINE, "blog", "shop")
    found = only(made(tmp_path, history, "0004"))
    found.head.path.write_text(found.text)
    after = load(apps(tmp_path, "blog", "shop"))
    assert [each.name for each in after.graph.of_app("blog")] == ["0001_squashed_0004"]
    names = [each.name for each in after.project_state().model("blog.Post").fields]
    assert names == ["id", "x", "b", "c", "d"]
    assert found.operations[-1].describe() == "Create model Post"


def test_a_squash_of_a_squash_names_it(tmp_path: Path) -> None:
    history = project(tmp_path, LINE, "blog", "shop")
    inner = only(made(tmp_path, history, "0002"))
    inner.head.path.write_text(inner.text)
    found = only(made(tmp_path, load(apps(tmp_path, "blog", "shop")), "0003"))
    assert found.head.replaces == (("blog", "0001_squashed_0002"), ("blog", "0003_c"))
    assert found.head.name == "0001_squashed_0003"


@pytest.mark.parametrize(
    ("start", "end", "error", "why"),
    [
        (None, "0001", UsageError, "one migration already"),
        ("0003", "0002", UsageError, "does not come before"),
        (None, "0009", NodeError, "no migration '0009'"),
        (None, "0", NodeError, "several"),
        ("0003", "0003", UsageError, "one migration already"),
    ],
)
def test_what_is_no_run(
    tmp_path: Path, start: str | None, end: str, error: type[Exception], why: str
) -> None:
    history = project(tmp_path, LINE, "blog", "shop")
    with pytest.raises(error, match=why):
        squash(history, "blog", end, start=start, directory=tmp_path)


def test_a_name_that_an_original_has_is_refused(tmp_path: Path) -> None:
    history = project(tmp_path, LINE, "blog", "shop")
    with pytest.raises(UsageError, match=r"there is a migration blog\.0001_a already"):
        made(tmp_path, history, "0002", name="a")


def test_a_branch_from_inside_a_squash_says_what_mends_it(tmp_path: Path) -> None:
    rename = x('migrations.RenameModel("Post", "Item")', ("blog", "0002_b"))
    history = project(tmp_path, files(x(add("b"), ("blog", "0001_a")), rename))
    found = only(made(tmp_path, history, "0003"))
    found.head.path.write_text(found.text)
    branch = x(add("z"), ("blog", "0002_b"))
    merged = project(tmp_path, {"blog/migrations/0003_other": branch})
    with pytest.raises(StateError) as caught:
        merged.project_state()
    assert "made on blog.0002_b, and comes after all of blog.0001_squashed_0003" in str(
        caught.value.hint
    )


def test_a_run_that_falls_apart_says_why(tmp_path: Path) -> None:
    between = {
        "blog/migrations/0001_a": FIRST,
        "shop/migrations/0001_s": x("", ("blog", "0001_a")).replace("        ,\n", ""),
        "blog/migrations/0002_b": x(add("b"), ("blog", "0001_a"), ("shop", "0001_s")),
    }
    history = project(tmp_path, between, "blog", "shop")
    with pytest.raises(UsageError, match=r"shop\.0001_s comes after 0001_a and before 0002_b"):
        made(tmp_path, history, "0002")


def test_pieces_wait_for_each_other(tmp_path: Path) -> None:
    cut = {
        **LINE,
        "blog/migrations/0005_e": x(add("e"), ("blog", "0004_d"), ("shop", "0002_t")),
        "blog/migrations/0006_f": x(add("f"), ("blog", "0005_e")),
    }
    history = project(tmp_path, cut, "blog", "shop")
    found = made(tmp_path, history, "0006", name="part")
    one, two = found.squashes
    assert (one.head.name, two.head.name) == ("0001_part", "0005_part")
    assert ("blog", "0001_part") in two.head.dependencies
    assert [cut.why for cut in found.cuts] == ["shop.0002_t comes after 0003_c and before 0005_e"]


def test_a_follower_that_does_not_fit_behind_is_refused(tmp_path: Path) -> None:
    point = 'migrations.CreateModel("Sale", fields=[("id", models.BigAutoField(primary_key=True)), ("post", models.ForeignKey("blog.Post"))])'
    apart = {
        "blog/migrations/0001_a": FIRST,
        "blog/migrations/0002_b": x('migrations.RenameModel("Post", "Item")', ("blog", "0001_a")),
        "shop/migrations/0001_s": x(point, ("blog", "0001_a")),
    }
    history = project(tmp_path, apart, "shop", "blog")
    with pytest.raises(HistoryError, match="would lead elsewhere"):
        made(tmp_path, history, "0002")


def test_operations_as_they_are(tmp_path: Path) -> None:
    history = project(tmp_path, LINE, "blog", "shop")
    found = squash(history, "blog", "0004", directory=tmp_path, optimize=False)
    assert [each.describe() for each in only(found).operations] == [
        "Create model Post",
        "Add field b to post",
        "Add field c to post",
        "Add field d to post",
    ]
