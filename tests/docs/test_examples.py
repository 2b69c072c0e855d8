"""Everything on the pages that can be run is run, and does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages import Workshop, agree, blocks, commands, differences, pages, shown


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    found = list(differences(page.read_text(), Workshop(tmp_path)))
    assert not found, "\n\n".join(map(str, found))


def test_the_pages_have_examples() -> None:
    assert (
        sum(block.language == "console" for page in pages() for block in blocks(page.read_text()))
        > 20
    )


PAGE = """
```python
# shop/models.py
NUMBER = 1
```

```console
$ cat shop/models.py
# shop/models.py
NUMBER = {number}
$ false
$ echo $?
1
```

```python
import shop.models

assert shop.models.NUMBER == {number}
```
"""


def test_a_page_that_says_the_wrong_thing_is_found_out(tmp_path: Path) -> None:
    assert not list(differences(PAGE.format(number=1), Workshop(tmp_path)))
    assert len(list(differences(PAGE.format(number=2), Workshop(tmp_path)))) == 2


@pytest.mark.parametrize(
    ("said", "printed", "same"),
    [
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        (["a", "...", "c"], ["a", "b", "b", "c"], True),
        (["a", "...", "c"], ["a", "c"], True),
        (["a", "..."], ["a", "b"], True),
        (["a", "..."], ["b", "a"], False),
        (["Applied in 0.01 s"], ["Applied in 3.42 s"], True),
        (["a.c"], ["abc"], False),
    ],
)
def test_what_is_compared(said: list[str], printed: list[str], same: bool) -> None:
    assert agree(said, printed) is same


def test_a_command_may_take_several_lines() -> None:
    (command,) = commands("$ echo a \\\n  b\na b\n")
    assert command.script == "echo a \\\n  b"
    assert command.output == ["a b"]
