"""The cache: it spares imports, never lies, and never gets in the way."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from history.projects import LONG_AGO, apps, history, migration, model, write
from whimbrel.history import cache
from whimbrel.history.loader import load

pytestmark = pytest.mark.reduced

FILES = {
    "blog/migrations/0001_initial.py": migration(model("Post"), run_before=[("shop", "0001")]),
    "blog/migrations/0002_more.py": migration(
        model("Tag"), dependencies=[("blog", "0001_initial")], atomic=False
    ),
    "shop/migrations/0001.py": migration(replaces=[("shop", "0000")], initial=False),
}
#: A file that shows whether it was imported.
LOUD = "raise RuntimeError('imported')\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose cache is warm."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    write(tmp_path, FILES)
    history(tmp_path, "blog", "shop")
    return tmp_path


def cache_of(project: Path, app: str = "blog") -> Path:
    (found,) = (project / app / "migrations" / "__pycache__").glob("whimbrel-*.json")
    return found


def make_loud(project: Path, name: str = "blog/migrations/0001_initial.py") -> None:
    """The file's text is exchanged for one that breaks, of the same size, at the same time."""
    path = project / name
    for compiled in path.parent.rglob("*.pyc"):
        compiled.unlink()
    text = LOUD.ljust(path.stat().st_size - 1, "#") + "\n"
    write(project, {name: text})
    assert path.stat().st_size == len(FILES[name])


def is_imported(project: Path) -> bool:
    try:
        history(project, "blog", "shop")
    except Exception:
        return True
    return False


def test_a_warm_cache_spares_the_import_and_gives_equal_nodes(project: Path) -> None:
    cache_of(project).unlink()
    cold = history(project, "blog", "shop").graph.order()
    make_loud(project)
    assert history(project, "blog", "shop").graph.order() == cold


def test_a_module_is_imported_when_it_is_asked_for(project: Path) -> None:
    found = history(project, "blog", "shop").migration(("blog", "0002_more"))
    assert (found.app, found.name, len(found.operations)) == ("blog", "0002_more", 1)


def test_a_file_of_another_time_is_imported(project: Path) -> None:
    make_loud(project)
    os.utime(project / "blog/migrations/0001_initial.py", (LONG_AGO + 1, LONG_AGO + 1))
    assert is_imported(project)


def test_a_file_of_another_size_is_imported(project: Path) -> None:
    write(project, {"blog/migrations/0001_initial.py": LOUD})
    assert is_imported(project)


def test_a_file_under_another_name_is_imported(project: Path) -> None:
    make_loud(project)
    folder = project / "blog/migrations"
    (folder / "0001_initial.py").rename(folder / "0001_first.py")
    assert is_imported(project)


def test_a_file_that_has_just_changed_is_not_trusted(project: Path) -> None:
    now = time.time()
    write(project, {"blog/migrations/0003.py": migration()}, changed=now)
    os.utime(project / "blog/migrations/0003.py", (now, now))
    with pytest.raises(Exception, match="leaves"):
        history(project, "blog", "shop").graph.refuse_conflicts()
    assert "0003" not in json.loads(cache_of(project).read_text())["nodes"]


def test_what_is_gone_is_forgotten_when_something_comes(project: Path) -> None:
    (project / "blog/migrations/0002_more.py").unlink()
    write(project, {"blog/migrations/0002_else.py": migration()})
    history(project, "blog", "shop")
    assert set(json.loads(cache_of(project).read_text())["nodes"]) == {"0001_initial", "0002_else"}


def broken(text: str) -> str:
    """A row's text, with the entry of 0001_initial made of something else."""
    content = json.loads(text)
    content["nodes"]["0001_initial"][1] = [[["blog"]], 3]
    return json.dumps(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "\x00\xff",
        lambda text: "[]",
        lambda text: "null",
        lambda text: "[" * 100_000,
        lambda text: text.replace('"stamp":"', '"stamp":"0/'),
        lambda text: json.dumps({**json.loads(text), "nodes": []}),
        lambda text: json.dumps({**json.loads(text), "nodes": {"0001_initial": 3}}),
        lambda text: json.dumps({**json.loads(text), "nodes": {"0001_initial": [[1, 2], 3]}}),
        broken,
    ],
)
def test_a_broken_or_foreign_cache_is_passed_over(project: Path, damage: object) -> None:
    expected = history(project, "blog", "shop").graph.order()
    path = cache_of(project)
    path.write_text(damage(path.read_text()), encoding="utf-8")  # type: ignore[operator]
    assert history(project, "blog", "shop").graph.order() == expected
    make_loud(project)
    assert not is_imported(project), "the cache is whole again"


def test_another_version_of_whimbrel_reads_the_files_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_loud(project)
    monkeypatch.setattr(cache, "_STAMP", "1/1/99.0/cpython-399")
    assert is_imported(project)


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    write(tmp_path, FILES | {"blog/migrations/__pycache__": "a file where the folder should be"})
    assert len(history(tmp_path, "blog", "shop").graph) == 3


def test_nothing_is_left_lying_beside_the_cache(project: Path) -> None:
    names = [each.name for each in cache_of(project).parent.iterdir() if each.suffix != ".pyc"]
    assert names == [cache_of(project).name]


def test_no_cache_is_written_where_python_writes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    write(tmp_path, FILES)
    load(apps(tmp_path, "blog", "shop"))
    assert not list(tmp_path.rglob("*.json"))


def test_the_cache_is_where_python_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    write(tmp_path / "project", FILES)
    history(tmp_path / "project", "blog", "shop")
    assert not list((tmp_path / "project").rglob("*.json"))
    assert len(list((tmp_path / "elsewhere").rglob("whimbrel-*.json"))) == 2
