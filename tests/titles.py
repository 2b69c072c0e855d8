"""Titles of cases in tables of tests."""

from __future__ import annotations

import re


def title(value: object) -> str:
    """A value for people, the same in every process: pytest-xdist compares the names of cases."""
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({sorted(value, key=repr)})"
    return re.sub(r" at 0x[0-9a-f]+", "", value if isinstance(value, str) else repr(value))
