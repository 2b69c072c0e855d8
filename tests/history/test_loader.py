"""Directories of files as a history: what is found, what is refused, and the states on the way."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from history.projects import App, apps, history, migration, model, write
from whimbrel.errors import LoadError, NodeError, StateError
from whimbrel.history.loader import load
from whimbrel.history.names import next_number
from whimbrel.history.node import Node
from whimbrel.state.state_pair import StatePair

pytestmark = pytest.mark.reduced

BLOG = {
    "blog/migrations/0001_initial.py": migration(model("Post"), model("Tag")),
    "blog/migrations/0002_post_title.py": migration(
        'migrations.AddField("Post", "title", models.TextField(default=""))',
        dependencies=[("blog", "0001_initial")],
    ),
    "blog/migrations/0003_delete_tag.py": migration(
        'migrations.DeleteModel("Tag")', dependencies=[("blog", "0002_post_title")], atomic=False
    ),
    "shop/migrations/0001_initial.py": migration(
        model("Product"), dependencies=[("blog", "0002_post_title")]
    ),
}


@pytest.fixture
def blog(tmp_path: Path) -> Path:
    write(tmp_path, BLOG)
    return tmp_path


def labels(nodes: object) -> list[str]:
    assert isinstance(nodes, list | tuple)
    return [node.label for node in nodes]


# -- what is found ------------------------------------------------------------------------------


def test_files_become_nodes(blog: Path) -> None:
    graph = history(blog, "blog", "shop").graph
    assert labels(graph.order()) == [
        "blog.0001_initial",
        "blog.0002_post_title",
        "blog.0003_delete_tag",
        "shop.0001_initial",
    ]
    first, third = graph.order()[0], graph.order()[2]
    assert (first.initial, first.atomic, first.operations, first.has_barrier) == (
        True,
        True,
        2,
        False,
    )
    assert (third.initial, third.atomic) == (False, False)
    assert third.path == blog / "blog/migrations/0003_delete_tag.py"
    assert graph.node(("shop", "0001_initial")).initial


@pytest.mark.parametrize(
    "name", ["_shared.py", "~0004.py", ".#0004.py", "0004.txt", "0004.pyc", "0004.py~", "README"]
)
def test_what_is_no_migration_is_left_alone(blog: Path, name: str) -> None:
    write(blog, {f"blog/migrations/{name}": "this is no Python ("})
    assert len(history(blog, "blog").graph) == 3


def test_an_app_without_a_directory_has_no_migrations(blog: Path) -> None:
    graph = history(blog, "blog", "news").graph
    assert graph.of_app("news") == []
    assert graph.apps == ("blog", "news")


# -- names --------------------------------------------------------------------------------------

LOOKUPS = [
    ("0001", "0001_initial"),
    ("0002_post_title", "0002_post_title"),
    ("0003_d", "0003_delete_tag"),
    ("__first__", "0001_initial"),
    ("__latest__", "0003_delete_tag"),
]


@pytest.mark.parametrize(("name", "found"), LOOKUPS)
def test_a_node_is_found_by_the_beginning_of_its_name(blog: Path, name: str, found: str) -> None:
    assert history(blog, "blog", "shop").node("blog", name).name == found


MISSES = [
    ("blog", "000", "several migrations that start with '000': 0001_initial, 0002_post_title"),
    ("blog", "0002_post_titel", "Did you mean '0002_post_title'?"),
    ("blog", "zzz", "It has: 0001_initial, 0002_post_title, 0003_delete_tag."),
    ("blgo", "0001", "there is no app 'blgo'\nDid you mean 'blog'?"),
    ("news", "0001", "It has none yet: whimbrel makemigrations news"),
    ("news", "__latest__", "news.__latest__"),
]


@pytest.mark.parametrize(("app", "name", "message"), MISSES)
def test_a_name_that_is_not_there_is_told_with_those_that_are(
    blog: Path, app: str, name: str, message: str
) -> None:
    with pytest.raises(NodeError) as caught:
        history(blog, "blog", "shop", "news").node(app, name)
    if name != "__latest__":
        assert message in str(caught.value)


# -- broken files -------------------------------------------------------------------------------

CLASS = "from whimbrel import migrations\n\nclass Migration(migrations.Migration):\n"
BROKEN = [
    ("x = (\n", ":1", "SyntaxError: '(' was never closed"),
    ("\n\nimport no_such_module\n", ":3", "ModuleNotFoundError: No module named 'no_such_module'"),
    ("def f():\n    return 1 / 0\n\nf()\n", ":2", "ZeroDivisionError: division by zero"),
    ("raise SystemExit\n", ":1", "SystemExit"),
    ("x = '\udcff'\n", ":1", "SyntaxError"),
    ("a = 1\n<<<<<<< HEAD\nb = 1\n=======\nb = 2\n>>>>>>> ben\n", ":2", "git could not merge it"),
    ("x = 1\n", "", "there is no class Migration in it"),
    ("x = 1\nMigration = 3\n", ":2", "not a subclass"),
    ("class Migration:\n    pass\n", ":1", "not a subclass"),
    (f"{CLASS}    dependencies = 3\n", ":4", "Migration.dependencies is 3, not a list"),
    (
        f'{CLASS}    operations = []\n    dependencies = ["blog"]\n',
        ":5",
        "Migration.dependencies has 'blog', which is not a pair of app and name",
    ),
    (f'{CLASS}    run_before = [("a", 1)]\n', ":4", "Migration.run_before has ('a', 1)"),
    (f'{CLASS}    replaces = [("a", "")]\n', ":4", "Migration.replaces has ('a', '')"),
    (f"{CLASS}    operations = None\n", ":4", "Migration.operations is None, not a list"),
    (
        f"{CLASS}    operations: list = [migrations.AddField]\n",
        ":4",
        "which is not an operation",
    ),
    (f"{CLASS}    initial = 'yes'\n", ":4", "Migration.initial is 'yes'"),
    (f"{CLASS}    atomic = 1\n", ":4", "Migration.atomic is 1"),
]


@pytest.mark.parametrize(("text", "line", "message"), BROKEN)
def test_a_broken_file_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "blog/migrations/0001_initial.py"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(LoadError) as caught:
        history(tmp_path, "blog")
    assert message in caught.value.message
    assert caught.value.place == f"blog/migrations/0001_initial.py{line}"
    assert caught.value.hint
    assert caught.value.exit_code == 4


def test_an_error_of_ours_in_a_file_keeps_what_mends_it(tmp_path: Path) -> None:
    text = "from whimbrel import models\n\nmodels.CharField(max_lenght=3)\n"
    write(tmp_path, {"blog/migrations/0001.py": text})
    with pytest.raises(LoadError) as caught:
        history(tmp_path, "blog")
    assert caught.value.message == "CharField has no option 'max_lenght'"
    assert caught.value.hint == "Did you mean 'max_length'?"
    assert str(caught.value.place).endswith("0001.py:3")


def test_a_link_to_nowhere_is_no_migration_that_can_be_passed_over(blog: Path) -> None:
    (blog / "blog/migrations/0004_gone.py").symlink_to(blog / "nowhere.py")
    with pytest.raises(LoadError, match="it cannot be read") as caught:
        history(blog, "blog")
    assert str(caught.value.place).endswith("0004_gone.py")


def test_the_cause_of_a_broken_file_goes_with_the_error(tmp_path: Path) -> None:
    write(tmp_path, {"blog/migrations/0001.py": "import no_such_module"})
    with pytest.raises(LoadError) as caught:
        history(tmp_path, "blog")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.fixture(autouse=True)
def forgotten_modules() -> Iterator[None]:
    """A package of one test is none of the next one's."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("birds", "geese", "whimbrel_migrations_")):
            del sys.modules[name]


# -- modules ------------------------------------------------------------------------------------

SHARED = {
    "birds/migrations/_shared.py": "def title():\n    return 'x'\n",
    "birds/migrations/0001_initial.py": (
        "from whimbrel import migrations, models\n"
        "from ._shared import title\n\n"
        "def here():\n    return title()\n\n"
        "class Migration(migrations.Migration):\n"
        '    operations = [migrations.CreateModel("Post", fields=[\n'
        '        ("id", models.BigAutoField(primary_key=True)),\n'
        '        ("title", models.TextField(default=title)),\n'
        '        ("body", models.TextField(default=here)),\n'
        "    ])]\n"
    ),
}


@pytest.mark.parametrize("package", ["birds", None])
@pytest.mark.parametrize("importable", [True, False])
def test_a_module_has_the_name_by_which_it_is_imported_or_one_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str | None, importable: bool
) -> None:
    write(tmp_path, SHARED | {"birds/__init__.py": "", "birds/migrations/__init__.py": ""})
    if importable:
        monkeypatch.syspath_prepend(str(tmp_path))
    found = load([App("birds", package, tmp_path / "birds/migrations")])
    made = found.migration(("birds", "0001_initial"))
    name = type(made).__module__
    if importable:
        assert name == "birds.migrations.0001_initial"
    else:
        assert name.startswith("whimbrel_migrations_")
    here = sys.modules[name].here
    assert pickle.loads(pickle.dumps(here)) is here
    assert here() == "x"


def test_the_digest_is_the_same_by_whatever_name_the_file_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, SHARED | {"birds/__init__.py": "", "birds/migrations/__init__.py": ""})
    alone = history(tmp_path, "birds").graph.order()[0]
    monkeypatch.syspath_prepend(str(tmp_path))
    inside = history(tmp_path, "birds").graph.order()[0]
    assert alone == inside


def test_a_broken_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path, {"geese/__init__.py": "1 / 0", "geese/migrations/0001.py": migration()})
    with pytest.raises(LoadError, match="ZeroDivisionError"):
        history(tmp_path, "geese")


def test_loading_imports_no_sqlalchemy(blog: Path) -> None:
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from pathlib import Path\n"
        "from history.projects import history\n"
        "found = history(Path(sys.argv[2]), 'blog', 'shop')\n"
        "found.project_state()\n"
        "assert 'sqlalchemy' not in sys.modules"
    )
    here = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", script, here, blog], check=True)


# -- states -------------------------------------------------------------------------------------


def models_of(states: StatePair) -> list[str]:
    assert states.models is states.database
    return [
        f"{each.label}({', '.join(field.name for field in each.fields)})" for each in states.models
    ]


def test_states_before_and_after_every_node(blog: Path) -> None:
    found = history(blog, "blog", "shop")
    assert models_of(found.state_before(("blog", "0001_initial"))) == []
    assert models_of(found.state_after(("blog", "0001_initial"))) == [
        "blog.Post(id)",
        "blog.Tag(id)",
    ]
    assert models_of(found.state_before(("shop", "0001_initial"))) == ["blog.Post(id, title)"]
    assert models_of(found.state_before(("blog", "0002_post_title"))) == [
        "blog.Post(id)",
        "blog.Tag(id)",
    ]
    assert [each.label for each in found.project_state()] == ["blog.Post", "shop.Product"]


def test_the_states_of_some_migrations_only(blog: Path) -> None:
    found = history(blog, "blog", "shop")
    keys = [("blog", "0002_post_title"), ("shop", "0001_initial"), ("blog", "0001_initial")]
    assert models_of(found.states_of(keys)) == [
        "blog.Post(id, title)",
        "blog.Tag(id)",
        "shop.Product(id)",
    ]


def test_the_states_along_a_plan(blog: Path) -> None:
    found = history(blog, "blog", "shop")
    first, second, _, shop = (node.key for node in found.graph.order())
    moments = list(found.states([shop, ("blog", "0003_delete_tag")], applied=[second, first]))
    assert [moment.node.label for moment in moments] == [
        "shop.0001_initial",
        "blog.0003_delete_tag",
    ]
    assert models_of(moments[0].after) == [
        "blog.Post(id, title)",
        "blog.Tag(id)",
        "shop.Product(id)",
    ]
    assert moments[0].after is moments[1].before
    assert models_of(moments[1].after) == ["blog.Post(id, title)", "shop.Product(id)"]


def test_an_error_in_a_migration_names_it(blog: Path) -> None:
    write(
        blog,
        {
            "shop/migrations/0002_bad.py": migration(
                'migrations.RemoveField("Produkt", "name")',
                dependencies=[("shop", "0001_initial")],
            )
        },
    )
    found = history(blog, "blog", "shop")
    with pytest.raises(StateError) as caught:
        found.project_state()
    assert str(caught.value) == (
        "shop.0002_bad: Remove field name from Produkt: there is no model shop.Produkt at this "
        "point of history\nDid you mean shop.Product?"
    )


def test_an_operation_that_breaks_is_named_by_its_migration(blog: Path) -> None:
    text = (
        "from whimbrel import migrations\n"
        "from whimbrel.operations import Operation\n\n"
        "class Bad(Operation):\n"
        "    fragment = 'bad'\n"
        "    def describe(self): return 'Bad'\n"
        "    def apply(self, app, state): return state.no_such_thing\n\n"
        "class Migration(migrations.Migration):\n"
        '    dependencies = [("shop", "0001_initial")]\n'
        "    operations = [Bad()]\n"
    )
    write(blog, {"shop/migrations/0002_bad.py": text})
    with pytest.raises(StateError, match=r"^shop.0002_bad: Bad: AttributeError"):
        history(blog, "blog", "shop").project_state()


def test_two_histories_of_one_directory_have_nodes_that_are_equal(blog: Path) -> None:
    one, other = history(blog, "blog", "shop"), history(blog, "blog", "shop")
    assert one.graph.order() == other.graph.order()
    assert isinstance(one.graph.order()[0], Node)
    assert apps(blog, "blog")[0].package == "blog"


# -- squashes -----------------------------------------------------------------------------------


@pytest.fixture
def squashed(blog: Path) -> Path:
    """A squash of the first two, one of that and the third, and two after them."""
    one = [("blog", "0001_initial"), ("blog", "0002_post_title")]
    other = [("blog", "0001_squashed_0002"), ("blog", "0003_delete_tag")]
    write(
        blog,
        {
            "blog/migrations/0001_squashed_0002.py": migration(replaces=one),
            "blog/migrations/0001_squashed_0003.py": migration(replaces=other),
            "blog/migrations/0003_delete_tag_also.py": migration(
                dependencies=[("blog", "0003_delete_tag")]
            ),
        },
    )
    return blog


FIRST, SECOND, THIRD = (
    ("blog", "0001_initial"),
    ("blog", "0002_post_title"),
    ("blog", "0003_delete_tag"),
)
#: What a name leads to, or what is said of it; offline, and where something is applied.
HIDDEN = [
    (None, "0001", "0001_squashed_0003"),
    (None, "0003_delete_tag", "0001_squashed_0003"),
    (None, "0003", "0003_delete_tag_also"),
    (None, "0001_initial", "is part of the squash blog.0001_squashed_0003"),
    (None, "0002", "is part of the squash blog.0001_squashed_0003"),
    (None, "0001_squashed_0002", "is part of the squash blog.0001_squashed_0003"),
    ([FIRST], "0001", "0001_initial"),
    ([FIRST], "0001_squashed", "several migrations that start with '0001_squashed'"),
    ([FIRST], "0001_squashed_0002", "0002_post_title"),
    ([FIRST], "0001_squashed_0003", "0003_delete_tag"),
    ([FIRST, SECOND], "0001_squashed_0002", "0001_squashed_0002"),
    ([FIRST, SECOND], "0002", "0001_squashed_0002"),
    ([FIRST, SECOND], "0001_initial", "is part of the squash blog.0001_squashed_0002"),
    ([FIRST, SECOND, THIRD], "0003_delete_tag", "0001_squashed_0003"),
]


@pytest.mark.parametrize(("applied", "name", "found"), HIDDEN)
def test_a_name_that_a_squash_hides(
    squashed: Path, applied: list[tuple[str, str]] | None, name: str, found: str
) -> None:
    offline = history(squashed, "blog", "shop")
    here = offline if applied is None else offline.resolve_squashes(applied)
    try:
        assert here.node("blog", name).name == found
    except NodeError as error:
        assert found in error.message
        assert error.hint


def test_a_history_that_fits_shares_its_modules(squashed: Path) -> None:
    offline = history(squashed, "blog", "shop")
    here = offline.resolve_squashes([FIRST])
    assert here.migration(THIRD) is offline.migration(THIRD)
    assert offline.resolve_squashes([]) is offline
    assert [node.label for node in here.recorded_with(FIRST)] == ["blog.0001_initial"]
    assert {node.name for node in offline.recorded_with(("blog", "0001_squashed_0003"))} == {
        "0001_squashed_0003",
        "0001_squashed_0002",
        "0001_initial",
        "0002_post_title",
        "0003_delete_tag",
    }
    assert here.forgotten_with(FIRST) == [
        FIRST,
        ("blog", "0001_squashed_0002"),
        ("blog", "0001_squashed_0003"),
    ]


NUMBERS = [
    ([], 1),
    (["0001_initial"], 2),
    (["0001_squashed_0004"], 5),
    (["0001_squashed_0004", "0007_x"], 8),
    (["0003_squashed_0004_more"], 5),
    (["0003_squashed_40things"], 4),
]


@pytest.mark.parametrize(("names", "number"), NUMBERS)
def test_the_next_number(names: list[str], number: int) -> None:
    assert next_number(names) == number
