"""The findings of `check`: for people, for machines, and as GitHub shows them at their lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whimbrel.commands.check import Checked
from whimbrel.commands.check.codes import Unasked
from whimbrel.config import workspace_of_github
from whimbrel.findings import Finding
from whimbrel.report.text import count_text


def check_text(checked: Checked) -> str:
    """Each finding with its place, its code, and what fixes it."""
    return "\n".join(line for each in checked.findings for line in _lines(each))


def _lines(finding: Finding) -> Iterator[str]:
    first, *more = finding.text.splitlines()
    where = f"{finding.place}: " if finding.place else ""
    yield f"{where}{finding.code}: {first}"
    yield from (f"  {line}" for line in (*more, *(finding.hint or "").splitlines()))


def unasked_text(unasked: Unasked) -> str:
    """Return what could not be asked, and why."""
    hint = f"\n  {unasked.hint}" if unasked.hint else ""
    return f"not asked: {', '.join(unasked.codes)}: {unasked.why}{hint}"


def summary(checked: Checked) -> str:
    """ "2 findings"; "Nothing found"."""
    said = count_text(len(checked.findings), "finding") if checked.findings else "Nothing found"
    return f"{said}, and {checked.ignored} ignored" if checked.ignored else said


def check_json(checked: Checked) -> dict[str, Any]:
    """All of it for machines."""
    return {
        "database": checked.database,
        "findings": [
            {
                "code": each.code,
                "level": each.level,
                "message": each.message,
                "app": each.app,
                "subject": each.subject,
                "file": each.file,
                "line": each.line,
                "hint": each.hint,
            }
            for each in checked.findings
        ],
        "unasked": [
            {"codes": list(each.codes), "why": each.why, "hint": each.hint}
            for each in checked.unasked
        ],
        "ignored": checked.ignored,
    }


def check_github(checked: Checked) -> str:
    """Workflow commands: GitHub shows each as an annotation at its line."""
    return "\n".join(map(_annotation, checked.findings))


def _annotation(finding: Finding) -> str:
    properties = {"title": f"whimbrel: {finding.code}"}
    if finding.file is not None:
        properties = {"file": _from_root(finding.file), **properties}
        if finding.line is not None:
            properties = {"file": properties["file"], "line": str(finding.line), **properties}
    told = ",".join(f"{name}={_escape(value, ':,')}" for name, value in properties.items())
    text = f"{finding.text}\n{finding.hint}" if finding.hint else finding.text
    return f"::{finding.level} {told}::{_escape(text)}"


def _escape(text: str, more: str = "") -> str:
    """Escape percent signs, ends of lines, and what ends a property, for GitHub's runner."""
    return "".join(f"%{ord(each):02X}" if each in f"%\r\n{more}" else each for each in text)


def _from_root(file: str) -> str:
    """A file from the root of its repository on, which is what GitHub goes by."""
    path = Path(file).resolve()
    root = _root_of(path)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file


def _root_of(path: Path) -> Path:
    """GitHub's own word counts first: a checkout need not have a .git."""
    workspace = workspace_of_github()
    if workspace is not None and path.is_relative_to(workspace.resolve()):
        return workspace.resolve()
    return next((each for each in path.parents if (each / ".git").exists()), Path.cwd())
