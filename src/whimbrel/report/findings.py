"""Findings: for people, for machines, and as GitHub shows them at their lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from whimbrel.config import workspace_of_github
from whimbrel.findings import Finding


def findings_text(findings: Iterable[Finding]) -> str:
    """Each finding with its place, its code, and what fixes it."""
    return "\n".join(line for each in findings for line in _lines(each))


def _lines(finding: Finding) -> Iterator[str]:
    first, *more = finding.text.splitlines()
    where = f"{finding.place}: " if finding.place else ""
    yield f"{where}{finding.code}: {first}"
    yield from (f"  {line}".rstrip() for line in (*more, *(finding.hint or "").splitlines()))


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding for machines."""
    return {
        "code": finding.code,
        "level": finding.level,
        "message": finding.message,
        "app": finding.app,
        "subject": finding.subject,
        "file": finding.file,
        "line": finding.line,
        "hint": finding.hint,
    }


def findings_github(findings: Iterable[Finding]) -> str:
    """Workflow commands: GitHub shows each as an annotation at its line."""
    return "\n".join(map(_annotation, findings))


def _annotation(finding: Finding) -> str:
    properties = {"title": f"whimbrel: {finding.code}"}
    if finding.file is not None:
        properties = {"file": from_root(finding.file), **properties}
        if finding.line is not None:
            properties = {"file": properties["file"], "line": str(finding.line), **properties}
    told = ",".join(f"{name}={_escape(value, ':,')}" for name, value in properties.items())
    text = f"{finding.text}\n{finding.hint}" if finding.hint else finding.text
    command = "notice" if finding.level == "info" else finding.level
    return f"::{command} {told}::{_escape(text)}"


def _escape(text: str, more: str = "") -> str:
    """Escape percent signs, ends of lines, and what ends a property, for GitHub's runner."""
    return "".join(f"%{ord(each):02X}" if each in f"%\r\n{more}" else each for each in text)


def from_root(file: str) -> str:
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
