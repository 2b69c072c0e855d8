"""What `check` found: for people, and for machines."""

from __future__ import annotations

from typing import Any

from whimbrel.commands.check import Checked
from whimbrel.commands.check.codes import Unasked
from whimbrel.report.findings import finding_json
from whimbrel.report.text import count_text


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
        "findings": list(map(finding_json, checked.findings)),
        "unasked": [
            {"codes": list(each.codes), "why": each.why, "hint": each.hint}
            for each in checked.unasked
        ],
        "ignored": checked.ignored,
    }
