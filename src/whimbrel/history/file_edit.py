"""A user's migration file with other dependencies, and every other byte of it as it was.

Edits stand at the positions that Python's own parser gives: comments, layout, quotes and line
endings stay. Each is checked before it is given back: it must say what was asked for, and all else
in the file the same. What is not written out (a name, a call, a sum of lists) is not edited: a
`WriteError` says what to change by hand.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

from whimbrel.errors import WriteError
from whimbrel.history.layout import text as quoted
from whimbrel.history.node import Key

Pairs: TypeAlias = dict[str, list[Key]]

#: What may stand between two pairs beside the comma.
_GAP = r"(?:[ \t\f\r\n]|\\\r?\n|#[^\r\n]*)*"


@dataclass(frozen=True)
class EditableFile:
    """A file's text, line endings as they are, and how it is encoded."""

    text: str
    encoding: str

    def encode(self, text: str) -> bytes:
        """Another text in the same encoding, with the same mark at its beginning if it has one."""
        return text.encode(self.encoding)


def read_source(path: Path) -> EditableFile:
    """A file as Python reads it: by its byte order mark and the encoding that it declares."""
    data = path.read_bytes()
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return EditableFile(data.decode(encoding), encoding)


def edit_file(path: Path, edit: Callable[[str], str]) -> bytes:
    """Return a file's text after an edit, for `writer.rewrite_migration`."""
    source = read_source(path)
    return source.encode(edit(source.text))


def with_dependencies(text: str, by: Mapping[Key, Key | None], *, place: str | None = None) -> str:
    """The text with pairs exchanged in ``dependencies`` and ``run_before``.

    ``by``: what each becomes; None: it is taken out. A pair that would stand there twice stands
    there once. ``place``: the file, for errors. Raises `WriteError` for what is not written out.
    """
    file = _File(text, place, _by_hand(by))
    wanted = {name: _exchange(pairs, by) for name, pairs in file.pairs(_LISTS).items()}
    made = text
    for name in wanted:
        made = _with_exchanged(made, name, by, file)
    return file.check_edit(made, wanted)


def with_dependency(text: str, key: Key, *, place: str | None = None) -> str:
    """The text with one more pair at the end of ``dependencies``, unless it has it.

    Raises `WriteError` where they are not written out.
    """
    file = _File(text, place, f"Put {_show_key(key)} into its dependencies by hand.")
    there = file.pairs(("dependencies",)).get("dependencies")
    if there is not None and key in there:
        return text
    made = _with_first(file, key) if there is None else _with_last(file, key)
    return file.check_edit(made, {"dependencies": [*(there or ()), key]})


def without_replaces(text: str, *, place: str | None = None) -> str:
    """The text without its ``replaces``: a squash that stands for nothing but itself."""
    file = _File(text, place, "Take `replaces` out of its class by hand.")
    found = file.statement("replaces")
    if found is None:
        return text
    start, end = file.lines_of(found)
    if len(file.migration.body) == 1 or not file.stands_alone(found):
        emptied = _put(text, file.span(file.value(found)), "[]")
        return file.check_edit(emptied, {"replaces": []})
    if _is_blank(text[end : _line_end(text, end)]) and file.is_free_above(found):
        end = _line_end(text, end)
    return file.check_edit(text[:start] + text[end:], {}, gone="replaces")


_LISTS = ("dependencies", "run_before")


def _exchange(pairs: Sequence[Key], by: Mapping[Key, Key | None]) -> list[Key]:
    new = (by.get(key, key) for key in pairs)
    return list(dict.fromkeys(key for key in new if key is not None))


def _show_key(key: Key) -> str:
    return f"({quoted(key[0])}, {quoted(key[1])})"


def _by_hand(by: Mapping[Key, Key | None]) -> str:
    says = [
        f"{_show_key(new)} in the place of {_show_key(old)}"
        if new
        else f"nothing for {_show_key(old)}"
        for old, new in by.items()
    ]
    more = f", and {len(says) - 3} more" if len(says) > 3 else ""
    return f"Edit it by hand: put {'; '.join(says[:3])}{more}. Then run the command again."


# -- a file, and where things stand in it ---------------------------------------------------


class _File:
    """A parsed text. ``hint``: what to do by hand where it cannot be edited."""

    def __init__(self, text: str, place: str | None, hint: str) -> None:
        self.text, self.place, self.hint = text, place, hint
        self._starts = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text))]
        try:
            self.tree = ast.parse(text)
        except (SyntaxError, ValueError) as error:
            self.refuse(f"it is no Python: {error}")
        self.migration = self._migration()

    def refuse(self, why: str, node: ast.expr | ast.stmt | None = None) -> NoReturn:
        """Raises the error that names the file, the line and the edit by hand."""
        line = f":{node.lineno}" if node is not None else ""
        raise WriteError(why, place=f"{self.place}{line}" if self.place else None, hint=self.hint)

    def _migration(self) -> ast.ClassDef:
        for node in reversed(self.tree.body):
            if isinstance(node, ast.ClassDef) and node.name == "Migration":
                return node
        self.refuse("there is no `class Migration` at its top level")

    def statement(self, name: str) -> ast.Assign | ast.AnnAssign | None:
        """The one statement of the class that gives a name its value; None where there is none."""
        found = [node for node in self.migration.body if name in _names_in(node)]
        if not found:
            return None
        node = found[0]
        match node:
            case ast.Assign(targets=[ast.Name()]) | ast.AnnAssign(value=ast.expr()):
                if len(found) == 1:
                    return node
        self.refuse(f"`{name}` does not get its value in one plain assignment", node)

    def value(self, statement: ast.Assign | ast.AnnAssign) -> ast.expr:
        """Return the value that a statement gives to its name."""
        assert statement.value is not None
        return statement.value

    def pairs(self, names: Sequence[str]) -> Pairs:
        """The lists of pairs that are there, read. Raises `WriteError` for one not written out."""
        found = ((name, self.statement(name)) for name in names)
        return {name: [key for _, key in self.items(each)] for name, each in found if each}

    def items(self, statement: ast.Assign | ast.AnnAssign) -> list[tuple[ast.expr, Key]]:
        """The pairs of a list or tuple, each with where it stands."""
        value = self.value(statement)
        if not isinstance(value, ast.List | ast.Tuple):
            self.refuse("the list is not written out, and cannot be edited", value)
        return [(each, self._key(each)) for each in value.elts]

    def _key(self, node: ast.expr) -> Key:
        match node.elts if isinstance(node, ast.Tuple | ast.List) else []:
            case [ast.Constant(value=str(app)), ast.Constant(value=str(name))]:
                return app, name
        shown = ast.get_source_segment(self.text, node) or ast.unparse(node)
        self.refuse(f"{shown} is not a pair that is written out, and cannot be edited", node)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return the start and end of a node in the text."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def _offset(self, line: int, column: int) -> int:
        # The parser counts a line's bytes in UTF-8.
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self.text)
        return start + len(self.text[start:end].encode()[:column].decode())

    def lines_of(self, node: ast.stmt) -> tuple[int, int]:
        """From the start of a statement's first line to behind the end of its last."""
        start, end = self.span(node)
        return _line_start(self.text, start), _line_end(self.text, end)

    def stands_alone(self, node: ast.stmt) -> bool:
        """True if nothing but a comment shares its lines."""
        start, end = self.span(node)
        first, last = self.lines_of(node)
        behind = self.text[end:last].strip()
        return _is_blank(self.text[first:start]) and (not behind or behind.startswith("#"))

    def is_free_above(self, node: ast.stmt) -> bool:
        """True if no other statement ends on the line above; words of the class may."""
        before = [each for each in self.migration.body if each.lineno < node.lineno]
        return (
            not before
            or isinstance(before[-1], ast.Expr)
            or (before[-1].end_lineno or 0) < node.lineno - 1
        )

    def check_edit(self, made: str, wanted: Mapping[str, list[Key]], gone: str = "") -> str:
        """Return the edited text, if only what was wanted differs in it."""
        names = {*wanted, gone}
        try:
            after = _File(made, self.place, self.hint)
            right = after.pairs(tuple(wanted)) == dict(wanted)
            same = _without(after.tree, names) == _without(ast.parse(self.text), names)
        except WriteError:
            right = same = False
        if not (right and same):
            self.refuse("it is written in a way that cannot be edited safely")
        return made


def _names_in(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of a class may give a value to, however it does it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id


def _without(tree: ast.Module, names: set[str]) -> str:
    """All that a file says, but for some names of its class."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == "Migration":
            node.body = [each for each in node.body if not names & set(_names_in(each))]
    return ast.dump(tree)


# -- edits ----------------------------------------------------------------------------------


def _put(text: str, span: tuple[int, int], new: str) -> str:
    return text[: span[0]] + new + text[span[1] :]


def _with_exchanged(text: str, name: str, by: Mapping[Key, Key | None], file: _File) -> str:
    """One list with its pairs exchanged, then without those that are to go."""
    now = _File(text, file.place, file.hint)
    items = _items(now, name)
    fates = _fates([key for _, key in items], by)
    text = _all_exchanged(now, items, fates)
    for index in reversed([index for index, fate in enumerate(fates) if fate is None]):
        text = _with_comma(_File(text, file.place, file.hint), name)
        text = _with_one_gone(_File(text, file.place, file.hint), name, index)
    return _close_brackets(text, file, name)


def _items(file: _File, name: str) -> list[tuple[ast.expr, Key]]:
    statement = file.statement(name)
    return file.items(statement) if statement is not None else []


def _fates(keys: Sequence[Key], by: Mapping[Key, Key | None]) -> list[Key | None]:
    """Return the new pair for each old one; None: it goes, as does one that stood there before."""
    seen: set[Key] = set()
    fates: list[Key | None] = []
    for key in keys:
        new = by.get(key, key)
        fates.append(new if new not in seen else None)
        seen.update([new] if new else [])
    return fates


def _all_exchanged(
    file: _File, items: Sequence[tuple[ast.expr, Key]], fates: Sequence[Key | None]
) -> str:
    text = file.text
    for (node, old), new in reversed(list(zip(items, fates, strict=True))):
        if new is None or not isinstance(node, ast.Tuple | ast.List):
            continue
        for part, old_word, word in reversed(list(zip(node.elts, old, new, strict=True))):
            if word != old_word:
                span = file.span(part)
                # In the quotes of the one before it.
                text = _put(text, span, (repr if file.text[span[0]] == "'" else quoted)(word))
    return text


def _with_comma(file: _File, name: str) -> str:
    """A comma behind the last of two in a tuple: alone, it would not be in one without it."""
    spans = [file.span(node) for node, _ in _items(file, name)]
    if len(spans) != 2 or _behind_comma(file.text, spans[-1][1]):
        return file.text
    statement = file.statement(name)
    is_tuple = statement is not None and isinstance(statement.value, ast.Tuple)
    return _put(file.text, (spans[-1][1],) * 2, ",") if is_tuple else file.text


def _with_one_gone(file: _File, name: str, index: int) -> str:
    """One pair less: with its lines where it has lines of its own, else with its comma."""
    text, spans = file.text, [file.span(node) for node, _ in _items(file, name)]
    start, end = spans[index]
    comma = _behind_comma(text, end) or end
    first, last = _line_start(text, start), _line_end(text, comma)
    behind = text[comma:last].strip()
    if _is_blank(text[first:start]) and (not behind or behind.startswith("#")):
        return _put(text, (first, last), "")
    if index + 1 < len(spans):
        rest = spans[index + 1][0]
        return _put(text, (start, rest if _is_blank(text[comma:rest]) else comma), "")
    before = spans[index - 1][1] if index else start
    if "#" in text[before:start]:
        return _put(text, (start, comma), "")
    return _put(text, (before, end if index else comma), "")


def _close_brackets(text: str, file: _File, name: str) -> str:
    """Brackets with nothing but room between them are brought together."""
    now = _File(text, file.place, file.hint)
    statement = now.statement(name)
    if statement is None or _items(now, name):
        return text
    start, end = now.span(now.value(statement))
    return _put(text, (start + 1, end - 1), "") if _is_blank(text[start + 1 : end - 1]) else text


def _behind_comma(text: str, end: int) -> int | None:
    """Return the end of the comma after a pair; None where there is none."""
    found = re.compile(_GAP + ",").match(text, end)
    return found.end() if found else None


def _with_last(file: _File, key: Key) -> str:
    """One pair more, laid out as the one before it."""
    statement = file.statement("dependencies")
    assert statement is not None
    text, spans = file.text, [file.span(node) for node, _ in file.items(statement)]
    start, end = file.span(file.value(statement))
    if not spans:
        comma = "," if text[start] == "(" else ""
        return _put(text, (start + 1, start + 1), f"{_show_key(key)}{comma}")
    last = spans[-1]
    line = _line_start(text, last[0])
    indent = text[line : last[0]]
    between = _line_break(text) + indent if _is_blank(indent) else " "
    comma_end = _behind_comma(text, last[1])
    if comma_end is None:
        return _put(text, (last[1], last[1]), f",{between}{_show_key(key)}")
    if between == " ":
        return _put(text, (comma_end, comma_end), f" {_show_key(key)},")
    after = min(_line_end(text, comma_end), end)
    room = text[after - 1] not in "\r\n"
    at = comma_end if room else after
    new = f"{between}{_show_key(key)}," if room else f"{indent}{_show_key(key)},{_line_break(text)}"
    return _put(text, (at, at), new)


def _with_first(file: _File, key: Key) -> str:
    """A statement for one pair, above the first of the class."""
    body = file.migration.body
    has_words = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    first = body[1] if has_words and len(body) > 1 else body[0]
    start, _ = file.span(first)
    line = _line_start(file.text, start)
    indent = file.text[line:start]
    if not _is_blank(indent):
        file.refuse("its class stands on one line, and cannot be edited", first)
    end = _line_break(file.text)
    return _put(file.text, (line, line), f"{indent}dependencies = [{_show_key(key)}]{end}{end}")


# -- lines ----------------------------------------------------------------------------------


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _line_end(text: str, at: int) -> int:
    found = re.compile(r"\r\n|\r|\n").search(text, at)
    return found.end() if found else len(text)


def _line_break(text: str) -> str:
    found = re.search(r"\r\n|\r|\n", text)
    return found[0] if found else "\n"


def _is_blank(text: str) -> bool:
    return not text.strip()
