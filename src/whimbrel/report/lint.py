"""What `lint` found: for people, for machines, and as SARIF 2.1.0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from whimbrel import __version__
from whimbrel.commands.lint import Linted
from whimbrel.findings import Finding
from whimbrel.lint.rule import Rule
from whimbrel.lint.rules import RULES
from whimbrel.report.findings import finding_json, from_root
from whimbrel.report.text import count_text

_SARIF = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

_NOTHING = "Nothing found"


def summary(linted: Linted) -> str:
    """ "2 errors and 1 warning in 3 migrations that are not committed"."""
    levels = Counter(each.level for each in linted.findings)
    numbers = ((levels["error"], "error"), (levels["warning"], "warning"), (levels["info"], "note"))
    *most, last = [count_text(number, noun) for number, noun in numbers if number] or [_NOTHING]
    said = f"{', '.join(most)} and {last}" if most else last
    where = f"{count_text(linted.migrations, 'migration')} {linted.chosen}".strip()
    left = f", and {linted.ignored} ignored with a reason" if linted.ignored else ""
    return f"{said} in {where}{left}"


def lint_json(linted: Linted) -> dict[str, Any]:
    """All of it for machines."""
    return {
        "migrations": linted.migrations,
        "findings": list(map(finding_json, linted.findings)),
        "ignored": linted.ignored,
    }


def lint_sarif(linted: Linted) -> dict[str, Any]:
    """All of it as SARIF, which code hosts and editors read."""
    driver = {"name": "whimbrel", "version": __version__, "rules": list(map(_rule, RULES))}
    results = _results(linted.findings)
    return {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"{rule.happens} {rule.why}"},
        "help": {"text": rule.instead},
        "defaultConfiguration": {"level": _level(rule.level)},
    }


def _results(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    numbers = {rule.code: number for number, rule in enumerate(RULES)}
    return [
        {
            "ruleId": each.code,
            **({"ruleIndex": numbers[each.code]} if each.code in numbers else {}),
            "level": _level(each.level),
            "message": {"text": f"{each.text}\n{each.hint}" if each.hint else each.text},
            "locations": [_location(each)],
        }
        for each in findings
    ]


def _location(finding: Finding) -> dict[str, Any]:
    place: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": finding.subject}]}
    if finding.file is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": quote(from_root(finding.file))}}
        if finding.line is not None:
            physical["region"] = {"startLine": finding.line}
        place["physicalLocation"] = physical
    return place


def _level(level: str) -> str:
    return "note" if level == "info" else level
