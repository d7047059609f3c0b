"""rel:S06: what the page's own source may not contain: every way to make page, style or program of a text."""

from __future__ import annotations

import re
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "ui"
FORBIDDEN = {
    "a text as page": r"\{@html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|setHTML",
    "a text as page, by a parser": r"createContextualFragment|DOMParser",
    "a text as program": r"\beval\(|\bnew Function\b|\bimport\((?!\s*[\"'`])|set(?:Timeout|Interval)\(\s*[\"'`]|javascript:",
    "a style in an element": r"\sstyle=[\"'{]",
    "something from elsewhere": r"(?:src|href)=[\"']https?://|@import\s+[\"']https?:|url\(\s*[\"']?https?:",
    "a window that can reach back": r"window\.opener|target=[\"']_blank[\"'](?![^>]*noopener|[^>]*noreferrer)",
    "what a page may forget to check": r"postMessage\(|addEventListener\(\s*[\"']message[\"']|document\.domain",
    "a secret where every script reads it": r"(?:local|session)Storage\.setItem\([^)]*(?:token|password|secret|ticket)",
}


def found(text: str) -> list[str]:
    return [what for what, pattern in FORBIDDEN.items() if re.search(pattern, text)]


def test_the_page_makes_nothing_of_a_text_but_text() -> None:
    """rel:S06, rel:S09."""
    files = [
        path
        for path in (*(SOURCE / "src").rglob("*"), SOURCE / "index.html")
        if path.suffix in (".svelte", ".ts", ".html", ".css")
    ]
    assert len(files) > 50
    assert {str(path.relative_to(SOURCE)): found(path.read_text()) for path in files if found(path.read_text())} == {}


def test_each_of_them_would_be_seen() -> None:
    for line in (
        "{@html name}", "box.innerHTML = name", "eval(name)", "new Function(name)", "import(name)", '<div style="color: red">',
        "<p style={x}>", "new DOMParser()",
        '<script src="https://cdn.example/x.js">', "@import 'https://x'", "window.opener.x()", '<a href={x} target="_blank">',
        "addEventListener('message', hear)", "localStorage.setItem('token', x)",
    ):  # fmt: skip
        assert len(found(line)) == 1, line
    assert found('<div style:left="{x}px">') == []
    assert found('import("./pages/live/Live.svelte")') == []
