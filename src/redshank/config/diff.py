"""What changed between two configurations, as a unified diff without secrets. Pure."""

from __future__ import annotations

import difflib

from redshank.config.veil import veil

CONTEXT = 3
LONGEST = 20_000
"""Lines of a text that is compared line by line; longer ones would keep a thread busy."""


def unified(before: str, after: str) -> str:
    """Empty: nothing changed that may be shown."""
    a, b = veil(before).splitlines(), veil(after).splitlines()
    if len(a) + len(b) > LONGEST:
        return f"@@ {len(a)} lines before, {len(b)} lines now: too long to compare @@"
    return "\n".join(difflib.unified_diff(a, b, "before", "after", lineterm="", n=CONTEXT))
